"""Station reports and group maxima of a day and its eve as arrays, and from when on each can be believed.

A report counts from the first evaluation that knows it, unless it jumps: by more than 8 °F within 15 minutes of the
sound report before it, or, after a longer pause, up by more than 8 °F and 0.2 °F for each further minute (a front may
fall at any speed, an instrument that fails shows up). A jump counts only once it is confirmed: by a report 5 to 30
minutes younger (a nearer one may relay the same measurement) within 2.5 °F, a fall also by one that goes on falling by
less than another jump; by a group maximum, for a rise; or by a late report between it and the one before.

A group counts unless it is impossible by what is known when it is: more than 8 °F below a sound report of its minutes,
or more than 8 °F above all those of its hours, if no two hours of them pass without one. Two that agree are believed:
a group within 2.5 °F of a doubtful report of its hours is possible, and confirms it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.hazard.question import Floats, Ints
from warehouse.market.climate_day import MINUTES_PER_DAY, ClimateDay

COLDEST_F, WARMEST_F = -80, 140
OFFICIAL_SOURCE = "metar"
JUMP_F = 8.0

_JUMP_MINUTES = 15
_RISE_F_PER_MINUTE = 0.2
_CONFIRMS_WITHIN_F = 2.5
_CONFIRMS_AFTER_MINUTES = (5, 30)
_SIX_HOURS = 360
_GAP_MINUTES = 120
_WINDOW_MINUTES = 60
"""The hours of a group may be meant to begin or end so much before or after the minutes that are surely its own."""
_MINUTE_US = 60_000_000

Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Reports:
    """Possible reports in the order of their stamps, the better one of two with the same stamp last.

    minute: minutes from the opening midnight to the stamp, negative on the eve. known: the first evaluation that had
    it. counts: the first that believes it, the number of evaluations where none does.
    """

    minute: Floats
    temp_f: Floats
    lo_f: Ints
    hi_f: Ints
    is_whole_c: Bools
    known: Ints
    counts: Ints

    def __len__(self) -> int:
        return len(self.minute)


@dataclass(frozen=True, kw_only=True, eq=False)
class Groups:
    """Maxima that bulletins tell of the minutes first … last, in the order in which they were known.

    A group of six hours may mean those before its bulletin or those before the hour that follows it: first … last lies
    in both, and `is_of_day` holds where both lie in the climate day.
    """

    first: Floats
    last: Floats
    max_f: Ints
    known: Ints
    is_of_day: Bools


@dataclass(frozen=True, kw_only=True, eq=False)
class Heard:
    """All that was told of a day and its eve and can be.

    impossible_reports, impossible_groups: the evaluations that first knew of one that cannot be.
    """

    reports: Reports
    groups: Groups
    impossible_reports: Ints
    impossible_groups: Ints

    def seen_from(self, at: Ints) -> Heard:
        """Return the same as some of the evaluations see it, which are numbered anew: what none of them knows, last."""
        known, counts = (np.searchsorted(at, one) for one in (self.reports.known, self.reports.counts))
        return Heard(
            reports=replace(self.reports, known=known, counts=counts),
            groups=replace(self.groups, known=np.searchsorted(at, self.groups.known)),
            impossible_reports=np.searchsorted(at, self.impossible_reports),
            impossible_groups=np.searchsorted(at, self.impossible_groups),
        )


def heard_of(day: ClimateDay, ts_utc: pl.Series, obs: pl.DataFrame) -> Heard:
    """Return what was told of a day and its eve by the last of its evaluations, and when it was known and believed."""
    told = _told(day, ts_utc, obs)
    possible = _possible(told)
    told_groups = _groups(told)
    arrived = _reports(told.filter(possible))
    by_themselves = _believed(arrived, _some(told_groups, slice(0)), never=len(ts_utc))
    refused = _refused(told_groups, by_themselves)
    groups = _some(told_groups, ~refused)
    reports = _believed(arrived, groups, never=len(ts_utc))
    return Heard(
        reports=reports,
        groups=groups,
        impossible_reports=told.filter(~possible)["known"].to_numpy(),
        impossible_groups=told_groups.known[refused],
    )


def _told(day: ClimateDay, ts_utc: pl.Series, obs: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that say something new and were known in time, by stamp, the worst of a tie first."""
    start_us = _instants(pl.Series([day.start_utc], dtype=pl.Datetime("us", "UTC")))[0]
    heard_us = np.maximum(_instants(obs["ts_utc"]), _instants(obs["known_utc"]))
    known = np.searchsorted(_instants(ts_utc), heard_us, side="left")
    minute = (_instants(obs["ts_utc"]) - start_us) / _MINUTE_US
    rows = obs.with_columns(
        pl.Series("known", known, dtype=pl.Int64),
        pl.Series("minute", minute, dtype=pl.Float64),
        (pl.col("source") == OFFICIAL_SOURCE).alias("is_official"),
    )
    ours = pl.col("minute").is_between(-MINUTES_PER_DAY, MINUTES_PER_DAY, closed="left")
    return rows.filter(ours & (pl.col("known") < len(ts_utc)) & ~pl.col("is_filled")).sort(
        ["minute", "is_whole_c", "is_official", "source", "known_utc", "temp_f"],
        descending=[False, True, False, True, True, False],
    )


