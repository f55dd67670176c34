"""The pool of an event: at each minute market and weather by the market's weight, or the one that is there alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import polars as pl

from kwx.fuse.events import Event
from kwx.fuse.market.minutes import Floats, Ints, put, those
from kwx.fuse.pools import fuse
from kwx.fuse.pools.contract import sound
from kwx.fuse.weights import SETTLEMENT, WeightSet


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
        "" if weights is None or weights.horizon == SETTLEMENT else f", fitted to the market {weights.horizon} ahead"
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
    market, weather = event.has_market, event.has_weather
    both = market & weather & (weights is not None)
    raw, weight = np.full(event.market.p.shape, np.nan, order="F"), np.full(len(market), np.nan)
    p = raw.copy(order="F")
    if weights is not None:
        by_weather = sound(event.weather.p, event.weather.dead)
        for alone, said, share in ((market & ~weather, event.market.p, 1.0), (weather & ~market, by_weather, 0.0)):
            put(raw, alone, those(said, alone))
            put(p, alone, those(said, alone))
            weight[alone] = share
        weight[both] = weights.weight(event.features[both])
        p_mkt, p_wx = those(event.market.p, both), those(event.weather.p, both)
        before, after = fuse(weights.pooling, p_mkt, p_wx, weight[both], those(event.weather.dead, both))
        put(raw, both, before)
        put(p, both, after)
    outcome: Ints = np.select(
        [np.full(len(market), weights is None), market & weather, market, weather],
        [Outcome.NO_WEIGHTS, Outcome.POOLED, Outcome.NO_WEATHER, Outcome.NO_MARKET],
        Outcome.NEITHER,
    )
    return Fused(raw=raw, p=p, weight=weight, outcome=outcome)
