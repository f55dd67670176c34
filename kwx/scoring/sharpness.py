"""Sharpness: how much a forecast dares to say, whatever came. p[n, b] over the brackets of an event, or any classes.

It is no merit by itself: of two calibrated forecasts the sharper one is the better, of others that is not so.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr

from kwx.scoring.inputs import Floats, distributions


def largest(p: ArrayLike) -> Floats:
    """Return the largest probability [N], 1/B … 1."""
    most: Floats = distributions(p).max(axis=1)
    return most


def entropy_nats(p: ArrayLike) -> Floats:
    """Return the entropy −Σ p log p [N] in nats: 0 when certain, log B when nothing is known."""
    entropy: Floats = entr(np.clip(distributions(p), 0.0, 1.0)).sum(axis=1)
    return entropy


def squares(p: ArrayLike) -> Floats:
    """Return Σ p² [N], 1/B … 1: one minus the Brier score that a calibrated forecast expects of itself."""
    rows = distributions(p)
    sums: Floats = np.einsum("nb,nb->n", rows, rows)
    return sums
