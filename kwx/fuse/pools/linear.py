"""The linear pool: p = w p_mkt + (1−w) p_wx, a bet on one of two opinions. Of calibrated ones it is too unsure."""

from __future__ import annotations

from dataclasses import dataclass

from kwx.fuse.market.minutes import Floats


@dataclass(frozen=True, kw_only=True)
class Linear:
    """The arithmetic mean, weighed."""

    name: str = "linear"

    def pooled(self, p_mkt: Floats, p_wx: Floats, weight: Floats) -> Floats:
        """Return w p_mkt + (1−w) p_wx."""
        w = weight[:, None]
        mixed: Floats = w * p_mkt + (1 - w) * p_wx
        return mixed
