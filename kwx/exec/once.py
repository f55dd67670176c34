"""Stages of a step that are computed once. Left alone, XLA on the CPU computes a stage again for each array made of it.

`lax.optimization_barrier` would say so, but the CPU's compiler drops it before it fuses. What passes a branch it cannot
foresee has to be in memory, so it is computed before: a quarter of the time of the whole step, and of its compilation.
"""

from __future__ import annotations

from typing import TypeVar

import jax
import jax.numpy as jnp
from jax import lax

from kwx.exec.minute import Array

Stage = TypeVar("Stage")
_BELOW_ALL = -2_000_000_000


def once(values: Stage, beside: Array) -> Stage:
    """Return the values as they are, computed before what comes next; `beside` is any array that is known by then."""
    is_so = ~(beside.ravel()[0] < _BELOW_ALL)  # always, and if it is NaN; but the compiler cannot know
    held: Stage = lax.cond(is_so, lambda them: them, lambda them: jax.tree.map(jnp.zeros_like, them), values)
    return held
