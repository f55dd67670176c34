"""Changes of fees as they are told: each is one row, known when it was first told and at latest when it took effect."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipelines.kalshi.markets import parse_market_payloads
from tests.pipelines.kalshi.test_listing import EVENT, SERIES, brackets, change
from warehouse.lake.tables import FEE_CHANGES, Partition

PAST, TO_COME = "2026-09-01T00:00:00Z", "2026-11-01T00:00:00Z"
OPENED = datetime(2026, 10, 3, 14, tzinfo=UTC)


def at(hour):
    """Return an hour of the day on which answers are received."""
    return datetime(2026, 10, 6, hour, tzinfo=UTC)


@pytest.fixture
def told(payload):
    """Parse answers by the hour of their receipt; return the rows of changes that the table admits."""

    def parse(**answers):
        payloads = [payload("kalshi_markets", answer, at(int(hour[1:]))) for hour, answer in answers.items()]
        *_, changes = parse_market_payloads(payloads)
        assert changes.table is FEE_CHANGES
        assert {"chicago"} >= set(changes.frame["city"])
        return FEE_CHANGES.admit(changes.frame, Partition("chicago")).rows(named=True)

    return parse


def series(*changes):
    return {"series_fee_change_arr": list(changes)}


def override(**said):
    return {"event_ticker": EVENT, "series_ticker": "KXHIGHCHI", "scheduled_ts": TO_COME} | said


def test_a_change_is_a_row_with_exact_terms(told):
    """Of a series and of an event, by the exchange's own name."""
    changes = series(change(TO_COME, 1.5, id="c-7"))
    events = {"event_fee_changes": [override(id="e-1", fee_multiplier_override=0)], "cursor": ""}

    of_series, of_event = sorted(told(h1=changes, h2=events), key=lambda row: row["ticker"])

    assert ("series", "KXHIGHCHI", "c-7", "quadratic", 1_500) == tuple(
        of_series[name] for name in ("scope", "ticker", "change_id", "fee_type", "fee_multiplier_milli")
    )
    assert ("event", EVENT, "e-1", None, 0) == tuple(
        of_event[name] for name in ("scope", "ticker", "change_id", "fee_type", "fee_multiplier_milli")
    )


def test_a_change_to_come_is_known_from_its_first_telling(told):
    """However often it is told again."""
    (row,) = told(h1=series(change(TO_COME, 2, id="c")), h5=series(change(TO_COME, 2, id="c")))

    assert at(1) == row["known_utc"]


def test_a_change_in_force_was_known_when_it_took_effect(told):
    """Nobody says when it was announced; every fill since has paid it."""
    (row,) = told(h1=series(change(PAST, 2, id="c")))

    assert row["known_utc"] == row["scheduled_utc"] == datetime(2026, 9, 1, tzinfo=UTC)


def test_a_change_that_is_moved_stays_one_change(told):
    """It counts from the instant told last, and is known as it is now since it was told so."""
    later = "2026-12-01T00:00:00Z"

    (row,) = told(h1=series(change(TO_COME, 2, id="c")), h5=series(change(later, 2, id="c")))

    assert (datetime(2026, 12, 1, tzinfo=UTC), at(5)) == (row["scheduled_utc"], row["known_utc"])


def test_an_override_of_which_only_its_event_tells_holds_from_the_opening(told):
    """An event may be made with one; what is told with an instant needs no such guess."""
    event = {"event_ticker": EVENT, "fee_multiplier_override": 0.5, "markets": brackets()}

    (guessed,) = told(h1=SERIES, h2={"events": [event]})
    (timed,) = told(h2={"events": [event]}, h3={"event_fee_changes": [override(fee_multiplier_override=0.5)]})

    assert (OPENED, OPENED, 500) == tuple(
        guessed[name] for name in ("scheduled_utc", "known_utc", "fee_multiplier_milli")
    )
    assert (TO_COME, at(3)) == (timed["change_id"], timed["known_utc"])


@pytest.mark.parametrize("answer", [SERIES, {"events": [{"event_ticker": EVENT, "markets": brackets()}]}])
def test_what_never_changed_is_no_row(told, answer):
    """A series with its fee, an event without an override."""
    assert [] == told(h1=answer)


def test_changes_of_other_products_are_passed_over(told):
    """The exchange lists all of its events."""
    others = [override(event_ticker="KXBTC-26NOV01", series_ticker="KXBTC", fee_multiplier_override=0)]

    assert [] == told(h1={"event_fee_changes": others}, h2=series(change(TO_COME, 2, series_ticker="KXLOWTCHI")))
