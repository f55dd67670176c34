"""Series, events, markets and fee changes are one listing: what a market pays, and how its event ended."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.kalshi.listing import event_name
from pipelines.kalshi.markets import parse_market_payloads
from warehouse.lake.tables import FEE_CHANGES, MARKETS, SETTLEMENTS

EVENT = "KXHIGHCHI-26OCT04"
SERIES = {"series": {"ticker": "KXHIGHCHI", "fee_type": "quadratic", "fee_multiplier": 1}}
STRIKES = (
    ("T70", "less", None, 70),
    ("B70.5", "between", 70, 71),
    ("B72.5", "between", 72, 73),
    ("T73", "greater", 73, None),
)


def brackets(event=EVENT, **changes):
    """Return the records of an event that still trades."""
    return [
        {
            "ticker": f"{event}-{suffix}",
            "event_ticker": event,
            "status": "active",
            "result": "",
            "open_time": "2026-10-03T14:00:00Z",
            "close_time": "2026-10-05T06:00:00Z",
            "created_time": "2026-10-03T13:58:00Z",
            "volume_fp": "1.00",
            "strike_type": kind,
            "floor_strike": floor,
            "cap_strike": cap,
            **changes,
        }
        for suffix, kind, floor, cap in STRIKES
    ]


def settled(winner=2):
    """Return the records of the same event after its end."""
    ended = {"status": "finalized", "settlement_ts": "2026-10-05T12:01:00Z", "expiration_value": "73.00"}
    return [record | ended | {"result": "yes" if place == winner else "no"} for place, record in enumerate(brackets())]


@pytest.fixture(scope="session")
def listed(payload):
    """Parse answers that came an hour apart; return the markets and the settlements, or the changes of fees."""

    def parse(*answers, with_fees=False):
        hours = (datetime(2026, 10, 6, hour, tzinfo=UTC) for hour in range(24))
        markets, settlements, changes = parse_market_payloads(
            [payload("kalshi_markets", answer, hour) for answer, hour in zip(answers, hours, strict=False)]
        )
        assert (MARKETS, SETTLEMENTS, FEE_CHANGES) == (markets.table, settlements.table, changes.table)
        return changes if with_fees else (markets, settlements)

    return parse


def fees(parsed):
    return set(parsed.frame.select("fee_type", "fee_multiplier_milli").iter_rows())


def change(since, multiplier, **said):
    return {
        "series_ticker": "KXHIGHCHI",
        "fee_type": "quadratic",
        "fee_multiplier": multiplier,
        "scheduled_ts": since,
    } | said


def test_events_that_trade_are_rows_without_an_end(listed, stored):
    """Active and unopened markets are listed: nobody knows yet how they end."""
    opened, unopened = brackets(), brackets("KXHIGHCHI-26OCT05", status="initialized")

    markets, settlements = listed({"markets": opened + unopened, "cursor": ""})

    assert 8 == len(stored(markets))
    assert {(None, None, None)} == set(markets.frame.select("result", "settled_utc", "expiration_value_f").iter_rows())
    assert 0 == settlements.frame.height


def test_a_settled_event_is_settled_by_the_exchange(listed, stored):
    """Its value is the exchange's own report, known when it was stamped."""
    _, settlements = listed({"events": [{"event_ticker": EVENT, "markets": settled()}]})

    (row,) = stored(settlements)
    assert ("kalshi", 73, datetime(2026, 10, 5, 12, 1, tzinfo=UTC)) == (row["source"], row["high_f"], row["known_utc"])


def test_siblings_come_on_different_pages(listed):
    """Two halves of an event are one event."""
    records = brackets()

    markets, _ = listed(
        {"markets": records[:1]}, {"market": records[1]}, {"event": {"event_ticker": EVENT}, "markets": records[2:]}
    )

    assert (4, 0) == (markets.frame.height, markets.refused.height)


def test_an_event_of_which_a_page_is_lost_is_refused(listed):
    """Part of an event does not tile the degrees, so no probability of it would be one."""
    markets, _ = listed({"markets": brackets()[:3]})

    assert (0, 3) == (markets.frame.height, markets.refused.height)
    assert markets.refused["rule"].str.starts_with("brackets do not tile").all()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_end_of_a_market_counts_whenever_it_came(listed, order):
    """A final record beats one that is not; of two equals the last received counts."""
    answers = {"markets": settled()}, {"markets": brackets()}

    markets, _ = listed(*(answers[place] for place in order))

    assert ["no", "no", "yes", "no"] == markets.frame.sort("bracket_order")["result"].to_list()


