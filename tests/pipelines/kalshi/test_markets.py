"""Market records of every era become rows of `markets`, or are refused with their reason."""

from __future__ import annotations

import json
import logging
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.kalshi.markets import parse_markets
from pipelines.kalshi.records import degrees_in
from pipelines.payload import REFUSED_SCHEMA, Parsed
from warehouse.lake.tables import MARKETS

EVENT = "KXHIGHCHI-26OCT04"
STRIKES = {  # suffix: strike_type, floor, cap, words
    "T70": ("less", None, 70, "69° or below"),
    "B70.5": ("between", 70, 71, "70° to 71°"),
    "B72.5": ("between", 72, 73, "72° to 73°"),
    "T73": ("greater", 73, None, "74° or above"),
}
LISTED = {
    "open_time": "2026-10-03T14:00:00Z",
    "close_time": "2026-10-05T06:00:00Z",
    "created_time": "2026-10-03T13:58:00.123456Z",
    "status": "active",
    "result": "",
    "expiration_value": "",
    "volume_fp": "562.24",
}
SETTLED = {"status": "finalized", "settlement_ts": "2026-10-05T12:01:00Z", "expiration_value": "73.00"}
WORDLESS = {"strike_type": None, "floor_strike": None, "cap_strike": None, "yes_sub_title": ""}


def event(*, event_ticker: str = EVENT, by_suffix: dict | None = None, **changes: object) -> list[dict[str, object]]:
    """Return the four records of an event, with changes to all of them and to single ones."""
    records = []
    for suffix, (kind, floor, cap, words) in STRIKES.items():
        told = {"ticker": f"{event_ticker}-{suffix}", "event_ticker": event_ticker, "yes_sub_title": words}
        strikes = {"strike_type": kind, "floor_strike": floor, "cap_strike": cap}
        records.append(LISTED | told | strikes | changes | (by_suffix or {}).get(suffix, {}))
    return records


def settled_event(winner: str = "B72.5", **changes: object) -> list[dict[str, object]]:
    """Return a finished event in which one bracket won and 73 °F was the high."""
    results = {suffix: {"result": "yes" if suffix == winner else "no"} for suffix in STRIKES}
    return event(**{"by_suffix": results} | SETTLED | changes)


def admitted(parsed: Parsed) -> pl.DataFrame:
    """Return the rows as the lake stores them."""
    return pl.concat(MARKETS.admit(rows, partition) for partition, rows in MARKETS.split(parsed.frame))


def column(records: list[dict[str, object]], name: str) -> list[object]:
    return parse_markets(records).frame.sort("bracket_order")[name].to_list()


def rules(records: list[dict[str, object]]) -> set[str]:
    return set(parse_markets(records).refused["rule"])


def test_a_listed_event_becomes_rows_that_the_lake_admits():
    """Bounds, order, city and day are read from the record of 2026 as it came."""
    parsed = parse_markets(event())

    rows = admitted(parsed).sort("bracket_order")
    assert [(None, 69), (70, 71), (72, 73), (74, None)] == rows.select("low_f", "high_f").rows()
    assert [1, 2, 3, 4] == rows["bracket_order"].to_list()
    assert {("chicago", date(2026, 10, 4))} == set(parsed.frame.select("city", "event_date").iter_rows())
    assert 0 == parsed.refused.height


def test_a_listed_market_tells_nothing_of_its_end():
    """Result, value and settlement are null until the exchange says them; fees are null where it does not."""
    unknown = ["result", "expiration_value_f", "settled_utc", "fee_type", "fee_multiplier_milli"]

    rows = parse_markets(event()).frame

    assert {(None,) * 5} == set(rows.select(unknown).iter_rows())


def test_no_records_are_no_rows():
    """Both frames have their columns when there is nothing to say."""
    parsed = parse_markets([])

    assert (0, 0) == (parsed.frame.height, parsed.refused.height)
    assert REFUSED_SCHEMA == parsed.refused.schema


@pytest.mark.parametrize(
    ("fields", "centi"),
    [
        ({"volume_fp": "562.24"}, 56_224),
        ({"volume_fp": None, "volume": 562}, 56_200),
        ({"volume_fp": "0.00", "volume": 7}, 0),
        ({"volume_fp": None}, None),
    ],
)
def test_volume_is_read_in_the_words_of_every_era(fields, centi):
    """The fractional text counts before the legacy integer."""
    assert [centi] * 4 == column(event(**fields), "volume_centi")


