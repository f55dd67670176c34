"""Where each market and minute of some events lies in arrays of [T, B, C, D].

Every date has the same T minutes, counted from an instant of its own that is early enough for all cities. A minute is
known by its inclusive end: what happened at an instant lies in the first minute that ends at it or later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.exec.bars.bars import Instants, Words
from kwx.exec.bars.events import Event
from warehouse.market.climate_day import opens_utc

Ints = NDArray[np.int64]

MINUTE = timedelta(minutes=1)
_MINUTE_US = 60_000_000
_ELSEWHERE = -1
_NOWHERE = (_ELSEWHERE, 0)
_FEW = 1_000


class Cells(NamedTuple):
    """Where rows of a table lie in an array: those that lie in it at all, and the flat places of these."""

    kept: NDArray[np.bool_]
    at: Ints

    def lay(self, into: NDArray[np.generic], values: pl.Series) -> None:
        """Write a column into an array of [T, B, C, D]."""
        into.reshape(-1)[self.at] = values.to_numpy()[self.kept]


@dataclass(frozen=True, kw_only=True)
class Extent:
    """The minutes and brackets that arrays of some events need: from when on, counted from opens_utc of a date."""

    first: timedelta
    minutes: int
    brackets: int

    @classmethod
    def of(cls, events: Sequence[Event]) -> Extent:
        """Return the least extent that holds all of some events, and a row more for their settlement."""
        first = min(event.opens_utc - opens_utc(event.event_date) for event in events) // MINUTE * MINUTE
        last = max(event.closes_utc - opens_utc(event.event_date) for event in events)
        return cls(
            first=first,
            minutes=-((first - last) // MINUTE) + 1,
            brackets=max(len(event.ladder.names) for event in events),
        )

    def starts_utc(self, event_date: date) -> datetime:
        """Return the instant at which the first minute of a date begins."""
        return opens_utc(event_date) + self.first


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """The axes of the arrays of some events, and the place of each market in them."""

    extent: Extent
    cities: tuple[str, ...]
    dates: tuple[date, ...]
    events: tuple[Event, ...]
    tickers: Words

    @classmethod
    def of(cls, events: Sequence[Event], extent: Extent, *, cities: Sequence[str], dates: Sequence[date]) -> Grid:
        """Lay events out along all of some cities and dates."""
        tickers = np.full((extent.brackets, len(cities), len(dates)), "", dtype=object)
        for event in events:
            place = (slice(len(event.ladder.names)), cities.index(event.city), dates.index(event.event_date))
            tickers[place] = event.ladder.names
        return cls(
            extent=extent, cities=tuple(cities), dates=tuple(dates), events=tuple(events), tickers=tickers.astype(str),
        )  # fmt: skip

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """[T, B, C, D], the row of the settlement among the minutes."""
        return (self.extent.minutes, *self.tickers.shape)

    @property
    def starts_utc(self) -> Instants:
        """[D] when the first minute of each date begins."""
        begins = [self.extent.starts_utc(day).replace(tzinfo=None) for day in self.dates]
        return np.array(begins, dtype="datetime64[us]")

    def place_of(self, event: Event) -> tuple[int, int]:
        """Return the place of an event along cities and dates."""
        return self.cities.index(event.city), self.dates.index(event.event_date)

    def cells(self, tickers: pl.Series, instants: pl.Series) -> Cells:
        """Return where rows of a market and an instant lie; the row of the settlement is nobody's minute.

        It is quickest where the rows of a market follow each other, as the lake has them.
        """
        names, lengths = _runs(tickers)
        found = [self._places.get(name, _NOWHERE) for name in names]
        place, begins_us = np.repeat(np.array(found, np.int64).reshape(-1, 2), lengths, axis=0).T
        minute = (instants.to_numpy().view(np.int64) - begins_us - 1) // _MINUTE_US
        kept = (place != _ELSEWHERE) & (minute >= 0) & (minute < self.extent.minutes - 1)
        return Cells(kept=kept, at=(minute * self.tickers.size + place)[kept])

    @cached_property
    def _places(self) -> Mapping[str, tuple[int, int]]:
        """The place of each market, and when the first minute of its date begins, in microseconds."""
        begins_us = self.starts_utc.astype("datetime64[us]").view(np.int64).tolist()
        names, dates = self.tickers.ravel().tolist(), len(self.dates)
        return {name: (place, begins_us[place % dates]) for place, name in enumerate(names) if name}


def _runs(tickers: pl.Series) -> tuple[list[str], Ints]:
    """Return markets whose rows follow each other, and how many each has; of a few rows each by itself."""
    if len(tickers) <= _FEW:
        return tickers.to_list(), np.ones(len(tickers), np.int64)
    runs = tickers.rle().struct.unnest()
    return runs["value"].to_list(), runs["len"].to_numpy().astype(np.int64)
