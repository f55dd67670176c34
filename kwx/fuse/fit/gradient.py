"""The exact minimum by its gradient: JAX differentiates the loss, L-BFGS follows it.

For the beta pool the weight is that of the linear pool, and its two exponents are found afterwards with the weight
held: what they mend comes from the mixing that the weight decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

from kwx.fuse.fit.loss import RIDGE, Candidate, spread_of
from kwx.fuse.fit.sample import Sample
from kwx.fuse.market.minutes import Floats
from kwx.fuse.weight import Alphas

_STARTS = (-1.0, 1.0)
_ROWS_MULTIPLE = 4_096
_LEAST_P = 1e-12
_FURTHEST = 12.0
_EXPONENTS = ((0.5, 4.0), (0.5, 4.0))


def fit_gradient(pool: str, sample: Sample) -> Candidate:
    """Return the minimum of the loss, the better of those that two starts lead to."""
    if pool == "beta":
        return _with_exponents(replace(fit_gradient("linear", sample), pool="beta"), sample)
    scale = np.where(spread_of(sample) > 0, spread_of(sample), 1.0)
    with jax.enable_x64(True):
        value_and_gradient = _objective_of(pool)
        held = _held(sample, scale)

        def objective(scaled: Floats) -> tuple[float, Floats]:
            loss, gradient = value_and_gradient(jnp.asarray(scaled), *held)
            return float(loss), np.asarray(gradient, dtype=np.float64)

        bounds = [(-_FURTHEST, _FURTHEST)] * 4
        found = [minimize(objective, [start, 0, 0, 0], jac=True, method="L-BFGS-B", bounds=bounds) for start in _STARTS]
    best = min(found, key=lambda one: float(one.fun))
    return Candidate(pool=pool, alphas=Alphas(*(best.x / scale).tolist()))


def _held(sample: Sample, scale: Floats) -> tuple[Any, ...]:
    """Return the arrays of a sample, filled up to a round number of rows that count nothing: few shapes to compile."""
    rows = -(-len(sample) // _ROWS_MULTIPLE) * _ROWS_MULTIPLE
    spare = ((0, rows - len(sample)), (0, 0))
    counted = np.pad(np.ones((len(sample), 1)), spare)[:, 0] / len(sample)
    arrays = (sample.features / scale, sample.p_mkt, sample.p_wx, sample.target)
    padded = [np.pad(array, spare) for array in arrays]
    penalised = (spread_of(sample) > 0).astype(np.float64)
    return tuple(jnp.asarray(array) for array in (*padded, counted, penalised))


@lru_cache(maxsize=2)
def _objective_of(pool: str) -> Callable[..., tuple[Any, Any]]:
    """Return the compiled objective of a pool and its gradient in the scaled numbers of the weight."""
    log_p = {"linear": _log_linear_mean, "log_linear": _log_geometric_mean}[pool]

    def objective(
        scaled: jax.Array, features: jax.Array, p_mkt: jax.Array, p_wx: jax.Array, target: jax.Array,
        counted: jax.Array, penalised: jax.Array,
    ) -> jax.Array:  # fmt: skip
        weight = jax.nn.sigmoid(features @ scaled)[:, None]
        losses = -(target * log_p(p_mkt, p_wx, weight)).sum(axis=1)
        return losses @ counted + RIDGE * (scaled**2 * penalised).sum()

    return jax.jit(jax.value_and_grad(objective))


def _log_linear_mean(p_mkt: jax.Array, p_wx: jax.Array, weight: jax.Array) -> jax.Array:
    return jnp.log(jnp.maximum(weight * p_mkt + (1 - weight) * p_wx, _LEAST_P))


def _log_geometric_mean(p_mkt: jax.Array, p_wx: jax.Array, weight: jax.Array) -> jax.Array:
    live = (p_mkt > 0) & (p_wx > 0)
    logs = weight * jnp.log(jnp.where(live, p_mkt, 1.0)) + (1 - weight) * jnp.log(jnp.where(live, p_wx, 1.0))
    total = jnp.where(live, jnp.exp(logs), 0.0).sum(axis=1, keepdims=True)
    return jnp.where(live, logs - jnp.log(jnp.where(total > 0, total, 1.0)), jnp.log(_LEAST_P))


def _with_exponents(start: Candidate, sample: Sample) -> Candidate:
    """Return the candidate with the exponents of the least loss, its weight held."""
    spread = spread_of(sample)

    def objective(exponents: Floats) -> float:
        a, b = np.clip(exponents, *np.transpose(_EXPONENTS)).tolist()
        return replace(start, beta_a=a, beta_b=b).objective(sample, spread)

    found = minimize(
        objective, [1.0, 1.0], method="Nelder-Mead", bounds=_EXPONENTS, options={"xatol": 1e-3, "fatol": 1e-7}
    )
    return replace(start, beta_a=float(found.x[0]), beta_b=float(found.x[1]))
