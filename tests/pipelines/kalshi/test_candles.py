"""Answers with candles of every tier and era become rows of candles_1m, or are refused with their reason."""

from __future__ import annotations

import copy
import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.kalshi import candles as module

RECEIVED_UTC = datetime(2026, 10, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
SIDES = ("yes_bid", "yes_ask", "price")
MOMENTS = ("open", "high", "low", "close")
NO_TRADE = (
    {},
    None,
    {"previous_dollars": "0.4100"},
    dict.fromkeys((*MOMENTS, "mean", "previous")),
    {"previous": 41, **dict.fromkeys((*MOMENTS, "mean", "min", "max"))},
)


def rules(parsed):
    return parsed.refused["rule"].to_list()


def test_a_candle_of_today_is_a_row_that_the_lake_admits(candles, stored):
    """Every price, count and stamp is exact, and the row is known at the end of its minute."""
    parsed = candles.parsed(candles.single(candles.record()))

    assert [candles.row()] == stored(parsed)
    assert [] == rules(parsed)


def test_both_tiers_and_the_cents_of_old_say_the_same(candles, stored):
    """A bare key is dollars where it is text, cents where it is a number; the dollars of a mixed record count."""
    cents = {
        side: {moment: ticks // 100 for moment, ticks in zip(MOMENTS, ohlc, strict=True)}
        for side, ohlc in {"yes_bid": (4_000, 4_100, 3_900, 4_000), "price": (4_100,) * 4}.items()
    }
    old = candles.record(volume=10, open_interest=562) | {"volume_fp": None, "open_interest_fp": None}
    old |= cents | {"yes_ask": dict(zip(MOMENTS, (42, 43.0, 42, 43), strict=True))}
    mixed = candles.record()
    mixed["yes_bid"] |= dict.fromkeys(MOMENTS, 99)

    assert [candles.row()] == stored(candles.parsed(candles.single(candles.historical())))
    assert [candles.row()] == stored(candles.parsed(candles.single(mixed)))
    (row,) = stored(candles.parsed(candles.single(old)))
    assert (3_900, 4_300, 1_000, 56_200) == (
        row["yes_bid_low_ticks"],
        row["yes_ask_close_ticks"],
        row["volume_centi"],
        row["open_interest_centi"],
    )


@pytest.mark.parametrize("price", NO_TRADE)
def test_a_minute_without_a_trade_has_no_price(candles, stored, price):
    """An empty price, nulls, or the trade before the minute are no trade of the minute."""
    (row,) = stored(candles.parsed(candles.single(candles.record(price=price, volume_fp="0.00"))))

    assert [None] * 4 == [row[f"price_{moment}_ticks"] for moment in MOMENTS]


def test_the_shell_of_a_settled_market_is_a_row(candles, stored):
    """Bid 0 and offer 1 are quotes like others: an empty book."""
    shell = {f"{moment}_dollars": "0.0000" for moment in MOMENTS}, {f"{moment}_dollars": "1.0000" for moment in MOMENTS}

    (row,) = stored(candles.parsed(candles.single(candles.record(yes_bid=shell[0], yes_ask=shell[1]))))

    assert (0, 10_000) == (row["yes_bid_close_ticks"], row["yes_ask_close_ticks"])


def test_a_batch_and_an_event_are_their_markets(candles, stored):
    """Each market has its own candles; one that was silent has none, and null is an empty list."""
    record = candles.record()
    batch = {
        "markets": [
            {"market_ticker": candles.ticker, "candlesticks": [record]},
            {"market_ticker": candles.other, "candlesticks": []},
        ]
    }
    event = {"market_tickers": [candles.other, candles.ticker], "market_candlesticks": [None, [record]]}

    for answer in (batch, event | {"adjusted_end_ts": 1}):
        assert [candles.row()] == stored(candles.parsed(answer))


def test_a_minute_told_again_counts_once_as_it_was_told_last(candles, stored):
    """The exchange may tell a minute otherwise later; the later word counts."""
    earlier = candles.record(volume_fp="1.00")

    assert [candles.row()] == stored(candles.parsed(candles.single(earlier), candles.single(candles.record())))


def test_of_answers_that_differ_the_older_is_refused_and_one_that_agrees_is_folded(candles, stored):
    """What came last counts in whatever order it lies; nothing that said something else goes silently."""
    other = candles.record(volume_fp="1.00")
    told = [candles.single(candles.record()), candles.single(other), candles.single(candles.record())]

    parsed = candles.parsed(*told)
    reversed_in_time = candles.parsed_at((RECEIVED_UTC + HOUR, told[0]), (RECEIVED_UTC, told[1]))

    assert [candles.row()] == stored(parsed) == stored(reversed_in_time)
    assert ["told otherwise later"] == rules(parsed) == rules(reversed_in_time)
    assert other == json.loads(parsed.refused["record_json"][0])["candle"]


def test_an_answer_that_contradicts_itself_keeps_its_first_word(candles, stored):
    """Said twice in the same words is said once; another word for the same minute is damage, and is refused."""
    again, other = candles.record(), candles.record(volume_fp="1.00")

    parsed = candles.parsed(candles.single(candles.record(), again, other))

    assert [candles.row()] == stored(parsed)
    assert ["market_ticker, ts_utc is there twice with different values"] == rules(parsed)
    assert other == json.loads(parsed.refused["record_json"][0])["candle"]


def test_a_minute_that_was_running_at_the_receipt_is_refused(candles):
    """What a candle says before its minute is over would still change: at its stamp nobody could have known it."""
    told = candles.single(candles.record(1), candles.record(2))
    received_utc = candles.row(2)["ts_utc"] - timedelta(seconds=1)

    parsed = candles.parsed(told, received_utc=received_utc)

    assert [candles.row(1)["ts_utc"]] == parsed.frame["ts_utc"].to_list()
    assert ["its minute was not over when it was received"] == rules(parsed)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"end_period_ts": 1_791_036_060_000}, "end_period_ts is in milliseconds, not in seconds"),
        ({"end_period_ts": 1_791_036_061}, "end_period_ts is no whole minute"),
        ({"end_period_ts": -60}, "end_period_ts is no time of this exchange"),
        ({"end_period_ts": "1791036060"}, "Expected `int`, got `str` - at `$.end_period_ts`"),
        ({"yes_bid": None}, "yes_bid.open is missing"),
        ({"yes_bid": {}, "yes_ask": {}, "price": {"previous_dollars": "0.4"}}, "a candle without quotes: the filler"),
        ({"yes_bid": "0.42"}, "Expected `object | null`, got `str` - at `$.yes_bid`"),
        ({"price": {"open_dollars": "0.41"}}, "some of the four prices are missing"),
        ({"volume_fp": None}, "volume is missing"),
        ({"volume_fp": "-1.00"}, "volume is no count"),
        ({"volume_fp": "nan"}, "volume is no count"),
        ({"volume_fp": None, "volume": 10**30}, "volume is no count"),
        ({"open_interest_fp": "1.001"}, "open_interest is no count"),
        ({"open_interest_fp": 5}, "Expected `str | null`, got `int` - at `$.open_interest_fp`"),
    ],
)
def test_a_damaged_candle_is_refused_with_its_reason_and_the_rest_is_kept(candles, stored, changes, rule):
    """One candle of three that cannot be read costs nobody else."""
    answer = candles.single(candles.record(1), candles.record(2, **changes), candles.record(3))

    parsed = candles.parsed(answer)

    assert [candles.row(1), candles.row(3)] == stored(parsed)
    assert [True] == [said.startswith(rule) for said in rules(parsed)]
    assert [candles.ticker] == parsed.refused["subject"].to_list()
    assert answer["candlesticks"][1] == json.loads(parsed.refused["record_json"][0])["candle"]