def test_fees_are_exact_thousandths():
    """A multiplier is stored as an integer."""
    records = event(fee_type="quadratic", fee_multiplier=0.035)

    assert {("quadratic", 35)} == set(
        parse_markets(records).frame.select("fee_type", "fee_multiplier_milli").iter_rows()
    )


@pytest.mark.parametrize("as_text", [int, float, str])
def test_strikes_are_numbers_of_any_spelling(as_text):
    """70, 70.0 and "70" are one strike."""
    records = event()
    for record in records:
        record |= {name: as_text(record[name]) for name in ("floor_strike", "cap_strike") if record[name] is not None}

    assert [None, 70, 72, 73] == column(records, "floor_strike")


@pytest.mark.parametrize(
    ("name", "source"), [("yes_sub_title", "subtitle"), ("subtitle", "subtitle"), ("", "siblings")]
)
@pytest.mark.parametrize("suffix", STRIKES)
def test_null_strikes_are_repaired_from_words_or_siblings(suffix, name, source):
    """Null strikes marked the winners once: repaired, the row says no more than its siblings do."""
    whole = parse_markets(event()).frame.drop("bounds_source")
    bare = WORDLESS | {name: STRIKES[suffix][3]}

    frame = parse_markets(event(by_suffix={suffix: bare})).frame

    assert whole.equals(frame.drop("bounds_source"))
    assert {(f"{EVENT}-{suffix}", source)} == set(
        frame.filter(bounds_source=source).select("market_ticker", "bounds_source").iter_rows()
    )


def test_two_markets_without_bounds_refuse_their_event():
    """One gap between siblings is a bracket, two are a guess."""
    records = event(by_suffix={"B70.5": WORDLESS, "B72.5": WORDLESS})

    assert {f"event {EVENT}: 2 markets say neither strikes nor subtitle"} == rules(records)


def test_an_event_that_does_not_tile_is_refused_whole():
    """A lost bracket makes every probability of the event wrong; other events are kept."""
    lost, other = event()[:1] + event()[2:], event(event_ticker="KXHIGHCHI-26OCT05")

    parsed = parse_markets(lost + other)

    assert {"KXHIGHCHI-26OCT05"} == set(parsed.frame["event_ticker"])
    assert [f"{EVENT}-T70", f"{EVENT}-B72.5", f"{EVENT}-T73"] == parsed.refused["subject"].to_list()
    assert parsed.refused["rule"][0].startswith("brackets do not tile: ")
    assert "overlap or leave a gap" in parsed.refused["rule"][0]


def test_strikes_that_contradict_the_subtitle_are_refused():
    """Of two truths about what a market pays for, none is taken."""
    records = event(by_suffix={"B70.5": {"yes_sub_title": "71° to 72°"}})

    assert "the strikes pay for 70 to 71 °F, the subtitle says 71 to 72 °F" in rules(records)


@pytest.mark.parametrize("ticker", ["KXHIGHTATL-26OCT04-B72.5", "KXLOWTCHI-26OCT04-T50", "KXMVENFL-S2025-688B", "X"])
def test_another_product_is_refused_and_the_rest_kept(ticker):
    """A listing of the whole exchange is no error."""
    parsed = parse_markets([{"ticker": ticker}, *event()])

    assert (4, 1) == (parsed.frame.height, parsed.refused.height)
    assert "is another product" in parsed.refused["rule"][0]
    assert {"ticker": ticker} == json.loads(parsed.refused["record_json"][0])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"ticker": None}, "ticker is missing"),
        ({"ticker": 7}, "ticker 7 is not text"),
        ({"ticker": "KXHIGHCHI-26FEB30-T70"}, "names a date that does not exist"),
        ({"event_ticker": "KXHIGHCHI-26OCT05"}, "is not the event of its ticker"),
        ({"open_time": ""}, "open_time is missing"),
        ({"open_time": "yesterday"}, "open_time 'yesterday' is not an instant"),
        ({"close_time": "2026-10-05T06:00:00"}, "close_time '2026-10-05T06:00:00' has no time zone"),
        ({"status": None}, "status is missing"),
        ({"result": "scalar"}, "result 'scalar' is neither yes nor no"),
        ({"volume_fp": "1.001"}, "count '1.001' is no number"),
        ({"volume_fp": True}, "count 'True' is no number"),
        ({"floor_strike": True}, "floor_strike True is not a number"),
        ({"cap_strike": float("nan")}, "cap_strike nan is no number"),
        ({"cap_strike": 1e300}, "is no number that the exchange would say"),
        ({"close_time": "9999-12-31T23:59:59Z"}, "is no time of this exchange"),
        ({"fee_multiplier": "0.00005"}, "finer than one thousandth"),
    ],
)
def test_a_damaged_record_is_refused_with_its_reason_and_its_event_with_it(fields, said):
    """Nothing unreadable is guessed, and an event without one of its brackets does not tile."""
    parsed = parse_markets(event(by_suffix={"T70": fields}))

    assert (0, 4) == (parsed.frame.height, parsed.refused.height)
    assert said in parsed.refused["rule"][0]
    assert "unpaid" in parsed.refused["rule"][1]


