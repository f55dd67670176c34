"""Weather and market pooled at one minute, all events beside each other: the rows of pmf_minute of that minute alone.

The functions are those that fuse a day; they see events where a day has minutes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.exec.bars.events import Event
from kwx.fuse.market.minutes import ABSENT, EventMinutes, Floats, Ints
from kwx.fuse.market.probabilities import Market, market_of
from kwx.fuse.market.quotes import Sizes
from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.market.tops import top_sizes
from kwx.fuse.pooled import Fused, pooled
from kwx.fuse.weather import CARRIED_MINUTES, SUMS_TO_ONE, Weather
from kwx.fuse.weight import VOLATILITY_MINUTES, laid_features, volatility_cents
from kwx.fuse.weights import WeightSet, set_before, sets_of
from kwx.live.brain.hazards import Evaluated
from kwx.live.brain.remembered import Remembered
from kwx.live.brain.trail import Trail
from kwx.signals.panel import OF_EVALUATION
from warehouse.lake.present import Present
from warehouse.lake.tables import BOOKS, FUSION_PARAMS, Partition, utc_expr
from warehouse.lake.tables.contract import ALL_CITIES

LEAST_MINUTES = VOLATILITY_MINUTES
"""So many of the last minutes are looked at."""

SAID = {"market_ticker": pl.String(), **dict.fromkeys((*OF_EVALUATION, "w_mkt"), pl.Float64())}
"""What is said of each market."""

_CARRIED = timedelta(minutes=CARRIED_MINUTES)

Evaluations = Mapping[Partition, Evaluated | None]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Priced:
    """An event all of whose brackets trade at the minute: the rows of these, coldest first, in the minute's frame."""

    event: Event
    rows: Ints
    evaluated: Evaluated | None
    p_wx: Floats
    weights: WeightSet | None
    volatility_cents: float

    @property
    def recipe(self) -> MarketRecipe:
        """How its market is read."""
        return MarketRecipe() if self.weights is None else self.weights.market


class Fusing:
    """Pools minutes by the weights that may serve each event."""

    def __init__(self, present: Present) -> None:
        self._present = present
        self._sets: Remembered[list[WeightSet]] = Remembered()

    def at(self, trail: Trail, events: Sequence[Event], evaluations: Evaluations) -> pl.DataFrame:
        """Return what is said of each market of the events at the last minute of a trail.

        The trail has LEAST_MINUTES or more. evaluations: those made since an event trades. An event that does not trade
        as a whole has its evaluation alone, and one whose weather is no distribution nothing.
        """
        whole, parts = [], [pl.DataFrame(schema=SAID)]
        for event in events:
            evaluated = evaluations.get(Partition(event.city, event.event_date))
            one = self._priced(event, evaluated, trail)
            if one is not None:
                whole.append(one)
            elif evaluated is not None:
                parts.append(_weather_alone(event, evaluated))
        for same in _alike([one for one in whole if _is_distribution(one)]):
            parts.append(self._pooled(same, trail))
        return pl.concat(parts)

    def weights(self, event: Event) -> WeightSet | None:
        """Return the weights that serve an event."""
        city = event.city
        frames = tuple(self._present.read(FUSION_PARAMS, Partition(place)) for place in (ALL_CITIES, city))
        return set_before(self._sets.of(city, frames, lambda: sets_of(self._present, city)), event.event_date)

    def _priced(self, event: Event, evaluated: Evaluated | None, trail: Trail) -> _Priced | None:
        rows = [trail.last_row.get(name, ABSENT) for name in event.ladder.names]
        if ABSENT in rows:
            return None
        fresh = evaluated is not None and trail.minute_utc - evaluated.ts_utc <= _CARRIED
        said = evaluated if fresh else None
        nothing = np.full(len(rows), np.nan)
        shared = int(trail.last_numbers("minutes_since_open")[rows].min())
        steps = trail.velocities(event.ladder.names, min(shared, LEAST_MINUTES))
        return _Priced(
            event=event,
            rows=np.array(rows, dtype=np.int64),
            evaluated=said,
            p_wx=nothing if said is None else said.masses(event.ladder),
            weights=self.weights(event),
            volatility_cents=float(volatility_cents(steps)[-1]),
        )

    def _pooled(self, same: Sequence[_Priced], trail: Trail) -> pl.DataFrame:
        """Return what is said of events of one number of brackets, under one set of weights."""
        weights, recipe = same[0].weights, same[0].recipe
        minutes, weather = _minutes(same, trail), _weather(same)
        market = market_of(minutes, recipe, self._sizes(same, trail) if recipe.price == "micro" else None)
        volatility = np.array([one.volatility_cents for one in same])
        fused = pooled(
            market.p, weather, weights,
            features=lambda: laid_features(minutes.volume_centi, weather.hazard_60m, volatility),
        )  # fmt: skip
        return _told(same, market, weather, fused)

    def _sizes(self, same: Sequence[_Priced], trail: Trail) -> Sizes:
        """Return the sizes at the best quotes, of the messages since each market's last whole book."""
        bid, ask = [], []
        for one in same:
            books = self._present.read(BOOKS, Partition(one.event.city, one.event.event_date))
            sizes = top_sizes(_since_whole(books, trail.minute_utc), _minutes([one], trail))
            bid.append(sizes.bid)
            ask.append(sizes.ask)
        return Sizes(bid=np.concatenate(bid), ask=np.concatenate(ask))


