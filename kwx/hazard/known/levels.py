"""Where the day so far lies over a curve, and how far ahead the warmest part of that curve is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kwx.hazard.known.evidence import Evidence
from kwx.hazard.question import GRID_MINUTES, STEPS, Floats, Ints

EVE_STEPS = 144
"""So much of the eve speaks for the level over a curve that repeats from day to day."""


def levels(
    evidence: Evidence,
    curves_f: Floats,
    curve: Ints,
    half_life_minutes: float,
    *,
    repeats: NDArray[np.bool_] | None = None,
) -> Floats:
    """Return at each evaluation the mean of known reports minus its curve, each half life counting half as much.

    A half life of 0 is the last report alone, which then is exactly the air that the evidence names. Reports of the eve
    count over the curves [C] that `repeats` names (the same a day earlier), down to step -144; where a curve has no
    report of its own, the air at the opening midnight speaks for it. Reports later than the evidence's own step, which
    are those of a station that is stuck, do not count. NaN where nothing does, and where `curve` is -1.
    """
    repeating = np.zeros(len(curves_f), dtype=bool) if repeats is None else repeats
    recent = evidence.reports_step >= -EVE_STEPS
    step, temp_f = evidence.reports_step[recent], evidence.reports_f[recent]
    weight = _weights(step, evidence.reports_known[recent], evidence.step, half_life_minutes)
    level_f, air_f = np.full((2, len(evidence)), np.nan)
    for which in np.unique(curve[curve >= 0]):
        standing = curve == which
        ours = step >= (-EVE_STEPS if repeating[which] else 0)
        over_f = (temp_f - curves_f[which, np.where(step < 0, step + STEPS, step)])[ours]
        level_f[standing] = _mean(weight[np.ix_(ours, standing)], over_f)
        air_f[standing] = (evidence.temp_f - curves_f[which, evidence.step])[standing]
    speaks = np.isnan(level_f) if half_life_minutes > 0 else ~np.isnan(air_f)
    return np.where(speaks, air_f, level_f)


def leads_minutes(curves_f: Floats, curve: Ints, step: Ints) -> Floats:
    """Return how far after its step each evaluation's curve is warmest; 0 at the end of the day, NaN for curve -1."""
    later_f = np.maximum.accumulate(curves_f[:, ::-1], axis=1)[:, ::-1]
    # Nothing later is warmer than a peak, so the first peak after a step is the warmest time still to come.
    peak = np.where(curves_f >= later_f, np.arange(STEPS + 1), STEPS)
    next_peak = np.minimum.accumulate(peak[:, ::-1], axis=1)[:, ::-1]
    lead = np.full(len(step), np.nan)
    ours = curve >= 0
    warmest = next_peak[curve[ours], np.minimum(step[ours] + 1, STEPS)]
    lead[ours] = GRID_MINUTES * (warmest - step[ours])
    return lead


def _weights(step: Ints, known: Ints, last_step: Ints, half_life_minutes: float) -> Floats:
    """Return [reports, evaluations] how much each report counts; 0 for one that is not known."""
    evaluation = np.arange(len(last_step))
    heard = (known[:, None] <= evaluation) & (step[:, None] <= last_step)
    if half_life_minutes <= 0:
        place = np.where(heard, np.arange(len(step))[:, None], -1)
        return np.asarray(heard & (place == place.max(axis=0, initial=-1)), dtype=np.float64)
    newest = np.full(len(last_step), -STEPS)
    np.maximum.at(newest, known, step)
    later = np.minimum(step[:, None] - np.maximum.accumulate(newest), 0)
    return np.where(heard, np.exp2(later * (GRID_MINUTES / half_life_minutes)), 0.0)


def _mean(weight: Floats, values_f: Floats) -> Floats:
    if not len(values_f):
        return np.full(weight.shape[1], np.nan)
    # Added one after the other, so that reports of weight zero change no bit of what the others give.
    total, weighted_f = (np.add.accumulate(terms)[-1] for terms in (weight, weight * values_f[:, None]))
    known = total > 0
    return np.where(known, weighted_f / np.where(known, total, 1.0), np.nan)