def test_a_market_said_twice_is_one_row():
    """Pages of a listing may overlap."""
    parsed = parse_markets(event() + event())

    assert (4, 0) == (parsed.frame.height, parsed.refused.height)


def test_of_a_market_said_twice_the_last_word_counts():
    """Records come in the order of their receipt, and a market that trades is told anew each time."""
    parsed = parse_markets(event() + event(volume_fp="600.00")[:1])

    assert [60_000, 56_224, 56_224, 56_224] == parsed.frame.sort("bracket_order")["volume_centi"].to_list()
    assert 0 == parsed.refused.height


def test_a_market_that_has_ended_is_not_opened_again_by_an_older_page():
    """A final record counts before one that is not, whichever came last."""
    assert ["no", "no", "yes", "no"] == column(settled_event() + event(), "result")


def test_a_fair_price_refuses_its_event_only():
    """Where the exchange settles between yes and no, that event has no winner; the others are as they were."""
    fair = event(event_ticker="KXHIGHCHI-26OCT05", result="scalar", status="finalized")

    parsed = parse_markets(fair + settled_event())

    assert {EVENT} == set(parsed.frame["event_ticker"])
    assert [True] * 4 == ["settled at a fair price" in rule for rule in parsed.refused["rule"]]


@pytest.mark.parametrize("bands", [[5], [{}], [{"step": 0.01}], [{"step": "1e-2"}], [None]])
def test_a_price_grid_that_is_none_refuses_the_record(bands):
    """A grid of another type than text is damage, not a step."""
    assert {True} == {("price" in rule) for rule in rules(event(price_ranges=bands))}


@pytest.mark.parametrize("grid", [{"price_ranges": [{"step": "0.0000"}]}, {"tick_size": 0}])
def test_a_step_of_nothing_refuses_the_record(grid):
    """No quote could ever move by it."""
    assert {True} == {rule.startswith("a price step of ") for rule in rules(event(**grid))}


def test_the_value_on_the_winner_is_that_of_the_event():
    """An expiration value filled on the winner only is known for every sibling."""
    records = settled_event(expiration_value="")
    records[2]["expiration_value"] = "73.00"

    assert [73] * 4 == column(records, "expiration_value_f")
    assert ["no", "no", "yes", "no"] == column(records, "result")


@pytest.mark.parametrize("text", ["", "Revised after review", "between 72 and 73 degrees"])
def test_a_value_in_doubt_leaves_the_event_settled_by_its_result(text):
    """Prose that names no single degree is no value, and no reason to lose the winner."""
    records = settled_event(expiration_value=text)

    assert [None] * 4 == column(records, "expiration_value_f")
    assert ["no", "no", "yes", "no"] == column(records, "result")


@pytest.mark.parametrize("value", [73, 73.0, "73.00"])
def test_a_settled_value_is_text_or_a_number(value):
    """The same degree in every spelling of JSON."""
    assert [73] * 4 == column(settled_event(expiration_value=value), "expiration_value_f")