@pytest.mark.parametrize(
    "word", ["1.0001", "-0.01", "0.42 ", "4e-1", "NaN", "", "0.42001", 101, -1, 41.5, True, ["0.42"]]
)
@pytest.mark.parametrize("side", SIDES)
def test_what_is_no_price_refuses_the_row(candles, side, word):
    """A price is a dollar text or whole cents, from 0 to 1."""
    record = candles.record()
    record[side] = dict.fromkeys(MOMENTS, word)

    parsed = candles.parsed(candles.single(record))

    assert (0, 1) == (parsed.frame.height, parsed.refused.height)
    assert f"{side}.open" in rules(parsed)[0]


def test_candles_of_hours_are_refused(candles):
    """Several candles that all end at whole hours are no minutes; two may be chance."""
    hourly = [candles.record(60 * hour) for hour in range(3)]

    assert ["a candle of an hour or a day, not of a minute"] * 3 == rules(candles.parsed(candles.single(*hourly)))
    assert 2 == candles.parsed(candles.single(*hourly[:2])).frame.height
    assert 4 == candles.parsed(candles.single(*hourly, candles.record(1))).frame.height


@pytest.mark.parametrize("period", ["60", "1440"])
def test_what_was_asked_for_by_the_hour_or_the_day_is_refused_however_few(candles, period):
    """No answer says its period; the question does."""
    answer = candles.single(candles.record(0), candles.record(1))

    parsed = candles.parsed(answer, asked={"period_interval": period})

    assert ["a candle of an hour or a day, not of a minute"] * 2 == rules(parsed)
    assert 0 == parsed.frame.height


