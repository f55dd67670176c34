"""The laws by which markets closed: each in its era, on the clocks that the exchange went by."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from kwx.audits.clocks.trading import AFTER, CIVIL, MIDNIGHT, MINUTE_BEFORE, OTHERWISE, _of_era, closing_kind
from warehouse.market.cities import CITIES, city_of_series


@pytest.mark.parametrize(
    ("key", "day", "close", "kind"),
    [
        ("nyc", date(2025, 7, 1), datetime(2025, 7, 2, 3, 59, tzinfo=UTC), CIVIL),
        ("nyc", date(2025, 1, 1), datetime(2025, 1, 2, 4, 59, tzinfo=UTC), CIVIL),
        ("chicago", date(2024, 9, 1), datetime(2024, 9, 2, 3, 59, tzinfo=UTC), CIVIL),
        ("chicago", date(2024, 11, 3), datetime(2024, 11, 4, 3, 59, tzinfo=UTC), CIVIL),
        ("austin", date(2025, 3, 9), datetime(2025, 3, 10, 5, 59, tzinfo=UTC), CIVIL),
        ("nyc", date(2026, 5, 1), datetime(2026, 5, 2, 4, 59, tzinfo=UTC), MINUTE_BEFORE),
        ("los_angeles", date(2026, 9, 1), datetime(2026, 9, 2, 8, tzinfo=UTC), MIDNIGHT),
        ("los_angeles", date(2026, 9, 1), datetime(2026, 9, 2, 8, 1, tzinfo=UTC), AFTER),
        ("denver", date(2026, 9, 1), datetime(2026, 9, 1, 20, tzinfo=UTC), OTHERWISE),
    ],
)
def test_a_close_is_known_by_its_law(key, day, close, kind):
    """The wall clock is the city's or New York's, on days when it is set as it was when the day began."""
    assert kind == closing_kind(CITIES[key], day, close)


@pytest.mark.parametrize(
    ("kind", "day", "holds"),
    [
        (CIVIL, date(2026, 3, 17), True), (CIVIL, date(2026, 3, 31), True), (CIVIL, date(2026, 4, 1), False),
        (MINUTE_BEFORE, date(2026, 3, 1), False), (MINUTE_BEFORE, date(2026, 8, 27), True),
        (MINUTE_BEFORE, date(2026, 8, 28), False), (MIDNIGHT, date(2024, 1, 1), True), (AFTER, date(2026, 9, 1), False),
    ],
)  # fmt: skip
def test_a_law_counts_in_its_era_and_two_weeks_around_it(kind, day, holds):
    """The very end of the day is right at any time."""
    assert holds == _of_era(kind, day)


def test_every_event_that_was_recorded_closed_by_the_law_of_its_time(recorded):
    """Nine months of three cities, with a clock change each way."""
    markets = pl.read_parquet(recorded("kalshi_2024_2025/markets.parquet")).unique("event_ticker")
    found = set()
    for event, close in markets.select("event_ticker", "close_time").iter_rows():
        series, said = event.split("-")
        day = datetime.strptime(said, "%y%b%d").date()
        kind = closing_kind(city_of_series(series), day, datetime.fromisoformat(close))
        found.add((kind, _of_era(kind, day)))

    assert markets.height > 700
    assert {(CIVIL, True)} == found
