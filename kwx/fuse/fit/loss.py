"""What a fit makes small: the mean log loss of the pool, −Σ target · log p; of a settled day that is −log p(winner)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kwx.fuse.fit.sample import Sample
from kwx.fuse.market.minutes import Floats
from kwx.fuse.pools import pool_of
from kwx.fuse.weight import Alphas

_LEAST_P = 1e-12
_ROUNDING = 1e-9

RIDGE = 1e-4
"""How much a slope costs, squared and in units of its feature's spread: what the data do not ask for stays zero."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """The numbers of one pool: those of the weight, and those of the beta transform where there is one."""

    pool: str
    alphas: Alphas = field(default_factory=Alphas)
    beta_a: float = 1.0
    beta_b: float = 1.0

    @property
    def parameters(self) -> int:
        """How many numbers are fitted."""
        return parameters_of(self.pool)

    def weight(self, sample: Sample) -> Floats:
        """Return the market's weight at each minute."""
        return self.alphas.weight(sample.features)

    def probabilities(self, sample: Sample) -> Floats:
        """Return [N, W] the pool of each minute."""
        pool = pool_of(self.pool, beta_a=self.beta_a, beta_b=self.beta_b)
        raw = pool.pooled(sample.p_mkt, sample.p_wx, self.weight(sample))
        pooled: Floats = raw / raw.sum(axis=1, keepdims=True)
        return pooled

    def losses(self, sample: Sample) -> Floats:
        """Return [N] the log loss of each minute."""
        if self.pool == "log_linear":
            return _log_linear_losses(sample, self.weight(sample))
        return cross_entropy(self.probabilities(sample), sample.target)

    def objective(self, sample: Sample, spread: Floats) -> float:
        """Return what a fit makes small: the mean loss, and a little for each slope."""
        return float(self.losses(sample).mean()) + ridge(self.alphas, spread)


def _log_linear_losses(sample: Sample, weight: Floats) -> Floats:
    """Return the losses of the log-linear pool from logs that are taken once for all candidates."""
    logs = sample.log_wx + weight[:, None] * sample.log_mkt_over_wx
    total = np.where(sample.live, np.exp(logs), 0.0).sum(axis=1)
    losses: Floats = np.log(total) - np.einsum("nb,nb->n", sample.target, np.maximum(logs, np.log(_LEAST_P)))
    return losses


def parameters_of(pool: str) -> int:
    """Return how many numbers a pool has."""
    return 6 if pool == "beta" else 4


def cross_entropy(p: Floats, target: Floats) -> Floats:
    """Return [N] −Σ target · log p; what has no target costs nothing."""
    logs = np.log(np.maximum(p, _LEAST_P))
    losses: Floats = -np.einsum("nb,nb->n", target, logs)
    return losses


def spread_of(sample: Sample) -> Floats:
    """Return [4] the spread of each feature over the sample, 0 for one that does not vary beyond rounding."""
    spread = sample.features.std(axis=0)
    varies = spread > _ROUNDING * np.abs(sample.features).max(axis=0, initial=1.0)
    return np.where(varies, spread, 0.0)


def ridge(alphas: Alphas, spread: Floats) -> float:
    """Return what the slopes cost."""
    return float(RIDGE * ((np.array(alphas.numbers) * spread) ** 2).sum())
