"""Weights of neighbouring values that interpolate between them, for many places at once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.polynomial import Polynomial

from kwx.hazard.question import Floats


def powers(value: Floats, count: int) -> Floats:
    """Return [..., count] the powers of a value, from the zeroth."""
    result = np.empty((*value.shape, count))
    result[..., 0] = 1.0
    for power in range(1, count):
        np.multiply(result[..., power - 1], value, out=result[..., power])
    return result


def lagrange(fraction: Floats, taps: int) -> Floats:
    """Return [n, taps] the weights of as many neighbours, the place a fraction of a step past the middle left one."""
    weights: Floats = powers(fraction, taps) @ _cardinals(taps)
    return weights


@lru_cache
def _cardinals(taps: int) -> Floats:
    """Return [powers, taps]: the weight of each neighbour as a polynomial in the fraction."""
    nodes = np.arange(taps) - (taps // 2 - 1)
    table = np.zeros((taps, taps))
    for place, node in enumerate(nodes):
        cardinal = Polynomial([1.0])
        for other in nodes[nodes != node]:
            cardinal *= Polynomial([-other, 1.0]) / (node - other)
        table[: len(cardinal.coef), place] = cardinal.coef
    return table
