"""What every pool keeps, and how two distributions are made fit for pooling.

Laws of every pool, held by one suite of tests:
- the normalised pool sums to one over the event, and does not depend on the order of the brackets;
- weight 1 returns the market as it is, weight 0 the weather made sound;
- a bracket that the running maximum has passed (dead) gets nothing, at every weight below 1: that is a fact, not an
  opinion;
- a live bracket gets something: neither side may rule out what can still happen, so both are at least `LEAST_P` there.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kwx.fuse.market.minutes import Floats
from warehouse.errors import Refused

LEAST_P = 1e-4

Bools = NDArray[np.bool_]


class Pool(Protocol):
    """One way of pooling."""

    @property
    def name(self) -> str:
        """The word that the command line and fusion_params know it by."""

    def pooled(self, p_mkt: Floats, p_wx: Floats, weight: Floats) -> Floats:
        """Return [N, B] the pool before it is normalised, from sound distributions and the market's weight [N]."""


def fuse(pool: Pool, p_mkt: Floats, p_wx: Floats, weight: Floats, dead: Bools) -> tuple[Floats, Floats]:
    """Return [N, B] the pool before and after normalising, from distributions over the brackets of an event."""
    require_distributions(p_mkt, name="p_mkt")
    require_distributions(p_wx, name="p_wx")
    if not ((weight >= 0) & (weight <= 1)).all():
        raise Refused("a weight is no share", hint="the market's weight lies between 0 and 1")
    market, weather = sound(p_mkt, dead), sound(p_wx, dead)
    raw = pool.pooled(market, weather, weight)
    alone = weight == 1
    raw[alone] = p_mkt[alone]
    return raw, raw / raw.sum(axis=1, keepdims=True)


def sound(p: Floats, dead: Bools) -> Floats:
    """Return distributions with nothing on dead brackets and at least LEAST_P on live ones, summing to one."""
    # A day whose every bracket is dead has contradictory reports: then nothing is known to be dead.
    live = ~dead | dead.all(axis=1, keepdims=True)
    kept = np.where(live, np.maximum(p, LEAST_P), 0.0)
    normalised: Floats = kept / kept.sum(axis=1, keepdims=True)
    return normalised


def require_distributions(p: Floats, *, name: str) -> None:
    """Refuse what is no distribution: NaN, negative chances, sums other than one."""
    wrong = ~(np.isfinite(p).all(axis=1) & (p >= 0).all(axis=1) & (np.abs(p.sum(axis=1) - 1) <= 1e-6))
    if p.shape[1] == 0 or wrong.any():
        row = int(np.flatnonzero(wrong)[0]) if wrong.any() else 0
        said = p[row].tolist() if len(p) else []
        raise Refused(
            f"{name} row {row} is no distribution over the brackets: {said}", hint="give finite p ≥ 0 that sum to 1"
        )
