"""The log-linear pool: p ∝ p_mkt^w · p_wx^(1−w), the softmax of w log p_mkt + (1−w) log p_wx.

Where both are sure of the same bracket it is surer than their mean: it treats them as evidence, not as alternatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kwx.fuse.market.minutes import Floats


@dataclass(frozen=True, kw_only=True)
class LogLinear:
    """The geometric mean, weighed."""

    name: str = "log_linear"

    def pooled(self, p_mkt: Floats, p_wx: Floats, weight: Floats) -> Floats:
        """Return p_mkt^w · p_wx^(1−w); nothing stays nothing."""
        w = weight[:, None]
        live = (p_mkt > 0) & (p_wx > 0)
        logs = w * np.log(np.where(live, p_mkt, 1.0)) + (1 - w) * np.log(np.where(live, p_wx, 1.0))
        return np.where(live, np.exp(logs), 0.0)
