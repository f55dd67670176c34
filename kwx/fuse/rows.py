"""From an event and a set of weights to rows of pmf_minute: every minute of trading, and the evaluations around it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.fuse.events import Event
from kwx.fuse.market.minutes import Floats
from kwx.fuse.pools import fuse
from kwx.fuse.pools.contract import sound
from kwx.fuse.weights import SETTLEMENT, WeightSet
from warehouse.lake.tables import PMF_MINUTE


class Outcome(IntEnum):
    """What was done at a minute."""

    POOLED = 0
    NO_WEATHER = 1
    NO_MARKET = 2
    NEITHER = 3
    NO_WEIGHTS = 4


def _words(weights: WeightSet | None) -> pl.Series:
    """Return what is told of each outcome."""
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


_NO_LINE = 2**32 - 1
_OF_WEATHER = (
    "hazard_next_5m", "hazard_next_60m", "m_run_temp_f", "m_run_lo_f", "m_run_hi_f", "mc_version", "wx_utc",
    "params_fitted_utc", "quality",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Fused:
    """[T, B] the pool of market and weather before and after normalising, [T] the market's weight, what was done."""

    raw: Floats
    p: Floats
    weight: Floats
    outcome: NDArray[np.int64]


def fused(event: Event, weights: WeightSet | None) -> Fused:
    """Pool an event at each minute; where one side is missing the other stands alone; without weights nothing is."""
    market, weather = event.has_market, event.has_weather
    both = market & weather & (weights is not None)
    raw, weight = np.full(event.market.p.shape, np.nan), np.full(len(market), np.nan)
    p = raw.copy()
    if weights is not None:
        by_weather = sound(event.weather.p, event.weather.dead)
        for alone, said, share in ((market & ~weather, event.market.p, 1.0), (weather & ~market, by_weather, 0.0)):
            raw[alone], p[alone], weight[alone] = said[alone], said[alone], share
        weight[both] = weights.weight(event.features[both])
        raw[both], p[both] = fuse(
            weights.pooling, event.market.p[both], event.weather.p[both], weight[both], event.weather.dead[both]
        )
    outcome: NDArray[np.int64] = np.select(
        [np.full(len(market), weights is None), market & weather, market, weather],
        [Outcome.NO_WEIGHTS, Outcome.POOLED, Outcome.NO_WEATHER, Outcome.NO_MARKET],
        Outcome.NEITHER,
    )
    return Fused(raw=raw, p=p, weight=weight, outcome=outcome)


def minute_rows(event: Event, weights: WeightSet | None, *, sha256: str) -> pl.DataFrame:
    """Return the event's rows of pmf_minute, market by market; evaluations around its trading stay as they are."""
    pooled = fused(event, weights)
    minutes, brackets = event.market.p.shape
    names = event.ladder.names
    fitted_utc = None if weights is None else weights.fitted_utc
    rows = pl.DataFrame(
        {
            "market_ticker": pl.Series(names).gather(np.repeat(np.arange(brackets, dtype=np.uint32), minutes)),
            "ts_utc": event.minutes.ts_utc.gather(np.tile(np.arange(minutes, dtype=np.uint32), brackets)),
            "p_wx": _column(event.weather.p),
            "p_mkt": _column(event.market.p),
            "p_fused": _column(pooled.raw),
            "p_fused_norm": _column(pooled.p),
            "w_mkt": _column(np.repeat(pooled.weight[:, None], brackets, axis=1)),
            "mkt_quality": event.market.words(),
            "fused_quality": _words(weights).gather(np.tile(pooled.outcome.astype(np.uint32), brackets)),
            **_carried(event).to_dict(),
        }
    )
    whole = rows.select(
        *rows.columns,
        pl.lit(fitted_utc, PMF_MINUTE.schema["fusion_fitted_utc"]).alias("fusion_fitted_utc"),
        pl.lit(sha256).alias("fusion_sha256"),
    ).select(PMF_MINUTE.schema.names())
    return pl.concat([whole, _around(event, sha256)])


def _carried(event: Event) -> pl.DataFrame:
    """Return what each row carries of its newest evaluation, market by market; nulls where none is fresh."""
    brackets = len(event.ladder.names)
    place = event.weather.place[None, :] * brackets + np.arange(brackets)[:, None]
    line = pl.Series(np.where(event.has_weather[None, :], place, _NO_LINE).ravel().astype(np.uint32))
    return event.evaluations.select(_OF_WEATHER).select(pl.all().gather(line.replace(_NO_LINE, None)))


def _around(event: Event, sha256: str) -> pl.DataFrame:
    """Return the evaluations before and after the minutes of trading: they have no market."""
    outside = ~event.evaluations["ts_utc"].is_in(event.minutes.ts_utc.implode())
    return weather_alone(event.evaluations.filter(outside), why="no minute of trading", sha256=sha256)


def weather_alone(evaluations: pl.DataFrame, *, why: str, sha256: str) -> pl.DataFrame:
    """Return evaluations as rows of which nothing is fused now, whatever was before, and why."""
    return evaluations.with_columns(_nothing_fused(why, sha256)).select(PMF_MINUTE.schema.names())


def _nothing_fused(why: str, sha256: str) -> list[pl.Expr]:
    gone = ("p_mkt", "p_fused", "p_fused_norm", "w_mkt", "fusion_fitted_utc")
    return [
        *(pl.lit(None, PMF_MINUTE.schema[name]).alias(name) for name in gone),
        pl.lit(why).alias("mkt_quality"),
        pl.lit(why).alias("fused_quality"),
        pl.lit(sha256).alias("fusion_sha256"),
    ]


def _column(values: Floats) -> pl.Series:
    """Return [T, B] values as one column, a bracket after another; NaN is null."""
    flat = pl.Series(np.ascontiguousarray(values.T).ravel())
    return flat.fill_nan(None) if np.isnan(values).any() else flat