def test_fees_are_those_of_the_series(listed):
    """A market record does not say its fees: its series does, wherever it stands."""
    of_list = {"series": [SERIES["series"], {"ticker": "KXLOWTCHI", "fee_type": "flat", "fee_multiplier": 2}]}

    for series in (SERIES, of_list):
        assert {("quadratic", 1_000)} == fees(listed({"markets": brackets()}, series)[0])
    assert {(None, None)} == fees(listed({"markets": brackets()})[0])


def test_an_override_of_the_event_beats_the_series(listed):
    """Each of the two fields is overridden by itself, and null overrides nothing."""
    event = {
        "event_ticker": EVENT,
        "series_ticker": "KXHIGHCHI",
        "fee_multiplier_override": 0.5,
        "fee_type_override": None,
    }

    assert {("quadratic", 500)} == fees(listed(SERIES, {"events": [event | {"markets": brackets()}]})[0])


def test_old_names_pay_the_fees_of_their_series(listed):
    """Events of before the renaming are of the series of today."""
    assert {("quadratic", 1_000)} == fees(listed(SERIES, {"markets": brackets("HIGHCHI-26OCT04")})[0])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], ("quadratic", 1_000)),
        ([change("2026-10-03T13:00:00Z", 2)], ("quadratic", 2_000)),
        ([change("2026-10-03T14:00:00Z", 2)], ("quadratic", 2_000)),
        ([change("2026-09-01T00:00:00Z", 3), change("2026-08-01T00:00:00Z", 2)], ("quadratic", 3_000)),
        ([change("2026-10-04T00:00:00Z", 1), change("2026-09-01T00:00:00Z", 2)], ("quadratic", 2_000)),
        ([change("2026-10-04T00:00:00Z", 1)], (None, None)),
        ([change("2027-01-01T00:00:00Z", 2)], ("quadratic", 1_000)),
    ],
)
def test_a_change_counts_for_events_that_open_from_then_on(listed, changes, expected):
    """What the series said before its first known change is unknown, unless we asked before it."""
    assert {expected} == fees(listed(SERIES, {"series_fee_change_arr": changes}, {"markets": brackets()})[0])


def test_a_change_of_an_event_is_its_override_from_then_on(listed):
    """A later one ends it: without values the fees are those of the series again."""
    starts = {"event_ticker": EVENT, "scheduled_ts": "2026-10-01T00:00:00Z", "fee_multiplier_override": 0}
    ends = {"event_ticker": EVENT, "scheduled_ts": "2026-10-02T00:00:00Z"}

    assert {("quadratic", 0)} == fees(listed(SERIES, {"event_fee_changes": [starts]}, {"markets": brackets()})[0])
    assert {("quadratic", 1_000)} == fees(
        listed(SERIES, {"event_fee_changes": [starts, ends]}, {"markets": brackets()})[0]
    )


@pytest.mark.parametrize(
    ("answer", "subject", "rule"),
    [
        (b"<html>", "kalshi_markets", "the answer is HTML, not JSON"),
        (b'{"markets": [', "kalshi_markets", "the answer is not whole JSON: it ends too early"),
        ({"error": {}}, "kalshi_markets", "the answer lists no series, events or markets"),
        ({"markets": [5]}, None, "what stands under 'markets' is no record"),
        ({"series": {"fee_type": "flat"}}, None, "ticker is missing"),
        ({"series": {"ticker": "A", "fee_type": 5}}, "A", "fee_type 5 is not text"),
        ({"series": {"ticker": "A", "fee_multiplier": "x"}}, "A", "fee_multiplier 'x' is not a number"),
        ({"events": [{"event_ticker": "E", "fee_multiplier_override": 0.0001}]}, "E", "finer than one thousandth"),
        ({"series_fee_change_arr": [change("soon", 1)]}, "KXHIGHCHI", "'soon' is not an instant"),
    ],
)
def test_damage_is_refused_with_its_reason_and_the_rest_is_kept(listed, answer, subject, rule):
    """An answer or a record that is none costs nobody else."""
    markets, _ = listed(answer, SERIES, {"markets": brackets()})

    assert {("quadratic", 1_000)} == fees(markets)
    assert [subject] == markets.refused["subject"].to_list()
    assert rule in markets.refused["rule"][0]


