"""Instants of an event: exact on every day, whatever the wall clock does."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from kwx.scoring.stored.moments import every, instants_of
from warehouse.errors import Usage
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

EVENTS = pl.DataFrame({"city": ["chicago", "los_angeles"], "event_date": [date(2026, 11, 1), date(2026, 3, 8)]})


def test_every_hour_of_the_eve_and_of_the_day_is_asked_once():
    """From the midnight before the eve to 23:00 of the day."""
    minutes = every(60)

    assert 48 == len(set(minutes))
    assert (-1440, 1380) == (minutes[0], minutes[-1])


@pytest.mark.parametrize("event_date", [date(2026, 11, 1), date(2026, 3, 8), date(2026, 7, 4), date(2026, 1, 15)])
@pytest.mark.parametrize("city", ["chicago", "los_angeles", "nyc"])
def test_an_hour_is_of_local_standard_time_on_every_day(city, event_date):
    """Nine in the morning is nine hours after the midnight that opens the climate day, on DST days too."""
    events = pl.DataFrame({"city": [city], "event_date": [event_date]})

    instants = instants_of(events, [540, -300])["instant_utc"].to_list()

    start_utc = ClimateDay(CITIES[city], event_date).start_utc
    assert [-5.0, 9.0] == [(one - start_utc).total_seconds() / 3600 for one in instants]


def test_the_days_of_a_change_of_clocks_have_as_many_instants_as_any():
    """An hour is neither twice there nor left out: 48 different ones an event, an hour apart."""
    told = instants_of(EVENTS, every(60))

    for _, part in told.group_by("city"):
        assert [3600] == part["instant_utc"].diff().drop_nulls().dt.total_seconds().unique().to_list()
    assert 96 == told.height


def test_instants_are_in_utc():
    """Chicago's ten o'clock is 16:00 UTC, all year."""
    assert datetime(2026, 11, 1, 16, tzinfo=UTC) == instants_of(EVENTS, [600])["instant_utc"][0]


@pytest.mark.parametrize("minutes", [[], [1440], [-1441]])
def test_minutes_outside_an_event_cannot_be_meant(minutes):
    """Nothing is asked before the eve or after the day."""
    with pytest.raises(Usage):
        instants_of(EVENTS, minutes)


@pytest.mark.parametrize("minutes", [0, 1441])
def test_a_step_that_is_none_cannot_be_meant(minutes):
    """Once a minute to once a day."""
    with pytest.raises(Usage):
        every(minutes)
