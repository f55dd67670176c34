"""Ways of pooling two distributions behind one contract."""

from __future__ import annotations

from kwx.fuse.pools.beta import Beta
from kwx.fuse.pools.contract import Pool, fuse
from kwx.fuse.pools.linear import Linear
from kwx.fuse.pools.log_linear import LogLinear
from warehouse.errors import Usage

POOLS = ("log_linear", "linear", "beta")

__all__ = ["POOLS", "Beta", "Linear", "LogLinear", "Pool", "fuse", "pool_of"]


def pool_of(name: str, *, beta_a: float = 1.0, beta_b: float = 1.0) -> Pool:
    """Return a pool by its name."""
    if name == "beta":
        return Beta(a=beta_a, b=beta_b)
    if name == "linear":
        return Linear()
    if name == "log_linear":
        return LogLinear()
    raise Usage(f"there is no pool {name!r}", hint=f"pools: {' '.join(POOLS)}")