def _is_distribution(one: _Priced) -> bool:
    return one.evaluated is None or abs(float(one.p_wx.sum()) - 1) <= SUMS_TO_ONE


def _alike(events: Sequence[_Priced]) -> Iterator[list[_Priced]]:
    """Yield events that are pooled in the same way."""
    groups: dict[tuple[int, str], list[_Priced]] = {}
    for one in events:
        key = (len(one.rows), "" if one.weights is None else one.weights.sha256)
        groups.setdefault(key, []).append(one)
    yield from groups.values()


def _minutes(same: Sequence[_Priced], trail: Trail) -> EventMinutes:
    """Return events as if they were minutes of one event."""
    rows = np.stack([one.rows for one in same])

    def laid(name: str, absent: int) -> Ints:
        # In memory a bracket lies after another, as in the minutes of a day: sums are then the same to the bit.
        return np.asfortranarray(trail.last_numbers(name, absent)[rows])

    at_us = round(trail.minute_utc.timestamp()) * 1_000_000
    return EventMinutes(
        event=same[0].event.ladder.names[0],
        ladder=same[0].event.ladder,
        ts_us=np.full(len(same), at_us, dtype=np.int64),
        bid_ticks=laid("yes_bid_ticks", ABSENT),
        ask_ticks=laid("yes_ask_ticks", ABSENT),
        age_minutes=laid("quote_age_minutes", ABSENT),
        last_ticks=laid("last_price_ticks", ABSENT),
        volume_centi=laid("volume_20m_centi", 0),
        velocity_half_ticks=laid("velocity_half_ticks", 0),
    )


def _weather(same: Sequence[_Priced]) -> Weather:
    said = [one.evaluated for one in same]
    least_f = np.array([np.nan if one is None else one.m_run_lo_f for one in said])
    highest_f = np.array(
        [[np.inf if one.high_f is None else one.high_f for one in priced.event.ladder.brackets] for priced in same]
    )
    hazard = np.nan_to_num(np.array([np.nan if one is None else one.hazard_60m for one in said]))
    return Weather(
        place=np.array([-1 if one is None else 0 for one in said], dtype=np.int64),
        p=np.asfortranarray(np.stack([one.p_wx for one in same])),
        hazard_60m=hazard,
        dead=np.asfortranarray(highest_f < least_f[:, None]),
    )


def _told(same: Sequence[_Priced], market: Market, weather: Weather, fused: Fused) -> pl.DataFrame:
    brackets = len(same[0].rows)

    def of_event(name: str) -> NDArray[np.float64]:
        each = [np.nan if one.evaluated is None else getattr(one.evaluated, name) for one in same]
        return np.repeat(np.array(each, dtype=np.float64), brackets)

    columns = {
        "market_ticker": [name for one in same for name in one.event.ladder.names],
        "p_wx": weather.p.ravel(),
        "p_mkt": market.p.ravel(),
        "p_fused": fused.raw.ravel(),
        "p_fused_norm": fused.p.ravel(),
        "hazard_next_5m": of_event("hazard_5m"),
        "hazard_next_60m": of_event("hazard_60m"),
        "m_run_temp_f": of_event("m_run_temp_f"),
        "w_mkt": np.repeat(fused.weight, brackets),
    }
    return pl.DataFrame(columns, schema=SAID, nan_to_null=True)


def _weather_alone(event: Event, evaluated: Evaluated) -> pl.DataFrame:
    """Return the evaluation of an event of which not every bracket trades."""
    columns = {
        "market_ticker": event.ladder.names,
        "p_wx": evaluated.masses(event.ladder),
        "hazard_next_5m": evaluated.hazard_5m,
        "hazard_next_60m": evaluated.hazard_60m,
        "m_run_temp_f": evaluated.m_run_temp_f,
    }
    rows = pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))
    return rows.select(
        (pl.col(name) if name in columns else pl.lit(None)).cast(dtype).alias(name) for name, dtype in SAID.items()
    )


def _since_whole(books: pl.DataFrame, minute_utc: datetime) -> pl.DataFrame:
    """Return the messages of each market since its last whole book, or gap, that were known by a minute."""
    told = books.filter(pl.col("known_utc") <= utc_expr(minute_utc)).sort("market_ticker", "known_utc", "sid", "seq")
    epoch = (pl.col("kind") != "delta").cum_sum().over("market_ticker")
    return told.filter(epoch == epoch.max().over("market_ticker"))
