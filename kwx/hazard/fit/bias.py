"""A first guess of the day bias by regression: which share of the day's level so far lasts, and what forgets it best.

To the warmest step to come, n steps ahead, the air keeps ρ^n of its residual r, and 1 − ρ^n of the day bias comes in:
future maximum − maximum of the curve − ρ^n r = (1 − ρ^n) (mean + share · level) + noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from kwx.hazard.fit.past import PastDay
from kwx.hazard.known.evidence import EVE_HOURS
from kwx.hazard.known.levels import levels
from kwx.hazard.known.outlook import Outlook
from kwx.hazard.law import LEADS, NO_REPORT, Baseline, DayBias
from kwx.hazard.question import GRID_MINUTES, STEPS, Floats, Ints

BUCKETS = (*map(str, LEADS), NO_REPORT)
NONE = len(LEADS)
"""The place of the bucket without a report."""

HALF_LIVES_MINUTES = (0.0, 60.0, 180.0, 360.0)
EVALUATIONS = np.array([2, 8, 14, *range(EVE_HOURS, EVE_HOURS + STEPS, 24)])
"""Evaluations that the fit looks at: 16, 10 and 4 h before the opening midnight, then every two hours."""

_MOST_SHARE = 1.2
_SHARE_DAYS = 10.0
_COVERED = 0.5
_SD_RANGE_F = (0.4, 9.0)
_LEAST_ENTERING = 0.25

Stood = tuple[PastDay, Outlook]
_Day = TypeVar("_Day")


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Evaluations of past days: bucket of lead, level so far, and how what was left to explain lay over the curve.

    entering is 1 − ρ^n; over_f is the future maximum minus that of the curve minus ρ^n r, NaN where reports lack.
    """

    day: Ints
    bucket: Ints
    level_f: Floats
    entering: Floats
    over_f: Floats

    def of(self, bucket: int | None) -> Rows:
        """Return the rows of one bucket, or with None all that have a level, that can be regressed."""
        ours = ~np.isnan(self.over_f) & (self.bucket < NONE if bucket is None else self.bucket == bucket)
        names = ("day", "bucket", "level_f", "entering", "over_f")
        return Rows(**{name: getattr(self, name)[ours] for name in names})


def rows_of(days: Sequence[Stood], baseline: Baseline, rho: float) -> Rows:
    """Return the evaluations that the fit looks at and that stand on a baseline."""
    covered = _covered(days)
    parts = []
    for place, (day, outlook) in enumerate(days):
        chosen = standing(outlook, baseline)
        step, curve = day.evidence.step[chosen], outlook.curve[chosen]
        level_f, lead_minutes = outlook.level_f[chosen], outlook.lead_minutes[chosen]
        later = np.minimum(step + 1, STEPS)
        ahead_f = np.maximum.accumulate(outlook.curves_f[:, ::-1], axis=1)[:, ::-1][curve, later]
        air_f = np.fmax.accumulate(day.air_f[::-1])[::-1][later]
        keeping = rho ** (lead_minutes / GRID_MINUTES)
        residual_f = np.nan_to_num(day.evidence.temp_f[chosen] - outlook.curves_f[curve, step])
        unknown = np.isnan(day.evidence.temp_f[chosen])
        over_f = np.where(covered[place, later] & (step < STEPS), air_f - ahead_f - keeping * residual_f, np.nan)
        parts.append(
            (
                np.full(len(chosen), place),
                bucket_of(level_f, lead_minutes),
                np.nan_to_num(level_f),
                np.where(unknown, 1.0, 1 - keeping),
                over_f,
            )
        )
    day_, bucket, level, entering, over = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Rows(day=day_, bucket=bucket, level_f=level, entering=entering, over_f=over)


def standing(outlook: Outlook, baseline: Baseline) -> Ints:
    """Return which of the evaluations that the fit looks at stand on a baseline."""
    chosen: Ints = np.array(
        [place for place in EVALUATIONS.tolist() if outlook.baseline[place] is baseline], dtype=np.int64
    )
    return chosen


def bucket_of(level_f: Floats, lead_minutes: Floats) -> Ints:
    """Return the place in BUCKETS of each evaluation."""
    by_lead = np.searchsorted([lead.end for lead in LEADS[:-1]], lead_minutes, side="right")
    bucket: Ints = np.where(np.isnan(level_f), NONE, by_lead)
    return bucket