@pytest.mark.parametrize("value", ["73.50", "a quite unreadable word", 73.25])
def test_a_settled_value_that_names_no_degree_is_told_once(value, caplog):
    """The event is settled by its result; that its number is lost, somebody hears."""
    with caplog.at_level(logging.WARNING):
        values = column(settled_event(expiration_value=value) * 2, "expiration_value_f")

    assert [None] * 4 == values
    assert 1 == sum(str(value) in message for message in caplog.messages)


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        ("73.00", 73),
        ("81", 81),
        ("-4.00", -4),
        ("0.00", 0),
        ("81°F", 81),
        ("81 degrees", 81),
        ("The official high was 81° at Midway.", 81),
        ("The high was -4 degrees Fahrenheit", -4),
        ("", None),
        ("73.50", None),
        ("99999999999.00", None),
        ("81 or 82", None),
        ("81° on 4 October", None),
        ("above 80°", None),
        ("27° C", None),
        ("27 degrees Celsius", None),
        ("minus 4 degrees", None),
        ("not 81°", None),
        ("room 81 was warm", None),
        ("nan", None),
        ("\u0668\u0661", None),
    ],
)
def test_prose_is_a_value_only_when_it_names_one_degree(text, degrees):
    """One number, said to be degrees, without a word of doubt."""
    assert degrees == degrees_in(text)


def test_a_value_that_contradicts_a_result_refuses_the_event():
    """Two truths about how a day ended are never averaged."""
    records = settled_event(winner="B70.5")

    expected = f"event {EVENT}: expiration value 73 °F contradicts result 'yes' of {EVENT}-B70.5"
    assert [True] * 4 == [rule.startswith(expected) for rule in parse_markets(records).refused["rule"]]


def test_several_values_refuse_the_event():
    """An event has one settled degree."""
    records = settled_event()
    records[0]["expiration_value"] = "72.00"

    assert {f"event {EVENT}: its markets name several settled values [72, 73]"} == rules(records)


@pytest.mark.parametrize(
    ("results", "said"),
    [
        (["no"] * 4, "0 of its 4"),
        (["yes", "yes", "no", "no"], "2 of its 4"),
        (["", "no", "yes", "no"], "without a result"),
    ],
)
def test_a_final_event_has_exactly_one_winner(results, said):
    """No winner, two winners or a final market without a result refuse the event."""
    told = {suffix: {"result": result} for suffix, result in zip(STRIKES, results, strict=True)}

    (rule,) = rules(event(by_suffix=told, status="finalized"))

    assert said in rule


def test_an_event_caught_in_the_middle_of_settling_is_kept():
    """Losers may be final before the winner is."""
    told = {suffix: {"result": "no", "status": "finalized"} for suffix in ("T70", "T73")}

    rows = parse_markets(event(by_suffix=told)).frame

    assert [("no", 1), (None, 0), (None, 0), ("no", 1)] == [
        (result, int(settled is not None)) for result, settled in rows.select("result", "settled_utc").iter_rows()
    ]


@pytest.mark.parametrize(
    ("fields", "known"),
    [
        ({}, "2026-10-03T13:58:00.123456+00:00"),
        ({"created_time": None}, "2026-10-03T14:00:00+00:00"),
        ({"created_time": "0001-01-01T00:00:00Z"}, "2026-10-03T14:00:00+00:00"),
        ({"created_time": "2026-10-03T19:00:00Z"}, "2026-10-03T14:00:00+00:00"),
        ({"created_time": "2026-10-03T15:58:00+02:00"}, "2026-10-03T13:58:00+00:00"),
    ],
)
def test_a_listing_is_known_from_its_creation_at_latest_its_opening(fields, known):
    """The earlier of the two stamps counts, and the zero time is none."""
    assert {datetime.fromisoformat(known)} == set(column(event(**fields), "known_utc"))


@pytest.mark.parametrize(
    ("fields", "settled"),
    [
        ({}, "2026-10-05T12:01:00Z"),
        ({"settlement_ts": "2026-10-05T05:00:00Z"}, "2026-10-05T06:00:00Z"),
        ({"settlement_ts": None}, "2026-10-05T16:00:00Z"),
        ({"settlement_ts": None, "settlement_timer_seconds": 3600}, "2026-10-05T17:00:00Z"),
        ({"settlement_ts": None, "settlement_timer_seconds": -99_999}, "2026-10-05T06:00:00Z"),
        ({"settlement_ts": None, "expected_expiration_time": "2026-10-05T19:00:00Z"}, "2026-10-05T19:00:00Z"),
        ({"settlement_ts": None, "expected_expiration_time": "2026-10-05T01:00:00Z"}, "2026-10-05T06:00:00Z"),
    ],
)
def test_an_end_is_known_when_stamped_else_late_and_never_before_the_close(fields, settled):
    """A modelled settlement errs to the late side."""
    assert {datetime.fromisoformat(settled)} == set(column(settled_event(**fields), "settled_utc"))


