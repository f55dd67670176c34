"""What was known of one climate day at each of its evaluations: the last report, the running maximum, what was amiss.

Nothing here looks at a report before its known_utc. The words of `quality`, joined by "; ", instants in local standard
time: "no report" (none of day or eve is known), "air unknown" (the day has begun, and the last report is from long
before it), "last report 200 min old" (from 180 on), "stuck since 04:20" (all reports since can mean the same degree,
six hours and twelve reports or more: only the first of them is used), "jump at 14:35 unconfirmed" (the youngest of
those that are neither state nor record), "impossible report left out", "impossible group left out".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl

from kwx.hazard.known.records import record_of
from kwx.hazard.known.reports import Bools, Heard, Reports, heard_of
from kwx.hazard.law import RecordKind
from kwx.hazard.question import GRID_MINUTES, STEPS, Floats, Ints
from warehouse.market.climate_day import MINUTES_PER_DAY, ClimateDay

EVE_HOURS = 18
"""A day is evaluated every hour on its eve, from so long before its opening midnight, then every five minutes."""

OPENING_MINUTES = 60
"""A last report of the eve so old, at most, at the opening midnight is the air of that midnight."""

STALE_MINUTES = 180
WHOLE_C_SD_F = 0.52
"""Uniform over the 1.8 °F of a whole °C."""
WHOLE_F_SD_F = 0.29
"""Uniform over a whole °F."""

_STUCK_MINUTES = 360
_STUCK_REPORTS = 12
_FAR_F = np.int16(1_000)


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """The evaluations of one day, S in all: 18 on the eve, the opening midnight, then its 288 steps; or some of them.

    ts_utc: [S] when. now_step: [S] that instant on the grid, 0 … 288; 0 on the eve.
    step: [S] the step of the last report that says something, 0 … now_step; 0 where there is none.
    temp_f, temp_sd_f: [S] what it says and how uncertain that is; NaN where nothing is known of the air at `step`.
    record_lo_f, record_hi_f, record_kind: [S] the whole degrees that the running maximum of the day can mean, and how
        it was told; None in record_kind where the day has no report yet, and the degrees then mean nothing.
    reports_step, reports_f, reports_known: [M] the sound reports of day and eve in the order of their stamps: the step
        (negative on the eve, down to -288), the temperature, and the first evaluation that knows it.
    quality: [S] what was missing or refused, in a few words each; "" where nothing was.
    """

    day: ClimateDay
    ts_utc: pl.Series
    now_step: Ints
    step: Ints
    temp_f: Floats
    temp_sd_f: Floats
    record_lo_f: Ints
    record_hi_f: Ints
    record_kind: tuple[RecordKind | None, ...]
    reports_step: Ints
    reports_f: Floats
    reports_known: Ints
    quality: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.step)


def evidence_of(day: ClimateDay, obs: pl.DataFrame) -> Evidence:
    """Return what was known of a day at its evaluations, from the rows of obs of the day and its eve in any order."""
    ts_utc = evaluations_utc(day)
    return _evidence(day, ts_utc, _now_minutes(), heard_of(day, ts_utc, obs))


def evidence_at(day: ClimateDay, heard: Heard, at: Ints) -> Evidence:
    """Return some of the evaluations, ascending, from what was heard of the day: each says what it says among all."""
    return _evidence(day, evaluations_utc(day).gather(at), _now_minutes()[at], heard.seen_from(at))


def _evidence(day: ClimateDay, ts_utc: pl.Series, now_minute: Ints, heard: Heard) -> Evidence:
    reports = heard.reports
    last = _last_reports(reports, len(ts_utc))
    state = _state(reports, last, now_minute)
    record = record_of(heard, len(ts_utc))
    ever = reports.counts < len(ts_utc)
    return Evidence(
        day=day,
        ts_utc=ts_utc,
        now_step=state.now_step,
        step=state.step,
        temp_f=state.temp_f,
        temp_sd_f=state.temp_sd_f,
        record_lo_f=record.lo_f,
        record_hi_f=record.hi_f,
        record_kind=record.kind,
        reports_step=_steps(reports.minute)[ever],
        reports_f=reports.temp_f[ever],
        reports_known=reports.counts[ever],
        quality=_quality(heard, last, state, now_minute),
    )


@lru_cache(maxsize=64)
def evaluations_utc(day: ClimateDay) -> pl.Series:
    """Return when a day is evaluated: hourly on its eve, at its opening midnight, then at each of its 288 steps."""
    start_us = round(day.start_utc.timestamp()) * 1_000_000
    minutes = pl.Series("ts_utc", start_us + _now_minutes() * 60_000_000)
    return pl.from_epoch(minutes, time_unit="us").dt.replace_time_zone("UTC")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Last:
    """Of each evaluation the place of its youngest report and of the one to be used, -1 where there is none."""

    youngest: Ints
    used: Ints

    @property
    def is_stuck(self) -> Bools:
        stuck: Bools = self.youngest != self.used
        return stuck


@dataclass(frozen=True, kw_only=True, eq=False)
class _State:
    """The air that is known at each evaluation."""

    now_step: Ints
    step: Ints
    temp_f: Floats
    temp_sd_f: Floats


def _now_minutes() -> Ints:
    eve = np.arange(-60 * EVE_HOURS, 0, 60)
    return np.concatenate([eve, GRID_MINUTES * np.arange(STEPS + 1)])


def _steps(minute: Floats) -> Ints:
    """Return the nearest steps; what is of the eve stays there."""
    nearest = np.floor(minute / GRID_MINUTES + 0.5).astype(np.int64)
    return np.where(minute < 0, np.minimum(nearest, -1), nearest)


def _last_reports(reports: Reports, evaluations: int) -> _Last:
    """Return the youngest report of each evaluation, or, of a station that is stuck, the first that says the same."""
    if not len(reports):
        nothing = np.full(evaluations, -1)
        return _Last(youngest=nothing, used=nothing)
    backward = reports.counts[::-1, None] <= np.arange(evaluations)
    lowest_f = np.where(backward, reports.lo_f[::-1, None].astype(np.int16), -_FAR_F)
    highest_f = np.where(backward, reports.hi_f[::-1, None].astype(np.int16), _FAR_F)
    same = backward & (np.maximum.accumulate(lowest_f) <= np.minimum.accumulate(highest_f))
    youngest = np.where(backward.any(axis=0), len(reports) - 1 - backward.argmax(axis=0), -1)
    first = same[::-1].argmax(axis=0)
    long = reports.minute[youngest] - reports.minute[first] >= _STUCK_MINUTES
    is_stuck = long & (same.sum(axis=0) >= _STUCK_REPORTS)
    return _Last(youngest=youngest, used=np.where(is_stuck, first, youngest))


def _state(reports: Reports, last: _Last, now_minute: Ints) -> _State:
    now_step = np.maximum(now_minute, 0) // GRID_MINUTES
    if not len(reports):
        unknown = np.full(len(now_minute), np.nan)
        return _State(now_step=now_step, step=np.zeros_like(now_step), temp_f=unknown, temp_sd_f=unknown)
    minute = reports.minute[last.used]
    known = (last.used >= 0) & (now_minute >= 0) & (minute >= -OPENING_MINUTES)
    sd_f = np.where(reports.is_whole_c[last.used], WHOLE_C_SD_F, WHOLE_F_SD_F)
    return _State(
        now_step=now_step,
        step=np.where(known, np.maximum(_steps(minute), 0), 0),
        temp_f=np.where(known, reports.temp_f[last.used], np.nan),
        temp_sd_f=np.where(known, sd_f, np.nan),
    )


def _quality(heard: Heard, last: _Last, state: _State, now_minute: Ints) -> tuple[str, ...]:
    """Return in words what was missing or refused at each evaluation."""
    words: list[list[str]] = [[] for _ in now_minute]
    for evaluation in np.flatnonzero(last.youngest < 0):
        words[evaluation].append("no report")
    for evaluation in np.flatnonzero((now_minute >= 0) & (last.youngest >= 0) & np.isnan(state.temp_f)):
        words[evaluation].append("air unknown")
    if len(heard.reports):
        _tell_ages(words, heard.reports, last, now_minute)
        _tell_jumps(words, heard.reports)
    for what, since in (("report", heard.impossible_reports), ("group", heard.impossible_groups)):
        for said in words[since.min(initial=len(words)) :]:
            said.append(f"impossible {what} left out")
    return tuple("; ".join(said) for said in words)


def _tell_ages(words: list[list[str]], reports: Reports, last: _Last, now_minute: Ints) -> None:
    minutes_old = now_minute - reports.minute[last.youngest]
    for evaluation in np.flatnonzero((last.youngest >= 0) & (minutes_old >= STALE_MINUTES)):
        words[evaluation].append(f"last report {minutes_old[evaluation]:.0f} min old")
    for evaluation in np.flatnonzero(last.is_stuck):
        words[evaluation].append(f"stuck since {_clock(reports.minute[last.used[evaluation]])}")


def _tell_jumps(words: list[list[str]], reports: Reports) -> None:
    doubtful = np.flatnonzero(reports.known < reports.counts)
    evaluation = np.arange(len(words))[:, None]
    pending = (reports.known[doubtful] <= evaluation) & (evaluation < reports.counts[doubtful])
    for place in np.flatnonzero(pending.any(axis=1)):
        youngest = doubtful[np.flatnonzero(pending[place])[-1]]
        words[place].append(f"jump at {_clock(reports.minute[youngest])} unconfirmed")


def _clock(minute: float) -> str:
    """Return minutes from the opening midnight as a time of day."""
    hours, minutes = divmod(int(minute) % MINUTES_PER_DAY, 60)
    return f"{hours:02d}:{minutes:02d}"
