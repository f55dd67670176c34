"""One city-day as fusion sees it: its events, each with its minutes, what the market and what the weather said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.fuse.market.minutes import COLUMNS, EventMinutes, Floats, event_minutes
from kwx.fuse.market.probabilities import Market, market_of
from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.market.tops import top_sizes
from kwx.fuse.weather import Weather, evaluations_of, weather_of
from kwx.fuse.weight import features_of
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import BOOKS, CANDLES_DENSE, MARKETS, PMF_MINUTE, Partition
from warehouse.market.ladder import Ladder

_OF_MARKETS = ("event_ticker", "market_ticker", "low_f", "high_f")
_IS_EVALUATION = pl.col("wx_utc") == pl.col("ts_utc")


@dataclass(frozen=True, kw_only=True, eq=False)
class Event:
    """One event at each of its minutes.

    `evaluations` are the rows of pmf_minute that the weather was read from: one instant after another, and of each
    instant the brackets in the order of the ladder.
    """

    minutes: EventMinutes
    market: Market
    weather: Weather
    evaluations: pl.DataFrame

    @property
    def ladder(self) -> Ladder:
        """The brackets, coldest first."""
        return self.minutes.ladder

    @cached_property
    def features(self) -> Floats:
        """[T, 4] what the market's weight depends on."""
        return features_of(self.minutes, self.weather.hazard_60m)

    @property
    def has_market(self) -> NDArray[np.bool_]:
        """[T] at which minutes there is a p_mkt."""
        return ~np.isnan(self.market.p[:, 0])

    @property
    def has_weather(self) -> NDArray[np.bool_]:
        """[T] at which minutes there is a fresh p_wx."""
        return self.weather.place >= 0


@dataclass(frozen=True, kw_only=True, eq=False)
class CityDay:
    """What a snapshot holds of one city-day, and in which way p_mkt is read off it.

    evaluated: the rows of pmf_minute at which the weather was evaluated, without what was carried forward from them.
    """

    partition: Partition
    markets: pl.DataFrame
    dense: pl.DataFrame
    evaluated: pl.DataFrame
    books: pl.DataFrame | None
    recipe: MarketRecipe

    @classmethod
    def read(cls, snapshot: Snapshot, partition: Partition, recipe: MarketRecipe, *, weather: bool = True) -> CityDay:
        """Read one city-day; order books only where the recipe asks for sizes, weather only where it is wanted."""
        minutes = snapshot.read(PMF_MINUTE, partition, columns=PMF_MINUTE.schema.names()) if weather else None
        return cls(
            partition=partition,
            markets=snapshot.read(MARKETS, partition, columns=_OF_MARKETS),
            dense=snapshot.read(CANDLES_DENSE, partition, columns=COLUMNS),
            evaluated=PMF_MINUTE.empty() if minutes is None else minutes.filter(_IS_EVALUATION),
            books=snapshot.read(BOOKS, partition) if recipe.price == "micro" else None,
            recipe=recipe,
        )

    @property
    def lacks_books(self) -> bool:
        """Tell whether sizes are asked for and no message of an order book was recorded."""
        return self.recipe.price == "micro" and (self.books is None or self.books.is_empty())

    def events(self, refused: list[str]) -> Iterator[Event]:
        """Yield the events that are sound; tell why of the others, so that one bad event does not stop the rest."""
        for (name,), listed in sorted(self.markets.partition_by("event_ticker", as_dict=True).items()):
            try:
                yield self._event(str(name), listed)
            except Refused as error:
                refused.append(str(error))

    def _event(self, name: str, listed: pl.DataFrame) -> Event:
        """Return one event; refuse one whose brackets, minutes or weather are not sound."""
        minutes = event_minutes(self.dense, Ladder.of_event(listed), event=name)
        if not len(minutes):
            raise Refused(f"{name}: its brackets share no minute of trading")
        # Books may be at hand for another recipe of the same day.
        books = self.books if self.recipe.price == "micro" else None
        sizes = None if books is None else top_sizes(books, minutes)
        evaluations = evaluations_of(self.evaluated, minutes.ladder, event=minutes.event)
        return Event(
            minutes=minutes,
            market=market_of(minutes, self.recipe, sizes),
            weather=weather_of(evaluations, minutes),
            evaluations=evaluations,
        )