NWS_RULES = (
    "... at Chicago Midway, IL for Mar 1, 2025, is less than 70° according to the NWS's Daily Climate Report, ..."
)
OLD_RULES = (
    "... as reported by the National Weather Service's Climatological Report (Daily), is less than 70°, then ..."
)
TWC_RULES = (
    "If ... at Chicago (CLIMDW) for Aug 13, 2026, is less than 70° fahrenheit according to The Weather Company, ..."
)
SERVICE, COMPANY = ({"name": name, "url": ""} for name in ("National Weather Service", "The Weather Company"))


def event_of(day: str, **changes: object) -> list[dict[str, object]]:
    """Return the records of an event of some day, which trades from the day before it."""
    at = datetime.strptime(day, "%y%b%d").replace(tzinfo=UTC)
    times = {
        "open_time": (at - timedelta(hours=10)).isoformat(),
        "close_time": (at + timedelta(hours=30)).isoformat(),
        "created_time": (at - timedelta(hours=11)).isoformat(),
    }
    return event(event_ticker=f"KXHIGHCHI-{day}", **times | changes)


@pytest.mark.parametrize(
    ("day", "said", "source"),
    [
        ("26AUG13", {}, "nws_cli"),
        ("26AUG14", {"rules_primary": ""}, "twc"),
        ("26AUG13", {"rules_primary": TWC_RULES}, "twc"),
        ("26AUG13", {"rules_primary": "... according to The Weather Company (of NWS data), then ..."}, "twc"),
        ("26AUG14", {"rules_primary": OLD_RULES}, "nws_cli"),
        ("25MAR01", {"rules_primary": NWS_RULES}, "nws_cli"),
        ("25MAR01", {"rules_primary": "... National Weather Service's Climatological Report (Daily) ..."}, "nws_cli"),
        ("26AUG14", {"rules_primary": "If it is hot, then ...", "settlement_sources": [SERVICE]}, "nws_cli"),
        ("26AUG13", {"settlement_sources": [COMPANY]}, "twc"),
        ("26AUG13", {"settlement_sources": []}, "nws_cli"),
        ("26AUG14", {"rules_primary": OLD_RULES, "settlement_sources": [COMPANY]}, "nws_cli"),
    ],
)
def test_the_settlement_source_is_that_of_the_rules_else_of_the_event_else_of_the_day(day, said, source):
    """The rules are the contract; events since 2026-08-14 settle by The Weather Company."""
    assert {source} == set(column(event_of(day, **said), "settlement_source"))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            {"rules_primary": TWC_RULES.replace("CLIMDW", "CLIORD")},
            "the rules settle on station CLIORD, Chicago Midway",
        ),
        ({"rules_primary": "... according to AccuWeather, then ..."}, "a source that is not known: 'AccuWeather'"),
        ({"rules_primary": "... according to AccuWeather, else as reported by the NWS, ..."}, "'AccuWeather'"),
        ({"rules_primary": f"{TWC_RULES} {OLD_RULES}"}, "the rules name several sources: nws_cli and twc"),
        ({"rules_primary": 5}, "rules_primary 5 is not text"),
        ({"settlement_sources": [{"name": "AccuWeather"}]}, "a source that is not known: 'AccuWeather'"),
        ({"settlement_sources": [SERVICE, COMPANY]}, "settlement_sources name several sources"),
        ({"settlement_sources": [None]}, "is no list of sources"),
    ],
)
def test_rules_of_another_station_or_an_unknown_source_refuse_the_event(said, reason):
    """What settles otherwise is another product: nothing is taken for granted."""
    parsed = parse_markets(event(**said))

    assert (0, 4) == (parsed.frame.height, parsed.refused.height)
    assert [True] * 4 == [reason in rule for rule in parsed.refused["rule"]]


