"""Laws that tie a row to the climate day of its partition.

Each is said twice, in words and rows for a refusal, and of all rows at once: whether nothing breaks it. A minute of a
running day is judged by the second, which takes a fraction of the time; a test holds the two against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, Protocol

import polars as pl

from warehouse.market.climate_day import ClimateDay
from warehouse.market.tickers import EventTicker

# Markets open the day before and candles may come one period after the close; a week's slack still sees a wrong year.
_TRADING_SLACK = timedelta(days=7)
_FEW = 1_000


class DayLaw(Protocol):
    """A law between the rows of a partition and its day."""

    def broken(self, day: ClimateDay) -> tuple[str, pl.Expr]:
        """Return the law as a sentence, and the expression that is true where a row breaks it."""

    def is_kept(self, day: ClimateDay, rows: pl.DataFrame) -> bool:
        """Tell whether no row breaks it."""


@dataclass(frozen=True, kw_only=True)
class _Within:
    """Let an instant lie between the day's ends, or so far beside them; where there is none nothing is broken."""

    instant: str
    law: str
    closed: Literal["left", "right", "both"]
    slack: timedelta = timedelta()

    def broken(self, day: ClimateDay) -> tuple[str, pl.Expr]:
        first, last = self._bounds(day)
        return f"{self.instant} {self.law}", ~pl.col(self.instant).is_between(first, last, closed=self.closed)

    def is_kept(self, day: ClimateDay, rows: pl.DataFrame) -> bool:
        least, most = rows[self.instant].min(), rows[self.instant].max()
        if not isinstance(least, datetime) or not isinstance(most, datetime):
            return True
        first, last = self._bounds(day)
        return (first < least if self.closed == "right" else first <= least) and (
            most < last if self.closed == "left" else most <= last
        )

    def _bounds(self, day: ClimateDay) -> tuple[datetime, datetime]:
        return day.start_utc - self.slack, day.end_utc + self.slack


def observed_in_day(instant: str) -> DayLaw:
    """Let an instant lie in the day; one at the opening midnight is today's, one at the closing midnight tomorrow's."""
    return _Within(instant=instant, law="is outside the climate day", closed="left")


def grid_of_day(instant: str) -> DayLaw:
    """Let an inclusive end of a step lie in the day: the last one is the closing midnight."""
    return _Within(instant=instant, law="is outside the climate day", closed="right")


def traded_near_day(instant: str) -> DayLaw:
    """Let an instant of trading lie within a week of its event."""
    return _Within(instant=instant, law="is more than a week from the event", closed="both", slack=_TRADING_SLACK)


@dataclass(frozen=True, kw_only=True)
class _AfterDayWhere:
    flag: str
    instant: str

    def broken(self, day: ClimateDay) -> tuple[str, pl.Expr]:
        said = f"{self.flag}, but {self.instant} is before the end of the climate day"
        return said, pl.col(self.flag) & (pl.col(self.instant) < day.end_utc)

    def is_kept(self, day: ClimateDay, rows: pl.DataFrame) -> bool:
        return not (rows[self.flag] & (rows[self.instant] < day.end_utc)).any()


def after_day_where(flag: str, instant: str) -> DayLaw:
    """Let what covers the whole day, by its flag, not be said before the day is over."""
    return _AfterDayWhere(flag=flag, instant=instant)


class _MarketOfDay:
    """Let a market belong to the city and the date of its partition."""

    def broken(self, day: ClimateDay) -> tuple[str, pl.Expr]:
        ours = pl.any_horizontal(pl.col("market_ticker").str.starts_with(f"{event}-") for event in _events(day))
        return "market_ticker is not of its city and date", ~ours

    def is_kept(self, day: ClimateDay, rows: pl.DataFrame) -> bool:
        begins = tuple(f"{event}-" for event in _events(day))
        return all(name is None or name.startswith(begins) for name in distinct(rows["market_ticker"]))


class _EventOfDay:
    """Let an event be that of the city and the date of its partition."""

    def broken(self, day: ClimateDay) -> tuple[str, pl.Expr]:
        return "event_ticker is not of its city and date", ~pl.col("event_ticker").is_in(_events(day))

    def is_kept(self, day: ClimateDay, rows: pl.DataFrame) -> bool:
        return distinct(rows["event_ticker"]) <= {*_events(day), None}


market_of_day: DayLaw = _MarketOfDay()
event_of_day: DayLaw = _EventOfDay()


@lru_cache(maxsize=512)
def _events(day: ClimateDay) -> tuple[str, ...]:
    """Return the names that the event of a day has, under every series of its city."""
    return tuple(str(EventTicker(series, day.event_date)) for series in day.city.all_series)


def distinct(values: pl.Series) -> set[Any]:
    """Return the values that there are, null among them; a few are told apart quickest in Python."""
    return set((values if len(values) <= _FEW else values.unique()).to_list())
