"""The day so far at each of its five-minute steps: what the reports known by then say of it.

Step k ends 5·k minutes after the opening midnight; step 0 is that midnight, at which nothing of the day is known. Every
array is [days, 289], and its column k is made of the columns up to k alone. Reports of the eve are not of the day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.features.tmax.inputs import TmaxInputs
from kwx.features.tmax.instants import starts_us
from warehouse.market.climate_day import FIVE_MINUTE_STEPS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEP_MINUTES = 5
FRESH_MINUTES = 15
"""A report so old at most makes its step one that was seen."""
WHOLE_C_F = 1.8
"""Within so much of the highest report the air stands at its height."""
NOON_STEP = 144
_STEPS_PER_HOUR = 12
_DAYS_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class DaySoFar:
    """[days, 289] each, NaN where nothing is known.

    run_max_f, run_max_lo_f, run_max_hi_f: the highest report, and the whole degrees that it can mean. min_f, mean_f,
    last_f: of the last known report at each step. reports: how many were told. slope_1h, slope_3h: the straight line
    through the steps of the last hours, °F an hour. minutes_since_max: since the highest report rose last.
    plateau_minutes: the minutes that stood within a whole °C of it. morning_max_f, afternoon_max_f: of the steps up to
    and after 12:00 standard time. stale_minutes: the age of the last report. share_seen: the share of steps that had a
    fresh report. is_official: 1 where the last report is the station's own.
    """

    run_max_f: Floats
    run_max_lo_f: Floats
    run_max_hi_f: Floats
    min_f: Floats
    mean_f: Floats
    last_f: Floats
    reports: Floats
    slope_1h: Floats
    slope_3h: Floats
    minutes_since_max: Floats
    plateau_minutes: Floats
    morning_max_f: Floats
    afternoon_max_f: Floats
    stale_minutes: Floats
    share_seen: Floats
    is_official: Floats


def day_so_far(inputs: TmaxInputs) -> DaySoFar:
    """Return the statistics of every day at every step."""
    day, step = places(inputs)
    temp_f, stale, top_f, top_lo_f, top_hi_f = (
        laid(inputs, day, step, name)
        for name in ("temp_f", "stale_minutes", "run_max_f", "run_max_lo_f", "run_max_hi_f")
    )
    official = laid(inputs, day, step, pl.col("source") == "metar")
    steps = np.arange(FIVE_MINUTE_STEPS + 1)
    with np.errstate(invalid="ignore"):
        ours = stale <= STEP_MINUTES * steps
    temp_f, stale, official = (np.where(ours, values, np.nan) for values in (temp_f, stale, official))
    there = ~np.isnan(temp_f)
    fresh = np.nan_to_num(stale, nan=np.inf) <= FRESH_MINUTES
    number = np.cumsum(there, axis=1, dtype=np.int64)
    afternoon = steps > NOON_STEP
    return DaySoFar(
        run_max_f=top_f,
        run_max_lo_f=top_lo_f,
        run_max_hi_f=top_hi_f,
        min_f=-_highest(-temp_f),
        mean_f=ratio(np.cumsum(np.where(there, temp_f, 0.0), axis=1), number),
        last_f=temp_f,
        reports=_reports(STEP_MINUTES * steps - stale),
        slope_1h=_slope(temp_f, _STEPS_PER_HOUR),
        slope_3h=_slope(temp_f, 3 * _STEPS_PER_HOUR),
        minutes_since_max=_minutes_since_rise(top_f),
        plateau_minutes=_plateau_minutes(temp_f, top_f),
        morning_max_f=_highest(np.where(afternoon, np.nan, temp_f)),
        afternoon_max_f=_highest(np.where(afternoon, temp_f, np.nan)),
        stale_minutes=stale,
        share_seen=ratio(np.cumsum(fresh, axis=1, dtype=np.int64), steps),
        is_official=official,
    )


def places(inputs: TmaxInputs) -> tuple[Ints, Ints]:
    """Return where each row of the grid goes: its day and step."""
    day = inputs.grid.select(inputs.day_of(inputs.grid)).to_series().to_numpy()
    ts_us = inputs.grid["ts_utc"].to_physical().to_numpy()
    step = (ts_us - starts_us(inputs)[day]) // (STEP_MINUTES * 60_000_000)
    return day, step


def laid(inputs: TmaxInputs, day: Ints, step: Ints, column: str | pl.Expr) -> Floats:
    """Return a column of the grid where each row goes, NaN where there is none."""
    wanted = pl.col(column) if isinstance(column, str) else column
    values = inputs.grid.select(wanted.cast(pl.Float64).fill_null(float("nan"))).to_series().to_numpy()
    laid = np.full((len(inputs.dates), FIVE_MINUTE_STEPS + 1), np.nan)
    laid[day, step] = values
    return laid


def _highest(values: Floats) -> Floats:
    """Return the highest so far, NaN before the first."""
    return np.fmax.accumulate(values, axis=1)


def ratio(above: Floats | Ints, below: Floats | Ints) -> Floats:
    """Return the quotient, NaN where nothing is below."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, np.nan)


def _reports(stamp_minute: Floats) -> Floats:
    """Return how many reports were told so far: steps whose last report is younger than that of any step before."""
    youngest = np.maximum.accumulate(np.nan_to_num(stamp_minute, nan=-1.0), axis=1)
    return np.cumsum(np.diff(youngest, axis=1, prepend=-1.0) > 0, axis=1).astype(np.float64)


def _slope(temp_f: Floats, steps: int) -> Floats:
    """Return the least-squares slope over the last steps in °F an hour, NaN where fewer than half of them are known."""
    there = ~np.isnan(temp_f)
    hour = np.arange(temp_f.shape[1]) / _STEPS_PER_HOUR
    y = np.where(there, temp_f, 0.0)
    n, t, tt, v, tv = (_last_sum(values, steps) for values in (there * 1.0, there * hour, there * hour**2, y, y * hour))
    spread = n * tt - t * t
    enough = (2 * n >= steps) & (spread > 1e-9)
    return np.where(enough, (n * tv - t * v) / np.where(enough, spread, 1.0), np.nan)


def _last_sum(values: Floats, steps: int) -> Floats:
    """Return the sum over the last steps, the row's own among them."""
    total = np.cumsum(values, axis=1)
    total[:, steps:] -= total[:, :-steps].copy()
    return total


def _minutes_since_rise(top_f: Floats) -> Floats:
    """Return the minutes since the step at which the highest report came to be."""
    known = np.nan_to_num(top_f, nan=-np.inf)
    rose = np.zeros(top_f.shape, dtype=bool)
    rose[:, 1:] = known[:, 1:] > known[:, :-1]
    steps = np.arange(top_f.shape[1])
    last = np.maximum.accumulate(np.where(rose, steps, -1), axis=1)
    return np.where(last >= 0, STEP_MINUTES * (steps - last).astype(np.float64), np.nan)


def _plateau_minutes(temp_f: Floats, top_f: Floats) -> Floats:
    minutes = np.empty(temp_f.shape)
    past = np.tri(temp_f.shape[1], dtype=bool)
    for first in range(0, len(temp_f), _DAYS_AT_ONCE):
        days = slice(first, first + _DAYS_AT_ONCE)
        with np.errstate(invalid="ignore"):
            near = temp_f[days, None, :] >= top_f[days, :, None] - WHOLE_C_F
        minutes[days] = STEP_MINUTES * (near & past).sum(axis=2)
    return np.where(np.isnan(top_f), np.nan, minutes)
