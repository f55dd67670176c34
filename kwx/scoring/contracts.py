"""Scores of single contracts: the probability of yes against what came."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from kwx.scoring.inputs import LOG_FLOOR, Floats, log_floor, outcomes, probabilities


def brier(p: ArrayLike, *, hit: ArrayLike) -> Floats:
    """Return (p − hit)² [N]."""
    chances = probabilities(p)
    scores: Floats = (chances - outcomes(hit, rows=len(chances))) ** 2
    return scores


def log_loss(p: ArrayLike, *, hit: ArrayLike, floor: float = LOG_FLOOR) -> Floats:
    """Return −log of the probability of what came [N], after p is clipped to floor … 1 − floor."""
    chances = np.clip(probabilities(p), log_floor(floor), 1 - floor)
    came = np.where(outcomes(hit, rows=len(chances)), chances, 1 - chances)
    losses: Floats = -np.log(came)
    return losses
