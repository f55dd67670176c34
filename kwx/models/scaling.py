"""Features on one scale: mean 0 and standard deviation 1 over the training rows, and 0 where a feature is missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FARTHEST_SD = 1e6
"""What lies farther off counts as so far: a sum over features stays finite whatever a row holds."""
_ROUNDING = 1e-12


@dataclass(frozen=True, kw_only=True, eq=False)
class Scaling:
    """Mean and standard deviation of each feature; a deviation of 0 marks one that never moved, which stays 0."""

    mean: Floats
    sd: Floats

    @classmethod
    def of(cls, features: Floats) -> Scaling:
        """Return the scaling of training rows [rows, d]; what is missing counts in neither number."""
        there = np.isfinite(features)
        number = np.maximum(there.sum(axis=0), 1)
        mean = np.where(there, features, 0.0).sum(axis=0) / number
        sd = np.sqrt((np.where(there, features - mean, 0.0) ** 2).sum(axis=0) / number)
        return cls(mean=mean, sd=np.where(sd > _ROUNDING * np.abs(mean), sd, 0.0))

    def column(self, values: Floats, at: int) -> Floats:
        """Return one feature scaled [rows]."""
        if self.sd[at] == 0:
            return np.zeros(len(values))
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = (values - self.mean[at]) / self.sd[at]
        near: Floats = np.clip(np.where(np.isfinite(values), scaled, 0.0), -FARTHEST_SD, FARTHEST_SD)
        return near

    def columns(self, features: Floats) -> Floats:
        """Return rows [rows, d] scaled, each feature a row [d, rows]."""
        scaled = np.empty((features.shape[1], features.shape[0]))
        for at in range(features.shape[1]):
            scaled[at] = self.column(features[:, at], at)
        return scaled
