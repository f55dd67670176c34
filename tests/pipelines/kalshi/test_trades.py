"""Answers with trades of every era become rows of trades, or are refused with their reason."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.kalshi import trades as module

CENTS_OF_2024 = {
    **dict.fromkeys(("count_fp", "yes_price_dollars", "no_price_dollars", "taker_outcome_side", "taker_book_side")),
    "is_block_trade": None,
    "count": 155,
    "yes_price": 42,
    "no_price": 58,
    "taker_side": "yes",
}
MIXED_OF_2026 = {
    **dict.fromkeys(("count_fp", "taker_outcome_side", "taker_book_side", "is_block_trade")),
    "count": 155,
    "price": 0.42,
    "yes_price": 42,
    "no_price": 58,
    "taker_side": "yes",
}


def rules(parsed):
    return parsed.refused["rule"].to_list()


def test_a_trade_of_today_is_a_row_that_the_lake_admits(trades, stored):
    """Price, count, side and microseconds are exact, and the trade is known at its own instant."""
    parsed = trades.parsed(trades.page(trades.record()))

    assert [trades.row()] == stored(parsed)
    assert [] == rules(parsed)


@pytest.mark.parametrize("changes", [CENTS_OF_2024, MIXED_OF_2026])
def test_older_trades_are_the_same_rows(trades, stored, changes):
    """Integer cents and counts, and cents beside dollars: the price of yes is one price."""
    parsed = trades.parsed(trades.page(trades.record(**changes)))

    assert [trades.row(count_centi=15_500)] == stored(parsed)


@pytest.mark.parametrize(("price", "ticks"), [(0.29, 2_900), (0.57, 5_700), ("0.0650", 650), (0.065, 650)])
def test_a_bare_price_is_dollars(trades, stored, price, ticks):
    """In the old answers `price` was a fraction of a dollar, where prices of yes were cents."""
    changes = dict.fromkeys(("yes_price_dollars", "no_price_dollars")) | {"price": price}

    assert [trades.row(yes_price_ticks=ticks)] == stored(trades.parsed(trades.page(trades.record(**changes))))


@pytest.mark.parametrize(
    ("changes", "side"),
    [
        ({"taker_outcome_side": "no", "taker_book_side": "ask"}, "no"),
        ({"taker_outcome_side": None, "taker_book_side": "ask"}, "no"),
        ({"taker_outcome_side": None}, "yes"),
        ({"taker_outcome_side": None, "taker_book_side": None, "taker_side": "no"}, "no"),
        ({"taker_outcome_side": "", "taker_side": "yes"}, "yes"),
    ],
)
def test_the_side_of_the_taker_is_read_in_any_word(trades, stored, changes, side):
    """Who bids on the book of yes has bought yes."""
    assert [trades.row(taker_side=side)] == stored(trades.parsed(trades.page(trades.record(**changes))))


def test_blocks_and_fractions_of_contracts_are_kept(trades, stored):
    """A block is marked, and a hundredth of a contract is a count."""
    record = trades.record(is_block_trade=True, count_fp="0.01")

    assert [trades.row(is_block=True, count_centi=1)] == stored(trades.parsed(trades.page(record)))


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2026-10-04T01:46:15.690388Z", 690_388),
        ("2026-10-04T01:46:15.69Z", 690_000),
        ("2026-10-04T01:46:15Z", 0),
        ("2026-10-04T03:46:15.690388+02:00", 690_388),
    ],
)
def test_a_stamp_of_any_precision_is_exact(trades, text, microsecond):
    """The exchange leaves zeros at the end away."""
    ts_utc = trades.row()["ts_utc"].replace(microsecond=microsecond)

    assert [ts_utc] == trades.parsed(trades.page(trades.record(created_time=text))).frame["ts_utc"].to_list()


def test_pages_overlap_and_a_trade_counts_once(trades, stored):
    """A trade said again in the same words is folded; one that says something else is refused."""
    page = trades.page(trades.record("a"), trades.record("b"))

    parsed = trades.parsed(page, page, trades.page(trades.record("a", count_fp="1.00")))

    assert [trades.row("a"), trades.row("b")] == stored(parsed)
    assert ["trade_id is there twice with different values"] == rules(parsed)


def test_trades_kept_by_market_are_read_too(trades, stored):
    """Others save the tape of an event as one list for each market."""
    by_market = {trades.ticker: [trades.record("a", **CENTS_OF_2024)], "KXHIGHCHI-26OCT04-T70": None}

    assert [trades.row("a", count_centi=15_500)] == stored(trades.parsed(by_market | {"KXHIGHCHI-26OCT04-T70": []}))
    assert [trades.row("a", count_centi=15_500)] == stored(trades.parsed(by_market))


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"trade_id": None}, "trade_id is missing"),
        ({"trade_id": ""}, "trade_id is missing"),
        ({"trade_id": 5}, "Expected `str | null`, got `int` - at `$.trade_id`"),
        ({"ticker": None}, "ticker is missing"),
        ({"ticker": "KXELONMARS-99"}, "series 'KXELONMARS' is another product"),
        ({"created_time": None}, "created_time is missing"),
        ({"created_time": "2026-02-30T00:00:00Z"}, "created_time is no instant of this exchange"),
        ({"created_time": "2026-10-04T01:46:15"}, "created_time is no instant of this exchange"),
        ({"created_time": "1970-01-01T00:00:00Z"}, "created_time is no instant of this exchange"),
        ({"created_time": 1_791_036_000_000}, "Expected `str | null`, got `int` - at `$.created_time`"),
        ({"yes_price_dollars": None}, "the price of yes is missing"),
        ({"yes_price_dollars": "1.0001"}, "the price of yes is no price of $0 to $1"),
        ({"yes_price_dollars": "0.4300"}, "the prices of yes and no do not add up to $1"),
        ({"no_price_dollars": "-0.58"}, "the price of no is no price of $0 to $1"),
        ({"count_fp": None}, "count is missing"),
        ({"count_fp": "-1.00"}, "count is no count"),
        ({"taker_outcome_side": "maybe"}, "Invalid enum value 'maybe' - at `$.taker_outcome_side`"),
        ({"taker_outcome_side": "no"}, "the sides of the taker contradict each other"),
        ({"taker_outcome_side": None, "taker_book_side": None}, "the side of the taker is missing"),
        ({"is_block_trade": "false"}, "Expected `bool | null`, got `str` - at `$.is_block_trade`"),
    ],
)
def test_a_damaged_trade_is_refused_with_its_reason_and_the_rest_is_kept(trades, stored, changes, rule):
    """One trade of three that cannot be read costs nobody else."""
    damaged = trades.record(**{"trade_id": "b"} | changes)

    parsed = trades.parsed(trades.page(trades.record("a"), damaged, trades.record("c")))

    assert [trades.row("a"), trades.row("c")] == stored(parsed)
    assert [True] == [said.startswith(rule) for said in rules(parsed)]
    assert damaged == json.loads(parsed.refused["record_json"][0])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>", "the answer is HTML, not JSON"),
        (b'{"trades":[{"trade_id', "the answer is not whole JSON: it ends too early"),
        (b"{}", "the answer holds no list of trades"),
        (b'{"fills": []}', "the answer holds no list of trades"),
        (b'{"trades": {}}', "the answer holds no list of trades"),
        (b'{"error": {"code": "too_many_requests"}}', "the answer holds no list of trades"),
    ],
)
def test_an_answer_that_is_none_is_refused_whole_and_the_others_kept(trades, stored, body, said):
    """A page of HTML, a page cut off or an error harm nobody."""
    parsed = trades.parsed(body, trades.page(trades.record()))

    assert [trades.row()] == stored(parsed)
    assert [True] == [said in rule for rule in rules(parsed)]


@pytest.mark.parametrize("nothing", [{"trades": []}, {"trades": None, "cursor": ""}])
def test_a_market_without_trades_is_no_rows_and_no_refusal(trades, nothing):
    """Silence is an answer."""
    parsed = trades.parsed(nothing)

    assert (0, 0) == (parsed.frame.height, parsed.refused.height)


def test_a_record_that_is_none_is_refused_alone(trades, stored):
    """A number among the trades leaves the others."""
    parsed = trades.parsed(trades.page(5, trades.record(), [None]))

    assert [trades.row()] == stored(parsed)
    assert 2 == parsed.refused.height


def test_many_rows_leave_in_several_frames(trades, payload, monkeypatch):
    """A long replay is handed over as it goes."""
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 2)
    pages = [payload("kalshi_trades", trades.page(trades.record(name))) for name in "abc"]

    assert [2, 1] == [parsed.frame.height for parsed in module.parse_trades(pages)]


WORDS = st.one_of(
    st.sampled_from(
        [
            None,
            True,
            False,
            0,
            42,
            -1,
            10**30,
            0.42,
            42.0,
            "",
            "0.42",
            "0.4200",
            "00.42",
            "42",
            "-0.42",
            "yes",
            "no",
            "ask",
        ]
    ),
    st.sampled_from(
        ["2026-10-04T01:46:15.6Z", "2026-10-04T24:00:00Z", "02026-10-04T00:00:00Z", "NaT", "now", {}, [], "\n"]
    ),
    st.sampled_from(["155.25\n1.00", "2026-10-04T01:46:15Z\n2026-10-04T01:46:15Z", "9" * 15 + ".99", "9" * 16 + ".99"]),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)
_OLDER = ("count", "yes_price", "no_price", "price", "taker_side", "nobody_knows")
_CHANGES = st.dictionaries(
    st.sampled_from([*MIXED_OF_2026, *_OLDER, "trade_id", "ticker", "created_time"]), WORDS, max_size=2
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.booleans(), _CHANGES), min_size=1, max_size=5))
def test_the_quick_way_and_the_careful_way_give_the_same_answer(trades, drawn):
    """Read at once or record by record: the same rows, the same refusals, and nothing raised or lost."""
    page = trades.page(*(_changed(trades, *one) for one in drawn))

    quick = trades.parsed(page)
    shapes = module._PAGES, module._BY_MARKET
    module._PAGES = module._BY_MARKET = _NeverQuick()
    try:
        careful = trades.parsed(page)
    finally:
        module._PAGES, module._BY_MARKET = shapes

    assert quick.frame.equals(careful.frame)
    assert quick.refused.sort("record_json", "rule").equals(careful.refused.sort("record_json", "rule"))
    refused = {str(json.loads(text)["trade_id"]) for text in quick.refused["record_json"]}
    assert {str(one["trade_id"]) for one in page["trades"]} == refused | set(quick.frame["trade_id"])


class _NeverQuick:
    def read(self, body):
        return None


def _changed(trades, trade_id, is_old, changes):
    record = trades.record(trade_id, **(MIXED_OF_2026 if is_old else {}))
    return copy.deepcopy(record) | changes


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(["yes_price_dollars", "count_fp", "created_time", "is_block_trade", "trade_id", "ticker"]),
    word=WORDS,
)
def test_any_changed_field_is_what_it_says_or_refused(trades, name, word):
    """Never an exception, never a value that was not said."""
    parsed = trades.parsed(trades.page(trades.record("a"), trades.record("b", no_price_dollars=None) | {name: word}))

    assert 2 == parsed.frame.height + parsed.refused.height or word == "a"
    assert trades.row("a") == parsed.frame.select(trades.row().keys()).to_dicts()[0]
    said = {trades.row()[of] for of in trades.row()} | _meanings(word)
    for row in parsed.frame.select(trades.row().keys()).to_dicts()[1:]:
        assert {row[of] for of in ("trade_id", "yes_price_ticks", "count_centi", "is_block")} <= said | {"b"}


def _meanings(word):
    is_plain = isinstance(word, str) and word.isascii() and word.replace(".", "", 1).isdigit()
    scaled = {int(word.partition(".")[0]) * by + _decimals(word, by) for by in (100, 10_000)} if is_plain else set()
    return scaled | ({word} if isinstance(word, str | bool) else set())


def _decimals(word, by):
    places = len(str(by)) - 1
    return int(word.partition(".")[2][:places].ljust(places, "0"))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(future=st.lists(st.tuples(st.integers(0, 5), _CHANGES), max_size=4))
def test_trades_after_an_instant_never_change_the_rows_before_it(trades, future):
    """Whatever is said of later trades, what was known stays as it was."""
    told = [trades.record(name) for name in "abc"]
    later = [
        trades.record(f"later {number}", created_time="2026-10-04T02:00:00Z")
        | {name: word for name, word in changes.items() if name != "created_time"}
        | {"trade_id": f"later {number}"}
        for number, changes in future
    ]

    rows = trades.parsed(trades.page(*later, *told)).frame

    assert trades.parsed(trades.page(*told)).frame.equals(rows.filter(rows["ts_utc"] <= trades.row()["ts_utc"]))
