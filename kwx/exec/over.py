"""Sums and extremes over brackets and cities, written out slice by slice: XLA on the CPU does not fuse a reduction."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable

import jax.numpy as jnp

from kwx.exec.minute import Array


def total(values: Array) -> Array:
    """Return the sum over the leading axis."""
    return _folded(operator.add, values)


def least(values: Array) -> Array:
    """Return the smallest of the leading axis."""
    return _folded(jnp.minimum, values)


def every(values: Array) -> Array:
    """Return whether all of the leading axis hold."""
    return _folded(jnp.logical_and, values)


def _folded(fold: Callable[[Array, Array], Array], values: Array) -> Array:
    return functools.reduce(fold, [values[place] for place in range(values.shape[0])])
