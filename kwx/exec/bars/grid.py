"""Where each market and minute of some events lies in arrays of [T, B, C, D].

Every date has the same T minutes, counted from an instant of its own that is early enough for all cities. A minute is
known by its inclusive end: what happened at an instant lies in the first minute that ends at it or later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
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
    places: pl.DataFrame

    @classmethod
    def of(cls, events: Sequence[Event], extent: Extent, *, cities: Sequence[str], dates: Sequence[date]) -> Grid:
        """Lay events out along all of some cities and dates."""
        tickers = np.full((extent.brackets, len(cities), len(dates)), "", dtype=object)
        for event in events:
            place = (slice(len(event.ladder.names)), cities.index(event.city), dates.index(event.event_date))
            tickers[place] = event.ladder.names
        begins_us = pl.Series([extent.starts_utc(day) for day in dates], dtype=pl.Datetime("us", "UTC")).to_physical()
        places = pl.DataFrame(
            {
                "market_ticker": pl.Series(tickers.ravel(), dtype=pl.String),
                "place": np.arange(tickers.size),
                "begins_us": np.broadcast_to(begins_us.to_numpy(), tickers.shape).ravel(),
            }
        ).filter(pl.col("market_ticker") != "")
        return cls(
            extent=extent, cities=tuple(cities), dates=tuple(dates), events=tuple(events), tickers=tickers.astype(str),
            places=places,
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
        runs = pl.DataFrame({"market_ticker": tickers}).select(pl.col("market_ticker").rle()).unnest("market_ticker")
        runs = runs.rename({"value": "market_ticker"}).join(
            self.places, on="market_ticker", how="left", maintain_order="left"
        )
        lengths = runs["len"].to_numpy()
        place = np.repeat(runs["place"].fill_null(_ELSEWHERE).to_numpy(), lengths)
        begins_us = np.repeat(runs["begins_us"].fill_null(0).to_numpy(), lengths)
        minute = (instants.to_physical().to_numpy() - begins_us - 1) // _MINUTE_US
        kept = (place != _ELSEWHERE) & (minute >= 0) & (minute < self.extent.minutes - 1)
        return Cells(kept=kept, at=(minute * self.tickers.size + place)[kept])
