"""The climate day: 24 hours of local standard time, on the days when civil clocks jump too."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.errors import BadDateRange, Unparsable
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay, event_date_at, event_date_expr, event_dates

CITY = st.sampled_from(list(CITIES.values()))
DAYS = st.dates(date(2021, 1, 1), date(2030, 12, 31))
INSTANTS = st.datetimes(datetime(2021, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC))
UTC_HOUR = {"nyc": 5, "miami": 5, "philadelphia": 5, "chicago": 6, "austin": 6, "denver": 7, "los_angeles": 8}


@pytest.mark.parametrize(("key", "hour"), UTC_HOUR.items())
def test_the_day_opens_at_the_standard_midnight_in_summer_and_winter(key, hour):
    """The window is fixed in UTC all year."""
    for day in (date(2026, 1, 15), date(2026, 7, 15)):
        assert datetime(day.year, day.month, day.day, hour, tzinfo=UTC) == ClimateDay(CITIES[key], day).start_utc


@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1), date(2026, 7, 4)])
def test_a_day_has_1440_minutes_when_the_civil_clock_jumps_too(day):
    """The civil day has 23 or 25 hours, the climate day never."""
    climate_day = ClimateDay(CITIES["nyc"], day)

    minutes = climate_day.minutes_utc()

    assert (1_440, climate_day.end_utc) == (minutes.len(), minutes.max())
    assert climate_day.start_utc + timedelta(minutes=1) == minutes.min()


def test_a_day_has_288_five_minute_steps():
    """The five-minute grid has the typed instants of the tables and closes at the standard midnight."""
    steps = ClimateDay(CITIES["denver"], date(2026, 3, 8)).minutes_utc(step_minutes=5)

    assert (288, pl.Datetime("us", "UTC")) == (steps.len(), steps.dtype)
    assert datetime(2026, 3, 9, 7, tzinfo=UTC) == steps[-1]


@given(CITY, DAYS)
def test_days_follow_one_another_without_a_gap(city, day):
    """Each day ends at the instant at which the next begins."""
    assert ClimateDay(city, day).end_utc == ClimateDay(city, day + timedelta(days=1)).start_utc


@given(CITY, INSTANTS)
def test_an_instant_falls_into_the_day_whose_window_holds_it(city, instant):
    """The opening midnight belongs to the day, the closing one to the next."""
    found = ClimateDay(city, event_date_at(instant, city=city))

    assert found.start_utc <= instant < found.end_utc


@given(CITY, st.lists(INSTANTS, max_size=5))
def test_the_column_agrees_with_the_single_instant(city, instants):
    """event_date_expr is event_date_at for every row."""
    frame = pl.DataFrame({"ts_utc": instants}, schema={"ts_utc": pl.Datetime("us", "UTC")})

    column = frame.select(event_date_expr(pl.col("ts_utc"), city=city)).to_series().to_list()

    assert [event_date_at(instant, city=city) for instant in instants] == column


def test_the_same_instant_in_another_zone_is_of_the_same_day():
    """A day is a property of the instant, not of the clock that shows it."""
    instant, city = datetime(2026, 7, 5, 4, 30, tzinfo=UTC), CITIES["nyc"]
    frame = pl.DataFrame({"ts_utc": [instant]}).select(pl.col("ts_utc").dt.convert_time_zone("America/New_York"))

    assert date(2026, 7, 4) == event_date_at(instant.astimezone(timezone(timedelta(hours=9))), city=city)
    assert date(2026, 7, 4) == frame.select(event_date_expr(pl.col("ts_utc"), city=city)).item()


def test_a_wall_clock_without_a_zone_is_refused():
    """A naive time would silently be read in the zone of the machine."""
    with pytest.raises(Unparsable, match="no time zone"):
        event_date_at(datetime(2026, 7, 5, 4, 30), city=CITIES["nyc"])


def test_a_range_of_dates_holds_both_ends():
    """Since and until are both event dates of the range."""
    assert [date(2026, 2, 28), date(2026, 3, 1)] == list(event_dates(date(2026, 2, 28), date(2026, 3, 1)))
    assert [date(2026, 3, 1)] == list(event_dates(date(2026, 3, 1), date(2026, 3, 1)))


def test_a_range_that_runs_backwards_is_refused_with_the_range_meant():
    """The hint is the same range the right way round."""
    with pytest.raises(BadDateRange) as caught:
        list(event_dates(date(2026, 3, 2), date(2026, 3, 1)))

    assert "--since 2026-03-01 --until 2026-03-02" in caught.value.hint