def test_minutes_that_were_asked_for_are_minutes_on_whole_hours_too(candles):
    """A thin market may move at three, four and five o'clock sharp: nothing is guessed where the question is known."""
    answer = candles.single(*(candles.record(60 * hour) for hour in range(3)))

    assert 3 == candles.parsed(answer, asked={"period_interval": "1"}).frame.height


@pytest.mark.parametrize(
    ("ticker", "said"),
    [
        ("KXELONMARS-99", "is another product"),
        ("KXHIGHCHI-26OCT04", "is not a market ticker"),
        (None, "ticker is missing"),
        (7, "ticker is missing"),
    ],
)
def test_candles_of_another_product_are_refused(candles, stored, ticker, said):
    """A batch over the whole exchange keeps what is ours."""
    ours, theirs = {"market_ticker": candles.ticker}, {"market_ticker": ticker}
    record = {"candlesticks": [candles.record()]}

    parsed = candles.parsed({"markets": [theirs | record, ours | record]})

    assert [candles.row()] == stored(parsed)
    assert [True] == [said in rule for rule in rules(parsed)]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<!DOCTYPE html><html>", "the answer is HTML, not JSON"),
        (b'{"ticker":"A","candlesticks":[{"end_pe', "the answer is not whole JSON: it ends too early"),
        (b"", "the answer is not whole JSON: it ends too early"),
        (b'{"a": NaN}', "the answer is not whole JSON"),
        (b"\xff\xfe{}", "the answer is not whole JSON"),
        (b'{"ticker": "\xff"}', "the answer is not whole JSON"),
        (b"[" * 100_000, "the answer is nested too deeply"),
        (b"[]", "the answer is JSON, but no object"),
        (b'{"error": {"code": "not_found"}}', "the answer holds no candlesticks"),
        (b'{"markets": 5}', "the answer holds no lists of candles"),
        (b'{"market_tickers": ["A"], "market_candlesticks": [[], []]}', "are not of one length"),
    ],
)
def test_an_answer_that_is_none_is_refused_whole_and_the_others_kept(candles, stored, body, said):
    """A page of HTML, a body cut off or an error say nothing, and harm nobody."""
    parsed = candles.parsed(body, candles.single(candles.record()))

    assert [candles.row()] == stored(parsed)
    assert [True] == [said in rule for rule in rules(parsed)]


def test_a_list_of_another_type_is_refused_alone(candles, stored):
    """One market of a batch whose candles are no list leaves the others."""
    good, bad = (
        {"market_ticker": name, "candlesticks": of}
        for name, of in ((candles.ticker, [candles.record()]), (candles.other, {"a": 1}))
    )

    parsed = candles.parsed({"markets": [bad, good]})

    assert [candles.row()] == stored(parsed)
    assert [(candles.other, "candlesticks is no list")] == parsed.refused.select("subject", "rule").rows()


def test_new_fields_are_ignored_and_told_once(candles, stored, caplog):
    """What the exchange adds costs nothing, and somebody hears of it."""
    answer = candles.single(candles.record(brand_new_field={"deep": 1}))

    with caplog.at_level(logging.WARNING):
        parsed = candles.parsed(answer, answer)

    assert [candles.row()] == stored(parsed)
    assert 1 == sum("brand_new_field" in message for message in caplog.messages)


def test_every_new_field_is_told_not_only_the_first(candles, caplog):
    """Also one beside another, one in a later candle only, and one deeper down."""
    deep = candles.record(2, second_new=1)
    deep["yes_bid"] |= {"third_new": 1}
    answer = candles.single(candles.record(1, first_new=1), deep, candles.record(3, first_new=1, fourth_new=1))

    with caplog.at_level(logging.WARNING):
        candles.parsed(answer, answer)

    told = [sum(f"`{name}_new`" in message for message in caplog.messages) for name in ("first", "second", "third")]
    assert [1, 1, 1, 1] == [*told, sum("`fourth_new`" in message for message in caplog.messages)]


def test_a_new_field_is_told_wherever_it_stands_in_a_batch_or_an_event(candles, caplog):
    """The first market may have no candles, and a side may have the new field in a later minute only."""
    deep, plain = candles.record(2), candles.record()
    deep["yes_ask"] |= {"new_on_a_side": 1}
    quiet, moved = ({"market_ticker": candles.ticker, "candlesticks": some} for some in ([], [plain, deep]))
    event = {"market_tickers": [candles.ticker, candles.other], "market_candlesticks": [[plain, deep], None]}

    with caplog.at_level(logging.WARNING):
        candles.parsed({"markets": [quiet, moved, quiet]}, event)

    assert 2 == sum("new_on_a_side" in message for message in caplog.messages)


