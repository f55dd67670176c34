"""A brain of the simulation: its minutes are what was told by their end, its opinions are drawn from a seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from random import Random

import jax
import numpy as np
import polars as pl

from kwx.exec.bars.blank import blank_minutes
from kwx.exec.bars.events import Event
from kwx.exec.bars.grid import Extent, Grid
from kwx.exec.engine import one_step
from kwx.exec.minute import Minute
from kwx.exec.params import Params
from kwx.exec.rules import Rules
from kwx.exec.step import empty_state
from kwx.live.brain.laying import silent, with_sizes
from kwx.live.brain.slate import Slates
from kwx.live.brain.thought import Decided, Thought
from kwx.live.brain.told import SIGNALS
from kwx.live.room import ROOM_BRACKETS
from kwx.live.signals import SAID
from pipelines.live.arrivals import Top
from warehouse.lake.present import Present
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import CANDLES_1M, OBS, Partition
from warehouse.market.climate_day import opens_utc

MINUTE = timedelta(minutes=1)
FRESH = timedelta(minutes=20)
Quotes = Mapping[str, tuple[int, int]]


def quotes_of(held: Snapshot | Present, place: Partition, minute_utc: datetime) -> dict[str, tuple[int, int]]:
    """Return the bid and the offer of each market at a minute's end, as far as they were known by then."""
    rows = held.read(CANDLES_1M, place).filter(pl.col("known_utc") <= minute_utc).sort("market_ticker", "ts_utc")
    last = rows.group_by("market_ticker", maintain_order=True).last()
    told = last.select("market_ticker", "yes_bid_close_ticks", "yes_ask_close_ticks").drop_nulls()
    return {ticker: (bid, ask) for ticker, bid, ask in told.iter_rows()}


@dataclass
class Opinions:
    """Thinks of what a present holds; the fair price of a market walks around its mid."""

    present: Present
    cities: tuple[str, ...]
    rules: Rules
    params: Params
    seed: int

    def __post_init__(self) -> None:
        self._slates = Slates(self.present, self.cities, maker_fee="published", brackets=ROOM_BRACKETS)

    def think(self, minute_utc: datetime) -> Thought:
        """Return the minute of each event date that trades in it."""
        slate = self._slates.at(minute_utc)
        laid = {day: self._laid(day, events, minute_utc) for day, events in slate.events.items()}
        rows = [row for day, (tickers, minute) in laid.items() for row in self._said(day, tickers, minute)]
        said = pl.DataFrame(rows, schema_overrides={"spread_cents": pl.Int32, "minutes_to_close": pl.Int32})
        features = said.select("market_ticker") if rows else pl.DataFrame(schema={"market_ticker": pl.String})
        return Thought(
            minute_utc=minute_utc, tickers={day: one[0] for day, one in laid.items()},
            minutes={day: one[1] for day, one in laid.items()}, signals=said if rows else _nothing_said(),
            features=features, stages={}, left_out=slate.left_out,
        )  # fmt: skip

    glance = think

    def prepare(self, minute_utc: datetime, *, within_s: float) -> None:
        """There is nothing to prepare."""

    def decide(
        self, thought: Thought, states: Mapping, tops: Mapping[str, Top], *, speak: bool = True
    ) -> Decided:  # fmt: skip
        """Take the real step."""
        minutes = {
            day: with_sizes(minute if speak else silent(minute), thought.tickers[day], tops)
            for day, minute in thought.minutes.items()
        }
        before = {day: states.get(day) or empty_state(*thought.tickers[day].shape) for day in minutes}
        stepped = {day: one_step(self.rules, self.params, before[day], minute) for day, minute in minutes.items()}
        return Decided(
            states={day: one[0] for day, one in stepped.items()}, actions={day: one[1] for day, one in stepped.items()},
            minutes=minutes, seconds=0.0, tell=lambda: thought.signals,
        )  # fmt: skip

    def _laid(self, day: date, events: tuple[Event, ...], minute_utc: datetime) -> tuple[np.ndarray, Minute]:
        extent = Extent(first=minute_utc - MINUTE - opens_utc(day), minutes=2, brackets=ROOM_BRACKETS)
        grid = Grid.of(events, extent, cities=self.cities, dates=(day,))
        rows = blank_minutes(grid, guard_minutes=2, fee_rounding="tick")
        minute: Minute = jax.tree.map(lambda values: np.array(values[0]), rows)
        for event in events:
            place, city = Partition(event.city, day), self.cities.index(event.city)
            quotes, is_fresh = quotes_of(self.present, place, minute_utc), self._is_fresh(event.city, minute_utc)
            for bracket, ticker in enumerate(event.ladder.names):
                at = (bracket, city, 0)
                minute.open[at], minute.volume_20m_centi[at] = True, 100_000
                minute.bid_ticks[at], minute.ask_ticks[at] = quotes.get(ticker, (0, 10_000))
                minute.fresh[at] = is_fresh and ticker in quotes
                minute.p_fair[at] = self._fair(ticker, minute_utc, minute.bid_ticks[at], minute.ask_ticks[at])
        return grid.tickers, minute._replace(p_gate=minute.p_fair.copy(), score=np.zeros_like(minute.p_fair))

    def _fair(self, ticker: str, minute_utc: datetime, bid_ticks: int, ask_ticks: int) -> float:
        mid, noise = (bid_ticks + ask_ticks) / 20_000, _noise(self.seed, ticker, minute_utc)
        return float(np.clip(mid + noise, 0.02, 0.98))

    def _is_fresh(self, city: str, minute_utc: datetime) -> bool:
        """Tell whether a report of the air is young enough."""
        days = (minute_utc.date() - timedelta(days=1), minute_utc.date())
        known = [self.present.read(OBS, Partition(city, day)).filter(pl.col("known_utc") <= minute_utc) for day in days]
        newest = max((at for rows in known if (at := rows["known_utc"].max()) is not None), default=None)
        return newest is not None and minute_utc - newest <= FRESH

    def _said(self, day: date, tickers: np.ndarray, minute: Minute) -> Iterator[dict]:
        for place in zip(*np.nonzero(tickers != ""), strict=True):
            p = float(minute.p_fair[place])
            yield {"event_date": day} | dict(zip(SAID, (
                str(tickers[place]), self.cities[place[1]], "between", p, p, p, 0.5, None, None, 1,
                int(minute.minutes_to_close[place[1:]]), "seeded", "none",
            ), strict=True))  # fmt: skip


@lru_cache(maxsize=100_000)
def _noise(seed: int, ticker: str, minute_utc: datetime) -> float:
    return Random(f"{seed} {ticker} {minute_utc}").gauss(0, 0.05)


def _nothing_said() -> pl.DataFrame:
    return pl.DataFrame(schema=SIGNALS)
