"""Days read from a lake: the same rows as in its partitions, and labels as its view has them."""

from __future__ import annotations

from datetime import date, timedelta
from inspect import signature

import polars as pl
import pytest

from kwx.hazard.known.days import DayData, read_days
from kwx.hazard.known.evidence import evidence_of
from kwx.hazard.known.outlook import outlook_of
from warehouse.errors import BadDateRange
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import FORECASTS, MARKETS, OBS, Partition
from warehouse.market.cities import city

NYC = city("nyc")
SINCE, UNTIL = date(2026, 10, 31), date(2026, 11, 2)


@pytest.fixture(scope="module")
def snapshot(demo_lake) -> Snapshot:
    """The demo lake of two cities and three days, one of which ends summer time."""
    return Lake(demo_lake).snapshot()


@pytest.fixture(scope="module")
def days(snapshot) -> list[DayData]:
    """The three days of one city."""
    return read_days(snapshot, NYC, SINCE, UNTIL)


def test_a_day_has_the_rows_of_its_partitions_and_the_reports_of_its_eve(snapshot, days):
    """Read in bulk or file by file, the rows are the same."""
    for place, data in enumerate(days):
        event_date = SINCE + timedelta(days=place)
        today, eve = Partition("nyc", event_date), Partition("nyc", event_date - timedelta(days=1))
        obs = pl.concat([snapshot.read(OBS, eve), snapshot.read(OBS, today)]).select(list(OBS.schema))

        assert event_date == data.day.event_date
        assert obs.equals(data.obs)
        assert snapshot.read(FORECASTS, today).select(list(FORECASTS.schema)).equals(data.forecasts)
        assert snapshot.read(MARKETS, today).select(list(MARKETS.schema)).equals(data.markets)


def test_labels_are_those_of_the_view(snapshot, days):
    """The settled high, and when it was known."""
    with snapshot.connect() as connection:
        labels = connection.sql("select * from settlement_label where city = 'nyc' order by event_date").pl()

    view = labels.filter(pl.col("event_date") >= SINCE)
    assert view["label_f"].to_list() == [data.label_f for data in days]
    assert view["label_known_utc"].to_list() == [data.label_known_utc for data in days]
    assert all(data.label_known_utc >= data.day.end_utc for data in days)


def test_days_of_which_nothing_is_known_are_there_and_empty(snapshot):
    """A gap is a day without rows, never a day less."""
    days = read_days(snapshot, NYC, date(2026, 11, 2), date(2026, 11, 5))

    assert [2, 3, 4, 5] == [data.day.event_date.day for data in days]
    assert [True, True, False, False] == [data.obs.height > 0 for data in days]
    assert (None, None, 0, 0) == (
        days[2].label_f,
        days[2].label_known_utc,
        *map(len, (days[2].forecasts, days[2].markets)),
    )
    assert OBS.schema == days[3].obs.schema


def test_a_day_of_clock_change_is_read_whole(days):
    """Its evidence has as many evaluations as any other day's, and its last report belongs to its last hour."""
    evidence = [evidence_of(data.day, data.obs) for data in days]

    assert [307, 307, 307] == [len(seen) for seen in evidence]
    assert min(seen.step[-1] for seen in evidence) >= 276


def test_what_is_known_during_a_day_is_made_without_its_label():
    """Evidence and outlook take reports and forecasts, and nothing that holds what the day settled on."""
    assert ["day", "obs"] == list(signature(evidence_of).parameters)
    assert ["evidence", "forecasts", "laws", "baseline"] == list(signature(outlook_of).parameters)


def test_a_range_that_runs_backwards_is_refused(snapshot):
    """Until is not before since."""
    with pytest.raises(BadDateRange):
        read_days(snapshot, NYC, UNTIL, SINCE)
