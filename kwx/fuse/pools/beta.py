"""A beta-transformed linear pool, after Ranjan and Gneiting (2010): a linear pool made as sure as it ought to be.

In theirs the transform is the same at every weight. What it mends comes from mixing, so here it counts as far as there
is mixing: with x the linear pool and B the distribution function of Beta(a, b), p ∝ x + 4 w (1−w) (B(x) − x). At weight
0 and 1 nothing is transformed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import betainc

from kwx.fuse.market.minutes import Floats
from kwx.fuse.pools.linear import Linear

_PLACES = 4_096


@dataclass(frozen=True, kw_only=True)
class Beta:
    """A linear pool whose chances are bent by Beta(a, b); a = b = 1 is the linear pool, larger ones are surer."""

    a: float = 1.0
    b: float = 1.0
    name: str = "beta"

    def pooled(self, p_mkt: Floats, p_wx: Floats, weight: Floats) -> Floats:
        """Return x + 4 w (1−w) (B(x) − x), with a chance left to every live bracket."""
        mixed = Linear().pooled(p_mkt, p_wx, weight)
        share = (4 * weight * (1 - weight))[:, None]
        bent = mixed + share * (_bent(mixed, self.a, self.b) - mixed)
        return np.where(mixed > 0, np.maximum(bent, _LEAST), 0.0)


_LEAST = 1e-12


def _bent(x: Floats, a: float, b: float) -> Floats:
    """Return B(x), read off a table that is even in the angle arcsin √x: right to 2e-6 (a test holds it)."""
    if a == 1 and b == 1:
        return x
    place = np.arcsin(np.sqrt(np.clip(x, 0.0, 1.0))) * (2 / np.pi) * _PLACES
    return np.interp(place, np.arange(_PLACES + 1), _table(a, b))


@lru_cache(maxsize=64)
def _table(a: float, b: float) -> Floats:
    angle = np.linspace(0, np.pi / 2, _PLACES + 1)
    values: Floats = betainc(a, b, np.sin(angle) ** 2)
    return values