def test_markets_of_a_damaged_event_are_read(listed):
    """An override that cannot be read leaves the event's markets with the fees of the series."""
    event = {"event_ticker": EVENT, "fee_type_override": 5, "markets": brackets()}

    markets, _ = listed(SERIES, {"events": [event]})

    assert {("quadratic", 1_000)} == fees(markets)
    assert 1 == markets.refused.height


@pytest.mark.parametrize("nothing", [{"markets": [], "cursor": ""}, {"events": None}, {"series_fee_change_arr": []}])
def test_an_empty_listing_is_no_rows_and_no_refusal(listed, nothing):
    """Nothing listed is an answer."""
    markets, settlements = listed(nothing)

    assert (0, 0, 0) == (markets.frame.height, markets.refused.height, settlements.frame.height)


def test_new_fields_of_a_market_are_ignored_and_told_once(listed, caplog):
    """What the exchange adds costs nothing, and somebody hears of it."""
    with caplog.at_level(logging.WARNING):
        markets, _ = listed({"markets": brackets(quite_new=1)}, {"markets": brackets(quite_new=2)})

    assert 4 == markets.frame.height
    assert 1 == sum("quite_new" in message for message in caplog.messages)


@pytest.mark.parametrize(
    "answer",
    [
        {"series": SERIES["series"] | {"new_of_series": 1}},
        {"events": [{"event_ticker": EVENT, "new_of_event": 1, "markets": brackets()}]},
        {"series_fee_change_arr": [change("2027-01-01T00:00:00Z", 2, new_of_change=1)]},
        {"event_fee_changes": [{"event_ticker": EVENT, "scheduled_ts": "2027-01-01T00:00:00Z", "new_of_override": 1}]},
    ],
)
def test_new_fields_of_whatever_is_listed_are_told_once(listed, caplog, answer):
    """A series, an event and a change may say more one day, as a market may."""
    with caplog.at_level(logging.WARNING):
        markets, _ = listed(answer, answer, {"markets": brackets()})

    assert 0 == markets.refused.height
    assert 1 == sum("new_of_" in message for message in caplog.messages)


def test_without_rules_an_event_settles_by_its_own_sources_not_by_those_of_its_series(listed):
    """A series says who settles today; its older events may be settled by somebody else."""
    company, service = ([{"name": name}] for name in ("The Weather Company", "NWS"))
    series = {"series": SERIES["series"] | {"settlement_sources": company}}
    event = {"event_ticker": EVENT, "settlement_sources": service, "markets": brackets()}

    assert {"nws_cli"} == set(listed(series, {"events": [event]})[0].frame["settlement_source"])
    assert {"twc"} == set(listed(series, {"markets": brackets()})[0].frame["settlement_source"])


@pytest.mark.parametrize("ticker", ["KXHIGHCHI-26JAN04-T-4", "KXHIGHCHI-26JAN04-B-0.5", "KXHIGHCHI-26JAN04-T70"])
def test_the_event_of_a_ticker_is_read_with_any_strike(ticker):
    """Degrees below zero have a minus sign, which is no separator."""
    assert "KXHIGHCHI-26JAN04" == event_name(ticker)


WORDS = st.sampled_from(
    [None, True, 5, -1.5, "", "x", [], {}, [{}], [5], "2026-10-03T14:00:00Z", 10**30, "quadratic", "2"]
)
_FEES = ("fee_type", "fee_multiplier", "fee_type_override", "fee_multiplier_override", "scheduled_ts", "series_ticker")
_ENVELOPES = ("series", "events", "event", "markets", "market", "series_fee_change_arr", "event_fee_changes", "cursor")
_DAMAGE = st.tuples(st.sampled_from(_ENVELOPES), st.sampled_from([*_FEES, "event_ticker", "ticker", "markets"]), WORDS)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(damage=st.lists(_DAMAGE, max_size=3), alone=st.dictionaries(st.sampled_from(_ENVELOPES), WORDS, max_size=2))
def test_whatever_is_listed_is_read_or_refused(listed, damage, alone):
    """No listing raises, and one that is damaged never costs an event that is whole."""
    answers = [
        {name: [{"event_ticker": "E", "ticker": "E-1", "series_ticker": "E"} | {of: word}]} for name, of, word in damage
    ]

    markets, _ = listed({"markets": brackets()}, SERIES, alone, *answers)

    assert 4 == markets.frame.filter(event_ticker=EVENT).height
