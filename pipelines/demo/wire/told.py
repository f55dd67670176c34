"""What a vendor can tell at an instant: the days of a world, simulated when first asked for, cut at the present.

Whatever is kept is kept whole; every question cuts it anew at the instant of the asking.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Generic, TypeVar

import polars as pl

from pipelines.demo.days import CityDay, simulate
from pipelines.demo.venue import Side, Venue
from pipelines.demo.venue.backdrop import instant_of
from pipelines.demo.wire.kalshi_books import Levels, levels_at
from pipelines.demo.world import World
from warehouse.clock import Clock
from warehouse.lake.tables import TABLES, UTC_TYPE
from warehouse.market.cities import CITIES, City

_DAYS_KEPT = 128
_BOOKS_KEPT = 24
_NEVER_TOLD = ("truth_probabilities", "books")

Made = TypeVar("Made")


class Once(Generic[Made]):
    """Things that are made when first asked for, by one thread while the others wait; the oldest are forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[Hashable, Future[Made]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return the thing of a key, made if need be."""
        with self._lock:
            held = self._held.get(key)
            mine = held is None
            future = self._held.setdefault(key, Future())
            self._held.move_to_end(key)
            if mine and len(self._held) > self._most:
                self._held.popitem(last=False)
        if mine:
            try:
                future.set_result(make())
            except BaseException as error:
                with self._lock:
                    self._held.pop(key, None)
                future.set_exception(error)
        return future.result()


@dataclass(frozen=True, kw_only=True, eq=False)
class Told:
    """A world and a clock: everything that is known by then."""

    world: World
    clock: Clock
    cutoff_utc: datetime
    venue: Venue | None = None
    _days: Once[dict[str, pl.DataFrame]] = field(default_factory=lambda: Once(_DAYS_KEPT))
    _books: Once[pl.DataFrame] = field(default_factory=lambda: Once(_BOOKS_KEPT))

    @property
    def days(self) -> tuple[date, ...]:
        """Every climate day of the world, its eve first."""
        return (self.world.eve, *self.world.event_dates)

    @property
    def cities(self) -> tuple[City, ...]:
        """The cities of the world."""
        return tuple(CITIES[key] for key in self.world.cities)

    def table(self, name: str, city: City, day: date) -> pl.DataFrame:
        """Return what is known by now of a table's rows on one day; none of a day outside the world."""
        rows = self.whole(name, city, day) if name != "trades" else self.tape(city, day)
        return rows.filter(pl.col("known_utc") <= pl.lit(self.clock(), UTC_TYPE))

    def whole(self, name: str, city: City, day: date) -> pl.DataFrame:
        """Return a table's rows of one day, the future's too: for those who cut it themselves."""
        if day not in self.days or city.key not in self.world.cities:
            return TABLES[name].empty()
        frames = self._days.get((city.key, day), lambda: self._simulated(city, day))
        return frames.get(name, TABLES[name].empty())

    def tape(self, city: City, day: date) -> pl.DataFrame:
        """Return the trades of one event: the world's, and from where a venue began those that it printed."""
        rows = self.whole("trades", city, day)
        if self.venue is None:
            return rows
        tickers = self.whole("markets", city, day)["market_ticker"].to_list()
        with self.venue.at(self.clock()):
            before = rows.filter(pl.col("ts_utc") <= pl.lit(instant_of(self.venue.start_us), UTC_TYPE))
            return pl.concat([before, printed(self.venue, tickers, like=rows)])

    def levels(self, city: City, day: date, ticker: str) -> tuple[Levels, Levels]:
        """Return the bids and the offers of a market as they are now."""
        if self.venue is None:
            return levels_at(self.books(city, day), ticker, self.clock())
        with self.venue.at(self.clock()):
            return self.venue.levels(ticker)

    def books(self, city: City, day: date) -> pl.DataFrame:
        """Return every order-book message of one event, the future's too."""
        world = replace(self.world, books=True)
        return self._books.get((city.key, day), lambda: _one_day(world, city, day).frames["books"])

    def around(self, city: City, since_utc: datetime, until_utc: datetime) -> Iterator[date]:
        """Yield the days of the world whose rows can be stamped within an hour of a span of time."""
        margin = timedelta(days=1)
        first, last = (since_utc - margin).date(), (until_utc + margin).date()
        yield from (day for day in self.days if first <= day <= last)

    def _simulated(self, city: City, day: date) -> dict[str, pl.DataFrame]:
        frames = _one_day(self.world, city, day).frames
        return {name: frame for name, frame in frames.items() if name not in _NEVER_TOLD}


def printed(venue: Venue, tickers: Sequence[str], *, like: pl.DataFrame) -> pl.DataFrame:
    """Return what a venue printed of some markets, as rows of the tape."""
    rows = [
        {
            "trade_id": one.trade_id,
            "market_ticker": ticker,
            "ts_utc": instant_of(one.at_us),
            "yes_price_ticks": one.ticks,
            "count_centi": one.centi,
            "taker_side": "yes" if one.taker is Side.BID else "no",
            "is_block": False,
            "known_utc": instant_of(one.at_us),
        }
        for ticker in tickers
        if ticker in venue.markets
        for one in venue.markets[ticker].prints.since(0)
    ]
    return pl.DataFrame(rows, schema=like.schema)


def after_the_world(world: World) -> datetime:
    """Return noon UTC two days after the last event: everything has settled by then."""
    return datetime.combine(world.until + timedelta(days=2), time(12), UTC)


def usual_cutoff(world: World, now: datetime) -> datetime:
    """Return the midnight before which everything is history: that after the middle event, or yesterday's."""
    dates = world.event_dates
    middle = datetime.combine(dates[len(dates) // 2] + timedelta(days=1), time(), UTC)
    return min(middle, datetime.combine(now.date() - timedelta(days=1), time(), UTC))


def _one_day(world: World, city: City, day: date) -> CityDay:
    first = max(day, world.event_dates[0])
    return next(
        simulated for simulated in simulate(world, city.key, first, first) if simulated.partition.event_date == day
    )
