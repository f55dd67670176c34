"""The CRPS of a normal distribution in closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from kwx.scoring.inputs import Floats, finite
from warehouse.errors import Refused


def crps_of_normal(mean: ArrayLike, *, sd: ArrayLike, outcome: ArrayLike) -> Floats:
    """Return the CRPS [N] of N(mean, sd²): sd (z (2 Φ(z) − 1) + 2 φ(z) − 1/√π); with sd = 0 the absolute error."""
    centre = finite(mean, name="mean")
    spread = finite(sd, name="sd", rows=len(centre))
    error = finite(outcome, name="outcome", rows=len(centre)) - centre
    if (spread < 0).any():
        raise Refused(f"sd[{int(np.flatnonzero(spread < 0)[0])}] is negative")
    z = error / np.where(spread > 0, spread, 1.0)
    bell = np.exp(-0.5 * np.minimum(z**2, 1400.0)) / np.sqrt(2 * np.pi)
    scores: Floats = spread * (z * (2 * ndtr(z) - 1) + 2 * bell - 1 / np.sqrt(np.pi))
    return np.where(spread > 0, scores, np.abs(error))
