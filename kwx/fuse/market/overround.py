"""Taking the overround out: from prices that sum to more or less than a dollar to probabilities that sum to one.

plain      p = m / Σm: every bracket is overpriced by the same share
power      p = m^k with Σ m^k = 1: long shots are overpriced by a larger share (the favourite–longshot bias)
additive   p = m − (Σm − 1) / B: every bracket is overpriced by the same amount; none below zero
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kwx.fuse.market.minutes import Floats, those

_MOST_STEPS = 60
_CLOSE = 1e-8
"""Steps square what is left: one more from here ends at the last digit."""
_LEAST, _MOST = 1e-12, 1 - 1e-12


def plain(price: Floats) -> Floats:
    """Return [T, B] each price's share of the sum."""
    shares: Floats = price / price.sum(axis=1, keepdims=True)
    return shares


def power(price: Floats) -> Floats:
    """Return [T, B] the prices raised to the power at which each row sums to one, found by Newton's steps.

    The logarithm of the sum falls in the power and is convex, soon a straight line: the steps converge from any start.
    """
    logs = np.log(np.clip(price, _LEAST, _MOST))
    exponent = np.ones(len(price))
    open_, left = np.arange(len(price)), logs
    for _ in range(_MOST_STEPS):
        raised = np.exp(exponent[open_, None] * left)
        total = raised.sum(axis=1)
        excess = np.log(total)
        exponent[open_] -= excess * total / (raised * left).sum(axis=1)
        still = np.abs(excess) > _CLOSE
        open_, left = open_[still], those(left, still)
        if not len(open_):
            break
    return plain(np.exp(exponent[:, None] * logs))


def additive(price: Floats) -> Floats:
    """Return [T, B] the prices less the same amount each; one that would fall below zero is zero, the rest pay more."""
    kept = np.ones(price.shape, dtype=np.bool_)
    for _ in range(price.shape[1]):
        excess = np.where(kept, price, 0.0).sum(axis=1, keepdims=True) - 1
        less = price - excess / np.maximum(kept.sum(axis=1, keepdims=True), 1)
        fallen = kept & (less < 0)
        if not fallen.any():
            break
        kept &= ~fallen
    return plain(np.where(kept, np.maximum(less, 0.0), 0.0))


METHODS: dict[str, Callable[[Floats], Floats]] = {"plain": plain, "power": power, "additive": additive}