def _possible(told: pl.DataFrame) -> pl.Series:
    temperatures = [pl.col(name).is_between(COLDEST_F, WARMEST_F) for name in ("temp_f", "temp_lo_f", "temp_hi_f")]
    return told.select(pl.all_horizontal(temperatures).fill_null(value=False)).to_series()


def _reports(told: pl.DataFrame) -> Reports:
    known = told["known"].to_numpy()
    return Reports(
        minute=told["minute"].to_numpy(),
        temp_f=told["temp_f"].to_numpy(),
        lo_f=told["temp_lo_f"].cast(pl.Int64).to_numpy(),
        hi_f=told["temp_hi_f"].cast(pl.Int64).to_numpy(),
        is_whole_c=told["is_whole_c"].to_numpy(),
        known=known,
        counts=known,
    )


def _groups(told: pl.DataFrame) -> Groups:
    hour_end = (pl.col("minute") / 60).ceil() * 60
    six_hours = told.select(
        "known",
        max_f="max_6h_f",
        first=hour_end - _SIX_HOURS,
        last="minute",
        is_of_day=pl.col("minute") >= _SIX_HOURS,
    )
    whole_day = told.filter(hour_end == MINUTES_PER_DAY).select(
        "known", max_f="max_24h_f", first=pl.lit(0.0), last="minute", is_of_day=True
    )
    groups = pl.concat([six_hours, whole_day]).drop_nulls("max_f").sort("known", "last", "first", "max_f")
    return Groups(
        first=groups["first"].to_numpy(),
        last=groups["last"].to_numpy(),
        max_f=groups["max_f"].cast(pl.Int64).to_numpy(),
        known=groups["known"].to_numpy(),
        is_of_day=groups["is_of_day"].to_numpy(),
    )


def _some(groups: Groups, which: slice | Bools) -> Groups:
    return Groups(**{name: values[which] for name, values in vars(groups).items()})


def _refused(groups: Groups, reports: Reports) -> Bools:
    """Tell which groups are impossible by the reports known with each; those believe each other without any group."""
    each = zip(groups.first, groups.last, groups.max_f, groups.known, strict=True)
    return np.array([_is_impossible(reports, *group) for group in each], dtype=np.bool_)


def _is_impossible(reports: Reports, first: float, last: float, max_f: int, known: int) -> bool:
    if not COLDEST_F <= max_f <= WARMEST_F:
        return True
    minute, sound = reports.minute, reports.counts <= known
    spanned = sound & (first <= minute) & (minute <= last)
    if (reports.lo_f[spanned] > max_f + JUMP_F).any():
        return True
    near = (first - _WINDOW_MINUTES <= minute) & (minute <= last + _WINDOW_MINUTES)
    reached = sound & (max_f <= reports.hi_f + JUMP_F)
    agreed = (reports.known <= known) & (np.abs(reports.temp_f - max_f) <= _CONFIRMS_WITHIN_F)
    pauses = np.diff(minute[spanned], prepend=first, append=last)
    return not (near & (reached | agreed)).any() and bool(pauses.max() <= _GAP_MINUTES)