@pytest.mark.parametrize(
    ("said", "law"),
    [
        ({"close_time": LISTED["open_time"], "created_time": None}, "not so: open_utc < close_utc"),
        (
            {"open_time": "2026-11-03T14:00:00Z", "close_time": "2026-11-05T06:00:00Z"},
            "more than a week from the event",
        ),
        ({"fee_type": "flat", "fee_multiplier": -1}, "fee_multiplier_milli is below 0"),
    ],
)
def test_one_market_that_breaks_a_law_of_the_table_refuses_its_event_and_no_other(said, law):
    """Sifted out by the table later, the one row would leave a gap, and nothing at all could be published."""
    impossible = event(by_suffix={"B72.5": said})

    parsed = parse_markets(impossible + event(event_ticker="KXHIGHCHI-26OCT05"))

    assert 4 == admitted(parsed).height
    assert {"KXHIGHCHI-26OCT05"} == set(parsed.frame["event_ticker"])
    assert [True] * 4 == [f"{EVENT}-B72.5 breaks a law: " in rule and law in rule for rule in parsed.refused["rule"]]


def test_an_event_that_does_not_tile_names_the_sibling_that_was_refused():
    """The gap is only the consequence: what was wrong is said where people look."""
    parsed = parse_markets(event(by_suffix={"T70": {"status": None}}))

    assert [True] * 3 == [
        rule.endswith(f"; {EVENT}-T70 was refused: status is missing") for rule in parsed.refused["rule"][1:]
    ]


def test_the_order_of_the_records_does_not_matter():
    """The same records are the same rows, bytes included."""
    forwards, backwards = parse_markets(settled_event()), parse_markets(settled_event()[::-1])

    assert forwards.frame.equals(backwards.frame)


TIMES = ["2026-10-04T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-05:00"]
WORDS = ["", "70", "73.00", "9" * 15, "9" * 40, "yes", "no", "scalar", "finalized", "99999999999° or below"]
VALUES = st.sampled_from([None, 70, -3.5, 1e300, float("inf"), 10**30, True, [], *WORDS, *TIMES])
ABSENT = [
    "settlement_ts",
    "settlement_timer_seconds",
    "expected_expiration_time",
    "subtitle",
    "volume",
    "fee_multiplier",
]
FIELDS = st.sampled_from([*event()[0], *ABSENT])


@given(st.lists(st.tuples(st.integers(0, 3), FIELDS, VALUES), max_size=4))
def test_every_record_is_a_row_a_repeat_or_refused(damage):
    """Whatever is wrong with a record, it is neither lost nor fatal."""
    records = settled_event()
    for place, name, value in damage:
        records[place] |= {name: value}

    parsed = parse_markets(records)

    told = {json.dumps(record, sort_keys=True) for record in records}
    tickers = set(parsed.frame["market_ticker"])
    kept = {line for line in told if str(json.loads(line)["ticker"]) in tickers}
    assert told - kept <= set(parsed.refused["record_json"])
    assert len(records) >= parsed.frame.height + parsed.refused.height


@given(st.integers(-40, 120), st.data())
def test_a_settled_event_of_any_day_pays_its_value_once(low_f, data):
    """The bracket that holds the value is the winner, in the cold too."""
    settled_f = data.draw(st.integers(low_f - 5, low_f + 9))
    changes = {
        "T70": {"cap_strike": low_f, "result": "yes" if settled_f < low_f else "no"},
        "B70.5": {
            "floor_strike": low_f,
            "cap_strike": low_f + 1,
            "result": "yes" if 0 <= settled_f - low_f <= 1 else "no",
        },
        "B72.5": {
            "floor_strike": low_f + 2,
            "cap_strike": low_f + 3,
            "result": "yes" if 2 <= settled_f - low_f <= 3 else "no",
        },
        "T73": {"floor_strike": low_f + 3, "result": "yes" if settled_f > low_f + 3 else "no"},
    }

    frame = parse_markets(
        event(by_suffix=changes, yes_sub_title="", **SETTLED | {"expiration_value": f"{settled_f}.00"})
    ).frame

    holds = settled_f >= pl.col("low_f").fill_null(-99), settled_f <= pl.col("high_f").fill_null(199)
    assert (4, 1) == (frame.height, frame.filter(*holds, result="yes").height)


def test_times_are_utc_instants_of_the_table():
    """Fractions of a second are kept, zones are gone."""
    row = parse_markets(event(open_time="2026-10-03T14:00:00.5Z")).frame.row(0, named=True)

    assert datetime(2026, 10, 3, 14, 0, 0, 500_000, tzinfo=UTC) == row["open_utc"]
    assert timedelta(0) == row["close_utc"].utcoffset()