def test_many_rows_leave_in_several_frames(candles, payload, monkeypatch):
    """A long replay is handed over as it goes."""
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 2)
    answers = [payload("kalshi_candles", candles.single(candles.record(minute))) for minute in (1, 2, 3)]

    assert [2, 1] == [parsed.frame.height for parsed in module.parse_candles(answers)]
    assert [] == list(module.parse_candles([]))


WORDS = st.one_of(
    st.sampled_from(
        [
            None,
            True,
            0,
            41,
            -1,
            10**30,
            0.41,
            41.0,
            1e300,
            "",
            "0.41",
            "0.4100",
            "00.41",
            "1.0000",
            "41",
            "-0.41",
            " 0.41",
            *("nan", "0.410000000", "\u0660.\u0664", {}, [], {"open_dollars": "0.5000"}, "<html>", 1_791_036_120),
        ]
    ),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)
FIELDS = [
    *(("end_period_ts",), ("yes_bid",), ("yes_ask",), ("price",), ("volume_fp",), ("open_interest_fp",), ("volume",)),
    *((side, f"{moment}{suffix}") for side in SIDES for moment in MOMENTS for suffix in ("", "_dollars")),
    *(("price", "mean_dollars"), ("yes_bid", "nobody_knows"), ("nobody_knows",)),
]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(field=st.sampled_from(FIELDS), word=WORDS, is_historical=st.booleans())
def test_any_changed_field_ends_in_the_same_row_another_true_row_or_a_refusal(
    candles, stored, field, word, is_historical
):
    """Never an exception, never a value that was not said, and never a change to the candle beside it."""
    record = candles.historical(2) if is_historical else candles.record(2)
    changed = copy.deepcopy(record)
    node = changed[field[0]] if len(field) > 1 else changed
    node[field[-1]] = word

    parsed = candles.parsed(candles.single(candles.record(1), changed))

    assert 2 == parsed.frame.height + parsed.refused.height
    assert (
        candles.row(1)
        == parsed.frame.filter(ts_utc=candles.row(1)["ts_utc"]).select(candles.row(1).keys()).to_dicts()[0]
    )
    told = _numbers(changed)
    for row in parsed.frame.filter(ts_utc=candles.row(2)["ts_utc"]).to_dicts():
        assert {
            value for name, value in row.items() if name.endswith(("_ticks", "_centi")) and value is not None
        } <= told


def _numbers(record):
    """Every price in ticks and count in hundredths that a record can mean."""
    words = [word for value in record.values() for word in (value.values() if isinstance(value, dict) else [value])]
    plain = [word for word in words if isinstance(word, str) and word.isascii() and word.replace(".", "", 1).isdigit()]
    cents = {int(word) * 100 for word in words if isinstance(word, int | float) and word == int(word)}
    return cents | {round(float(word) * scale) for word in plain for scale in (100, 10_000)}


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    records=st.lists(
        st.tuples(st.integers(1, 9), st.sampled_from(FIELDS), WORDS, st.booleans()), min_size=1, max_size=5
    )
)
def test_the_quick_way_and_the_careful_way_give_the_same_answer(candles, records):
    """Read at once or record by record: the same rows and the same refusals."""
    answer = candles.single(*(_changed(candles, *one) for one in records))

    quick = candles.parsed(answer)
    module_shape, module._SHAPE = module._SHAPE, _NeverQuick()
    try:
        careful = candles.parsed(answer)
    finally:
        module._SHAPE = module_shape

    assert quick.frame.equals(careful.frame)
    assert quick.refused.sort("record_json").equals(careful.refused.sort("record_json"))


class _NeverQuick:
    def read(self, body):
        return None


def _changed(candles, minute, field, word, is_historical):
    record = copy.deepcopy(candles.historical(minute) if is_historical else candles.record(minute))
    node = record[field[0]] if len(field) > 1 else record
    node[field[-1]] = word
    return record


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    past=st.lists(st.integers(1, 20), unique=True), future=st.lists(st.tuples(st.integers(21, 40), WORDS), max_size=4)
)
def test_candles_after_a_minute_never_change_the_rows_before_it(candles, past, future):
    """Whatever is said of later minutes, what was known stays as it was."""
    told = candles.single(*(candles.record(minute) for minute in past))
    lied = candles.single(
        *told["candlesticks"], *(candles.record(m, yes_bid=word, volume_fp=word) for m, word in future)
    )

    rows = candles.parsed(lied).frame

    assert candles.parsed(told).frame.equals(rows.filter(rows["ts_utc"] <= candles.row(20)["ts_utc"]))
