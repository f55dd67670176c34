"""The pool of an event: at each minute market and weather by the market's weight, or the one that is there alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import polars as pl

from kwx.fuse.events import Event
from kwx.fuse.market.minutes import Floats, Ints, put, those
from kwx.fuse.pools import fuse
from kwx.fuse.pools.contract import sound
from kwx.fuse.weather import Weather
from kwx.fuse.weights import WeightSet
from warehouse.lake.tables.research import SETTLEMENT_HORIZON


class Outcome(IntEnum):
    """What was done at a minute."""

    POOLED = 0
    NO_WEATHER = 1
    NO_MARKET = 2
    NEITHER = 3
    NO_WEIGHTS = 4


def outcome_words(weights: WeightSet | None) -> pl.Series:
    """Return what is told of each outcome, in their order."""
    how = "" if weights is None else " at a weight that was said" if weights.fitted_utc is None else ""
    ahead = (
        ""
        if weights is None or weights.horizon == SETTLEMENT_HORIZON
        else f", fitted to the market {weights.horizon} ahead"
    )
    return pl.Series(
        [
            f"pooled{how}{ahead}",
            "no fresh p_wx: the market alone",
            "no p_mkt: the weather alone",
            "neither p_mkt nor p_wx",
            "not pooled: no accepted weights end before the eve",
        ]
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Fused:
    """[T, B] the pool of market and weather before and after normalising, [T] the market's weight, what was done."""

    raw: Floats
    p: Floats
    weight: Floats
    outcome: Ints


def fused(event: Event, weights: WeightSet | None) -> Fused:
    """Pool an event at each minute; where one side is missing the other stands alone; without weights nothing is."""
    return pooled(event.market.p, event.weather, weights, features=lambda: event.features)


def pooled(
    market_p: Floats, weather: Weather, weights: WeightSet | None, *, features: Callable[[], Floats]
) -> Fused:  # fmt: skip
    """Pool what market [T, B] and weather say at each minute; `features` are asked for only where weights are."""
    has_market, has_weather = ~np.isnan(market_p[:, 0]), weather.place >= 0
    both = has_market & has_weather & (weights is not None)
    raw, weight = np.full(market_p.shape, np.nan, order="F"), np.full(len(market_p), np.nan)
    p = raw.copy(order="F")
    if weights is not None:
        by_weather = sound(weather.p, weather.dead)
        for alone, said, share in (
            (has_market & ~has_weather, market_p, 1.0),
            (has_weather & ~has_market, by_weather, 0.0),
        ):
            put(raw, alone, those(said, alone))
            put(p, alone, those(said, alone))
            weight[alone] = share
        weight[both] = weights.weight(features()[both])
        p_mkt, p_wx = those(market_p, both), those(weather.p, both)
        before, after = fuse(weights.pooling, p_mkt, p_wx, weight[both], those(weather.dead, both))
        put(raw, both, before)
        put(p, both, after)
    outcome: Ints = np.select(
        [np.full(len(market_p), weights is None), has_market & has_weather, has_market, has_weather],
        [Outcome.NO_WEIGHTS, Outcome.POOLED, Outcome.NO_WEATHER, Outcome.NO_MARKET],
        Outcome.NEITHER,
    )
    return Fused(raw=raw, p=p, weight=weight, outcome=outcome)
