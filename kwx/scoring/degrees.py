"""Scores of a distribution over whole degrees, p[n, j] = P(first_f[n] + j), against the degree that came.

Rows of different length stand in one array, filled up with zeros on the right. All scores are the lower the better.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from kwx.scoring.inputs import LOG_FLOOR, Floats, Ints, distributions, log_floor, whole_numbers

_CHUNK_ROWS = 4096  # a chunk of 60 degrees stays in the cache


def crps(p: ArrayLike, *, first_f: ArrayLike, outcome_f: ArrayLike) -> Floats:
    """Return the CRPS [N] in °F: the sum over all whole degrees b of (P(≤ b) − 1[outcome ≤ b])².

    It is that of the step distribution, also where the outcome lies outside the degrees of p.
    """
    rows = distributions(p)
    place = _place(rows, first_f, outcome_f)
    width = rows.shape[1]
    degrees = np.arange(width)
    scores: Floats = (np.maximum(-place, 0) + np.maximum(place - width, 0)).astype(np.float64)
    for first in range(0, len(rows), _CHUNK_ROWS):
        part = slice(first, first + _CHUNK_ROWS)
        gap = np.cumsum(rows[part], axis=1)
        gap -= degrees >= place[part, None]
        scores[part] += np.einsum("nj,nj->n", gap, gap)
    return scores


def log_loss(p: ArrayLike, *, first_f: ArrayLike, outcome_f: ArrayLike, floor: float = LOG_FLOOR) -> Floats:
    """Return −log P(outcome) [N]; a probability below the floor counts as the floor."""
    at = mass_at(p, first_f=first_f, outcome_f=outcome_f)[1]
    losses: Floats = -np.log(np.maximum(at, log_floor(floor)))
    return losses


def mass_at(p: ArrayLike, *, first_f: ArrayLike, outcome_f: ArrayLike) -> tuple[Floats, Floats]:
    """Return P(colder than the outcome) and P(outcome), each [N]."""
    rows = distributions(p)
    place = _place(rows, first_f, outcome_f)
    width = rows.shape[1]
    inside = (place >= 0) & (place < width)
    which = np.clip(place, 0, width - 1)
    at = np.where(inside, rows[np.arange(len(rows)), which], 0.0)
    up_to = np.take_along_axis(np.cumsum(rows, axis=1), which[:, None], axis=1)[:, 0]
    below = np.where(inside, up_to - at, place >= width)
    return np.clip(below, 0.0, 1.0), np.clip(at, 0.0, 1.0)


def _place(rows: Floats, first_f: ArrayLike, outcome_f: ArrayLike) -> Ints:
    """Return the column of the outcome in each row; it may lie left or right of all columns."""
    first = whole_numbers(first_f, name="first_f", rows=len(rows))
    return whole_numbers(outcome_f, name="outcome_f", rows=len(rows)) - first