def with_half_life(days: Sequence[Stood], baseline: Baseline, half_life_minutes: float) -> list[Stood]:
    """Return the days with the levels that another half life gives."""
    found = []
    for day, outlook in days:
        repeats = np.full(len(outlook.curves_f), baseline is Baseline.TEMPLATE)
        level_f = levels(day.evidence, outlook.curves_f, outlook.curve, half_life_minutes, repeats=repeats)
        found.append((day, replace(outlook, level_f=level_f)))
    return found


def best_half_life(days: Sequence[Stood], baseline: Baseline, rho: float) -> tuple[float, dict[str, float]]:
    """Return the half life that leaves the least unexplained, and what each of them leaves (rms, °F)."""
    left = {}
    for half_life in HALF_LIVES_MINUTES:
        rows = rows_of(with_half_life(days, baseline, half_life), baseline, rho)
        left[half_life] = _unexplained(rows)
    best = min(left, key=lambda half_life: left[half_life])
    return best, {f"{half_life:g}": round(rms_f, 4) for half_life, rms_f in left.items()}


def first_guess(rows: Rows, *, persists: bool = False) -> dict[str, DayBias]:
    """Return the day bias of each bucket by regression; `persists` holds the share at one and the mean at zero.

    A bucket's own share is drawn to that of all buckets as if ten days had told it.
    """
    shared = 1.0 if persists else _regressed(rows.of(None))[1]
    guesses = {}
    for bucket, label in enumerate(BUCKETS):
        ours = rows.of(bucket)
        days = len(np.unique(ours.day))
        share = 0.0
        if bucket != NONE:
            own = _regressed(ours)[1] if days and not persists else shared
            share = float(np.clip((days * own + _SHARE_DAYS * shared) / (days + _SHARE_DAYS), 0.0, _MOST_SHARE))
        guesses[label] = _guess(ours, share, persists=persists and bucket != NONE)
    return guesses


def _guess(rows: Rows, share: float, *, persists: bool) -> DayBias:
    """Return mean and spread of what a share leaves to explain."""
    if not len(rows.day):
        return DayBias(0.0, share, 2.0)
    entering = np.maximum(rows.entering, _LEAST_ENTERING)
    left_f = rows.over_f - rows.entering * share * rows.level_f
    mean_f = 0.0 if persists else float(left_f @ entering / (entering @ entering))
    sd_f = float(np.sqrt(np.mean((left_f - entering * mean_f) ** 2) / np.mean(entering**2)))
    return DayBias(mean_f, share, float(np.clip(sd_f, *_SD_RANGE_F)))


def _regressed(rows: Rows) -> tuple[float, float]:
    """Return intercept and slope on the level, by least squares with a trace of a ridge."""
    if not len(rows.day):
        return 0.0, 1.0
    known = np.stack([rows.entering, rows.entering * rows.level_f], axis=1)
    square = known.T @ known
    square += 1e-3 * np.diag(np.maximum(np.diag(square), 1e-9))
    intercept, slope = np.linalg.solve(square, known.T @ rows.over_f).tolist()
    return intercept, slope


def _unexplained(rows: Rows) -> float:
    """Return the rms of what the regressions of all buckets leave."""
    total, count = 0.0, 0
    for bucket in range(NONE):
        ours = rows.of(bucket)
        intercept, slope = _regressed(ours)
        total += float(np.sum((ours.over_f - ours.entering * (intercept + slope * ours.level_f)) ** 2))
        count += len(ours.day)
    return float(np.sqrt(total / max(count, 1)))


def _covered(days: Sequence[Stood]) -> np.ndarray:
    """Return [D, 289] whether from a step on there are half as many reports as on the usual day."""
    known = np.stack([~np.isnan(day.air_f) for day, _ in days])
    later = np.cumsum(known[:, ::-1], axis=1)[:, ::-1]
    enough: np.ndarray = (later >= _COVERED * np.median(later, axis=0)) & (later > 0)
    return enough


def spread_over_range(days: Sequence[_Day], most: int) -> list[_Day]:
    """Return at most so many of the days, evenly spread over their range."""
    places = np.unique(np.linspace(0, len(days) - 1, min(most, len(days))).round().astype(np.int64))
    return [days[place] for place in places.tolist()]


def filled(biases: Mapping[str, DayBias], seen: Mapping[str, int]) -> dict[str, DayBias]:
    """Give each lead that no evaluation had the bias of the nearest one that some had."""
    have = [place for place, label in enumerate(BUCKETS[:NONE]) if seen.get(label)] or [0]
    nearest = {
        label: biases[BUCKETS[min(have, key=lambda other: abs(other - place))]]
        for place, label in enumerate(BUCKETS[:NONE])
    }
    return {**nearest, NO_REPORT: biases[NO_REPORT]}
