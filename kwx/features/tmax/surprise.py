"""How far the air is from what was forecast for that minute, and how warm the rest of the day is to be.

A forecast of the high says nothing of the hour, so that a cool morning cannot be told from a cool day, nor an hour
before the peak from one after it; the curve that came with it can. Arrays are [days, 289] as those of the day so far.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.features.tmax.day_so_far import STEP_MINUTES, DaySoFar, ratio
from kwx.features.tmax.inputs import TmaxInputs
from kwx.features.tmax.instants import starts_us
from kwx.features.tmax.versions import versions_of
from warehouse.market.climate_day import FIVE_MINUTE_STEPS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MINUTE_US = 60_000_000
_HOUR_US = 60 * _MINUTE_US
_HOURS = 25
_REACH_HOURS = 6
"""A curve is drawn between two of its hours that are no farther apart."""
_RECENT_STEPS = 36
_STEPS = np.arange(FIVE_MINUTE_STEPS + 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Surprise:
    """[days, 289] each, NaN where nothing is known; so it is at step 0, which an eve looks up: midnight is after it.

    Of curves the mean of every source's newest counts.

    now_f: the last report minus what the curves said of its minute. recent_f: the mean of that over the last three
    hours. mean_f: over the day so far. rest_f: the highest that the curves say of the hours to come. shifted_f: the
    same as much warmer as the last three hours were.
    """

    now_f: Floats
    recent_f: Floats
    mean_f: Floats
    rest_f: Floats
    shifted_f: Floats


def surprise(inputs: TmaxInputs, so_far: DaySoFar) -> Surprise:
    """Return how far the air was from its forecasts, at every step by what was known then."""
    curves = [_hourly(inputs, source) for source in sorted(inputs.curves["source"].unique())]
    nothing = np.full(so_far.last_f.shape, np.nan)
    now_f = so_far.last_f - _mean([nothing, *(_at_report(curve, so_far.stale_minutes) for curve in curves)])
    there = ~np.isnan(now_f)
    total, number = np.cumsum(np.where(there, now_f, 0.0), axis=1), np.cumsum(there, axis=1, dtype=np.float64)
    recent_f = ratio(_last(total), _last(number))
    rest_f = _mean([nothing, *(_rest(curve) for curve in curves)])
    rest_f[:, 0] = np.nan
    return Surprise(
        now_f=now_f, recent_f=recent_f, mean_f=ratio(total, number), rest_f=rest_f, shifted_f=rest_f + recent_f
    )  # fmt: skip


def _mean(parts: list[Floats]) -> Floats:
    """Return the mean of what is known."""
    said = np.array(parts)
    known = ~np.isnan(said)
    return ratio(np.where(known, said, 0.0).sum(axis=0), known.sum(axis=0))


def _last(total: Floats) -> Floats:
    """Return the part of a running total that the last steps brought."""
    recent = total.copy()
    recent[:, _RECENT_STEPS:] -= total[:, :-_RECENT_STEPS]
    return recent


def _hourly(inputs: TmaxInputs, source: str) -> Floats:
    """Return what a source's newest run known at each step says of each hour of the day [days, 289, 25]."""
    start_us = starts_us(inputs)
    curves = inputs.curves.filter(pl.col("source") == source).with_columns(inputs.day_of(inputs.curves))
    day = curves["day"].to_numpy()
    hour = (curves["valid_utc"].to_physical().to_numpy() - start_us[day]) // _HOUR_US
    versions = versions_of(curves.with_columns(place=pl.Series(day * _HOURS + hour)))
    temp_f = np.append(curves["temp_f"].to_numpy()[versions.row], np.nan)
    place = (np.arange(len(start_us))[:, None] * _HOURS + np.arange(_HOURS))[:, None, :]
    ts_us = start_us[:, None] + STEP_MINUTES * _MINUTE_US * _STEPS
    version, _ = versions.at(*np.broadcast_arrays(place, ts_us[:, :, None]))
    told: Floats = temp_f[version]
    return told


def _at_report(curve: Floats, stale_minutes: Floats) -> Floats:
    """Return what a curve says of the minute of the last report, on the line between the hours about it."""
    minute = STEP_MINUTES * _STEPS - stale_minutes
    hour = np.nan_to_num(minute // 60).astype(np.int64)
    (before_f, before), (after_f, after) = _nearest(curve, hour, -1), _nearest(curve, hour + 1, 1)
    told: Floats = before_f + (minute / 60 - before) / (after - before) * (after_f - before_f)
    return np.where(after - before <= _REACH_HOURS, told, np.nan)


def _nearest(curve: Floats, hour: Ints, way: int) -> tuple[Floats, Floats]:
    """Return what is said of the nearest hour one way that something is said of, and which it is."""
    said, where = np.full(hour.shape, np.nan), np.full(hour.shape, np.nan)
    for farther in range(_REACH_HOURS):
        asked = hour + way * farther
        held = np.clip(asked, 0, _HOURS - 1)
        told = np.where(asked == held, np.take_along_axis(curve, held[:, :, None], axis=2)[:, :, 0], np.nan)
        here = np.isnan(said) & ~np.isnan(told)
        said, where = np.where(here, told, said), np.where(here, asked, where)
    return said, where


def _rest(curve: Floats) -> Floats:
    """Return the highest that a curve says of the hours after each step."""
    later = np.fmax.accumulate(curve[:, :, ::-1], axis=2)[:, :, ::-1]
    hour = STEP_MINUTES * _STEPS // 60 + 1
    rest = np.full(curve.shape[:2], np.nan)
    rest[:, hour < _HOURS] = later[:, hour < _HOURS, hour[hour < _HOURS]]
    return rest
