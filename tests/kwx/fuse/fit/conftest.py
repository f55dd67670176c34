"""Samples by hand, whose right weight is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit

from kwx.fuse.fit.sample import Sample
from kwx.fuse.pools.contract import sound


def made(*, days=30, minutes=40, cities=("chicago",), right="market", seed=0) -> Sample:
    """Return minutes whose winner is drawn from the market's distribution, or from the weather's; the other is noise.

    `right` may also be `half`: then each side is right at half of the minutes, told by a feature; or `mixed`: then the
    market is right with probability σ(1 − 2 hazard).
    """
    rng = np.random.default_rng(seed)
    rows = days * minutes * len(cities)
    p_mkt, p_wx = (rng.dirichlet(np.full(6, 0.8), size=rows) for _ in range(2))
    alive = np.zeros((rows, 6), dtype=bool)
    p_mkt, p_wx = sound(p_mkt, alive), sound(p_wx, alive)
    hazard = rng.random(rows)
    chance = {"market": 1.0, "weather": 0.0, "half": hazard < 0.5, "mixed": expit(1 - 2 * hazard)}[right]
    market_is_right = rng.random(rows) < chance
    truth = np.where(market_is_right[:, None], p_mkt, p_wx)
    winner = (rng.random((rows, 1)) > np.cumsum(truth, axis=1)).sum(axis=1).clip(0, 5)
    target = np.zeros((rows, 6))
    target[np.arange(rows), winner] = 1.0
    features = np.column_stack([np.ones(rows), rng.exponential(1, rows), hazard, rng.exponential(1, rows)])
    day = np.datetime64("2026-09-01") + np.tile(np.repeat(np.arange(days), minutes), len(cities))
    return Sample(
        cities=tuple(cities), p_mkt=p_mkt, p_wx=p_wx, features=features, target=target, winner=winner,
        city=np.repeat(np.arange(len(cities)), days * minutes), day=day, dead=alive,
    )  # fmt: skip


@pytest.fixture(scope="session")
def sample_of() -> Callable[..., Sample]:
    """Return the builder of samples."""
    return made
