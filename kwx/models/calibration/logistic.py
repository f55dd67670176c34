"""Weighted logistic regression of a few columns, by Newton's method, some coefficients held at or above 0.

Sums go by NumPy alone: those of the linear algebra differ in the last bits with the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy.special import expit

from kwx.models.contract import Floats
from warehouse.errors import Refused

_STEPS = 100
_ENOUGH = 1e-13
_SAME = 1e-13
_HALVINGS = 40


def fit_logistic(columns: Floats, mass: Floats, targets: Floats, *, not_below_0: Sequence[int]) -> Floats:
    """Return the coefficients [K] of columns [K, N] with the least log loss that keep their signs.

    mass: [N] weight of each row; targets: [N] how much of it is to come true. The loss is convex, so the best point
    is that of one set of coefficients put to 0: all sets are tried, which are few.
    """
    fits = [
        _with_zeros(columns, mass, targets, zeros)
        for count in range(len(not_below_0) + 1)
        for zeros in combinations(not_below_0, count)
    ]
    allowed = [fit for fit in fits if (fit[list(not_below_0)] >= 0).all()]
    return min(allowed, key=lambda fit: _loss(_log_odds(columns, fit), mass, targets))


def _with_zeros(columns: Floats, mass: Floats, targets: Floats, zeros: Sequence[int]) -> Floats:
    """Return the coefficients with the least loss of which some are 0."""
    free = [place for place in range(len(columns)) if place not in zeros]
    fit = np.zeros(len(columns))
    if free:
        fit[free] = _newton(columns[free], mass, targets)
    return fit


def _newton(columns: Floats, mass: Floats, targets: Floats) -> Floats:
    """Return the coefficients with the least loss; of columns that say the same, the shortest step is taken."""
    fit = np.zeros(len(columns))
    loss = _loss(_log_odds(columns, fit), mass, targets)
    for _ in range(_STEPS):
        p = expit(_log_odds(columns, fit))
        slope = (columns * (targets - mass * p)).sum(axis=1)
        bend = np.array([(columns * (one * mass * p * (1 - p))).sum(axis=1) for one in columns])
        step = np.linalg.lstsq(bend, slope, rcond=_SAME)[0]
        promised = float((slope * step).sum())
        fit, found = _shortened(columns, mass, targets, fit, step, loss)
        if promised <= _ENOUGH * (1 + abs(loss)):
            return fit
        loss = found
    raise Refused("the calibrator did not settle", hint="look at the probabilities it is fitted to")


def _shortened(
    columns: Floats, mass: Floats, targets: Floats, fit: Floats, step: Floats, loss: float
) -> tuple[Floats, float]:
    """Return the point along a step, halved until the loss does not grow, and its loss."""
    for halving in range(_HALVINGS):
        tried = fit + step / 2**halving
        found = _loss(_log_odds(columns, tried), mass, targets)
        if found <= loss:
            return tried, found
    return fit, loss


def _log_odds(columns: Floats, fit: Floats) -> Floats:
    total: Floats = (columns * fit[:, None]).sum(axis=0)
    return total


def _loss(log_odds: Floats, mass: Floats, targets: Floats) -> float:
    return float((mass * np.logaddexp(0.0, log_odds) - targets * log_odds).sum())
