"""The typical day of a station: a level and a smooth shape of few harmonics, per month and for the whole year.

Every day has a level of its own, so that a gap in one afternoon makes no other afternoon colder.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from kwx.hazard.law import WHOLE_YEAR
from kwx.hazard.question import STEPS, Floats

Flags = NDArray[np.bool_]

MONTH_DAYS = 15
"""From so many days on a month has a typical day of its own."""

YEAR_DAYS = 300
RECENT_DAYS = 30

_HARMONICS = 4
_ROUNDS = 4
_HUBER = 2.0
_MAD_OF_NORMAL = 0.6745


def templates_of(air_f: Floats, dates: Sequence[date]) -> dict[str, Floats]:
    """Return the typical day of all days [D, 289], and of each month that has enough; NaN is a missing report.

    Where the days, in the order of their dates, are part of a year only, all of them stand on the level of the last
    month: their own would be that of a season that is over.
    """
    found = {WHOLE_YEAR: typical_day(air_f)}
    if (dates[-1] - dates[0]).days < YEAR_DAYS:
        recent = np.array([(dates[-1] - when).days < RECENT_DAYS for when in dates])
        found[WHOLE_YEAR] = typical_day(air_f, stands_on=recent)
    months = np.array([when.month for when in dates])
    for month in np.unique(months).tolist():
        ours = months == month
        if ours.sum() >= MONTH_DAYS:
            found[f"{month:02d}"] = typical_day(air_f[ours])
    return found


def typical_day(air_f: Floats, *, stands_on: Flags | None = None) -> Floats:
    """Return one typical day [289] of some days [D, 289], of which some reports may be missing or far off.

    Its shape is that of all days, its level that of those that it `stands_on`.
    """
    known = ~np.isnan(air_f)
    told_f = np.where(known, air_f, 0.0)
    waves = _waves()
    weights = known.astype(np.float64)
    for _ in range(_ROUNDS):
        shape_f = waves @ _shape(told_f, waves, weights)
        level_f = _rows_mean(told_f - shape_f, weights)
        weights = known * _trust(told_f - shape_f - level_f[:, None], known)
    typical_f: Floats = _centre(level_f if stands_on is None else level_f[stands_on]) + shape_f
    return typical_f


def _waves() -> Floats:
    """Return [289, 2 · harmonics]; the closing midnight is the opening one again."""
    angle = 2 * np.pi * np.arange(STEPS + 1)[:, None] * np.arange(1, _HARMONICS + 1) / STEPS
    waves: Floats = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
    return waves


def _shape(told_f: Floats, waves: Floats, weights: Floats) -> Floats:
    """Return the harmonics that fit best when each day is free to have its own level."""
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    mean_f, mean_waves = (weights * told_f).sum(axis=1, keepdims=True) / total, weights @ waves / total
    square = waves.T @ (weights.sum(axis=0)[:, None] * waves) - mean_waves.T @ (total * mean_waves)
    product = waves.T @ (weights * told_f).sum(axis=0) - mean_waves.T @ (total * mean_f)[:, 0]
    ridge = 1e-6 * float(np.trace(square)) * np.eye(len(square))
    harmonics: Floats = np.linalg.solve(square + ridge, product)
    return harmonics


def _rows_mean(values: Floats, weights: Floats) -> Floats:
    mean: Floats = (weights * values).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
    return mean


def _trust(off_f: Floats, known: Flags) -> Floats:
    """Return Huber's weights: one within two spreads, then falling as the distance grows."""
    spread_f = max(float(np.median(np.abs(off_f[known]))) / _MAD_OF_NORMAL, 1e-6)
    trust: Floats = np.minimum(1.0, _HUBER * spread_f / np.maximum(np.abs(off_f), 1e-9))
    return trust


def _centre(level_f: Floats) -> float:
    """Return the robust mean of the days' levels."""
    centre_f = float(np.median(level_f))
    for _ in range(_ROUNDS):
        centre_f = float(np.average(level_f, weights=_trust(level_f - centre_f, np.ones(len(level_f), dtype=bool))))
    return centre_f
