"""What calibrators are fitted to: the distinct probabilities, how much stands at each, and how much of it came true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from kwx.models.contract import Floats
from kwx.scoring.inputs import finite, outcomes, probabilities
from warehouse.errors import Refused

LEAST_P = 1e-6
"""Probabilities below it, and above 1 − it, have the log-odds of it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Distinct probabilities [V] in ascending order, the weight of the rows at each, and of those that came true."""

    p: Floats
    mass: Floats
    hits: Floats

    @property
    def targets(self) -> Floats:
        """The weight that is to come true at each, by Platt's targets: (n₊ + 1) / (n₊ + 2) and 1 / (n₋ + 2)."""
        came = float(self.hits.sum())
        failed = float(self.mass.sum()) - came
        smoothed: Floats = self.hits * (came + 1) / (came + 2) + (self.mass - self.hits) / (failed + 2)
        return smoothed


def sample_of(p: ArrayLike, y: ArrayLike, *, weights: ArrayLike | None = None) -> Sample:
    """Return rows as their distinct probabilities; refuse none at all, NaN, and weights that are not above 0."""
    chances = probabilities(p)
    rows = len(chances)
    came = outcomes(y, name="y", rows=rows)
    if rows == 0:
        raise Refused("there is no row to calibrate on", hint="give days that were predicted and have settled")
    mass = np.ones(rows) if weights is None else finite(weights, name="weights", rows=rows)
    if (mass <= 0).any():
        raise Refused(f"weights[{int(np.flatnonzero(mass <= 0)[0])}] is not above 0", hint="leave such rows out")
    value, of_row = np.unique(chances, return_inverse=True)
    both = (np.bincount(of_row, weights=some, minlength=len(value)) for some in (mass, mass * came))
    at_value, hits = (some.astype(np.float64) for some in both)
    return Sample(p=value, mass=at_value, hits=hits)


def logs(p: Floats) -> tuple[Floats, Floats]:
    """Return ln p and ln(1 − p) of probabilities kept LEAST_P away from 0 and 1, each number by itself."""
    kept = np.clip(p, LEAST_P, 1 - LEAST_P)
    return of_libm(kept, pl.Series.log), of_libm(1 - kept, pl.Series.log)


def sigmoid(log_odds: Floats) -> Floats:
    """Return the probabilities of log-odds."""
    with np.errstate(over="ignore"):  # one over infinity is nothing
        chances: Floats = 1 / (1 + of_libm(-log_odds, pl.Series.exp))
    return chances


def of_libm(values: Floats, function: Callable[[pl.Series], pl.Series]) -> Floats:
    """Return a function of each number by itself, by the library of C, to the bit as the views of the lake have it.

    NumPy's own logarithm and exponential differ from it in the last bit, and on some machines from place to place.
    """
    found: Floats = function(pl.Series(np.ravel(values))).to_numpy().reshape(np.shape(values))
    return found