def _believed(reports: Reports, groups: Groups, *, never: int) -> Reports:
    """Return the reports with the first evaluation that believes each."""
    return Reports(**{**vars(reports), "counts": _counts(reports, groups, never=never)})


def _counts(reports: Reports, groups: Groups, *, never: int) -> Ints:
    before = _heard_before(reports.known)
    jumps = _jumps(reports.minute - reports.minute[before], reports.temp_f - reports.temp_f[before])
    if not (jumps & (before >= 0)).any():
        return reports.known
    return _Hearing(reports, groups, never=never).counts()


def _heard_before(known: Ints) -> Ints:
    """Return the place of the report before each, of those known no later than it; -1 where there is none."""
    before = np.arange(-1, len(known) - 1)
    while (later := (before >= 0) & (known[before] > known)).any():
        before[later] -= 1
    return before


def _jumps(minutes: Any, change_f: Any) -> Any:
    """Tell whether a change is a jump; of arrays, which."""
    pause = (minutes - _JUMP_MINUTES) * (minutes > _JUMP_MINUTES)
    return (change_f > JUMP_F + _RISE_F_PER_MINUTE * pause) | ((pause <= 0) & (change_f < -JUMP_F))


class _Hearing:
    """Reports judged one by one as they arrive: the way taken on the few days that have a jump."""

    def __init__(self, reports: Reports, groups: Groups, *, never: int) -> None:
        self._minute: list[float] = reports.minute.tolist()
        self._temp_f: list[float] = reports.temp_f.tolist()
        self._known: list[int] = reports.known.tolist()
        self._groups = list(zip(groups.known, groups.first, groups.last, groups.max_f, strict=True))
        self._sound: list[int] = []
        self._doubtful: list[int] = []
        self._counts = np.full(len(reports), never, dtype=np.int64)

    def counts(self) -> Ints:
        """Return the first evaluation that believes each report."""
        arrivals = sorted((known, place) for place, known in enumerate(self._known))
        news = [(known, self._minute[place] - _CONFIRMS_AFTER_MINUTES[1], place) for known, place in arrivals]
        news += [(known, first, len(self._known)) for known, first, _, _ in self._groups]
        for evaluation, first_minute, place in sorted(news, key=lambda item: (item[0], item[2])):
            if place < len(self._known):
                insort(self._doubtful, place)
            self._settle(evaluation, first_minute)
        return self._counts

    def _settle(self, evaluation: int, first_minute: float) -> None:
        """Believe what the news confirm, and what that confirms in turn; they confirm nothing older than a minute."""
        while True:
            concerned = self._doubtful[bisect_left(self._doubtful, self._first_since(first_minute)) :]
            sound = next((place for place in concerned if self._is_sound(place, evaluation)), None)
            if sound is None:
                return
            self._doubtful.remove(sound)
            insort(self._sound, sound)
            self._counts[sound] = evaluation

    def _first_since(self, minute: float) -> int:
        return bisect_left(self._minute, minute)

    def _is_sound(self, place: int, evaluation: int) -> bool:
        rank = bisect_left(self._sound, place)
        if rank == 0:
            return True
        before = self._sound[rank - 1]
        minutes, change_f = self._minute[place] - self._minute[before], self._temp_f[place] - self._temp_f[before]
        return not _jumps(minutes, change_f) or self._is_confirmed(place, evaluation, rises=change_f > 0)

    def _is_confirmed(self, place: int, evaluation: int, *, rises: bool) -> bool:
        minute, temp_f = self._minute[place], self._temp_f[place]
        after, until = _CONFIRMS_AFTER_MINUTES
        younger = range(self._first_since(minute + after), bisect_left(self._minute, minute + until + 1e-9))
        fall_f = _CONFIRMS_WITHIN_F if rises else JUMP_F
        by_report = any(
            self._known[other] <= evaluation and -fall_f <= self._temp_f[other] - temp_f <= _CONFIRMS_WITHIN_F
            for other in younger
        )
        return by_report or (
            rises
            and any(
                known <= evaluation and first <= minute <= last and temp_f <= max_f + _CONFIRMS_WITHIN_F
                for known, first, last, max_f in self._groups
            )
        )


def _instants(instants: pl.Series) -> Ints:
    return instants.to_physical().cast(pl.Int64).to_numpy()
