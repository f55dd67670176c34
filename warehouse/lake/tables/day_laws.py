"""Laws that tie a row to the climate day of its partition. Each gives a sentence, and where a row breaks it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import polars as pl

from warehouse.market.climate_day import ClimateDay
from warehouse.market.tickers import EventTicker

DayLaw = Callable[[ClimateDay], tuple[str, pl.Expr]]

# Markets open the day before and candles may come one period after the close; a week's slack still sees a wrong year.
_TRADING_SLACK = timedelta(days=7)


def observed_in_day(instant: str) -> DayLaw:
    """Let an instant lie in the day; one at the opening midnight is today's, one at the closing midnight tomorrow's."""
    return lambda day: (
        f"{instant} is outside the climate day",
        ~pl.col(instant).is_between(day.start_utc, day.end_utc, closed="left"),
    )


def grid_of_day(instant: str) -> DayLaw:
    """Let an inclusive end of a step lie in the day: the last one is the closing midnight."""
    return lambda day: (
        f"{instant} is outside the climate day",
        ~pl.col(instant).is_between(day.start_utc, day.end_utc, closed="right"),
    )


def after_day_where(flag: str, instant: str) -> DayLaw:
    """Let what covers the whole day, by its flag, not be said before the day is over."""
    return lambda day: (
        f"{flag}, but {instant} is before the end of the climate day",
        pl.col(flag) & (pl.col(instant) < day.end_utc),
    )


def traded_near_day(instant: str) -> DayLaw:
    """Let an instant of trading lie within a week of its event."""
    return lambda day: (
        f"{instant} is more than a week from the event",
        ~pl.col(instant).is_between(day.start_utc - _TRADING_SLACK, day.end_utc + _TRADING_SLACK),
    )


def market_of_day(day: ClimateDay) -> tuple[str, pl.Expr]:
    """Let a market belong to the city and the date of its partition."""
    events = [f"{EventTicker(series, day.event_date)}-" for series in day.city.all_series]
    ours = pl.any_horizontal(pl.col("market_ticker").str.starts_with(event) for event in events)
    return "market_ticker is not of its city and date", ~ours


def event_of_day(day: ClimateDay) -> tuple[str, pl.Expr]:
    """Let an event be that of the city and the date of its partition."""
    names = [str(EventTicker(series, day.event_date)) for series in day.city.all_series]
    return "event_ticker is not of its city and date", ~pl.col("event_ticker").is_in(names)
