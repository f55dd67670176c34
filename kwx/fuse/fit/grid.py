"""The best of 200 points: constants and slopes that people would try by hand."""

from __future__ import annotations

from itertools import product

import numpy as np

from kwx.fuse.fit.loss import Candidate, spread_of
from kwx.fuse.fit.sample import Sample
from kwx.fuse.weight import Alphas

CONSTANTS = (-6.0, -4.0, -2.5, -1.5, -0.75, 0.0, 0.75, 1.5, 3.0, 6.0)
VOLUME_SLOPES = (-0.4, 0.0, 0.2, 0.5)
HAZARD_SLOPES = (-4.0, -1.5, 0.0, 1.5, 4.0)
EXPONENTS = (1.0, 1.15, 1.3, 1.5, 1.75)

POINTS = tuple(Alphas(*one) for one in product(CONSTANTS, VOLUME_SLOPES, HAZARD_SLOPES))
"""The points of the log-linear and the linear pool."""


def points_of(pool: str) -> list[Candidate]:
    """Return the 200 points of a pool; that of the beta pool trades slopes for exponents."""
    if pool != "beta":
        return [Candidate(pool=pool, alphas=point) for point in POINTS]
    few = product(CONSTANTS, VOLUME_SLOPES, EXPONENTS)
    return [Candidate(pool=pool, alphas=Alphas(a, v), beta_a=e, beta_b=e) for a, v, e in few]


def fit_grid(pool: str, sample: Sample) -> Candidate:
    """Return the point of the grid with the least loss."""
    spread = spread_of(sample)
    candidates = points_of(pool)
    return candidates[int(np.argmin([one.objective(sample, spread) for one in candidates]))]
