"""One path of the air as a pure function of its draws and of where it starts, and the tally of many of them in JAX.

A draw is a function of the day's seed, the number of the path and the step alone: whatever is computed together with
it, on whatever device, a path stays the same path.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from kwx.hazard.question import SOON_STEPS, STEPS

STRATA = 8
"""The mean shock of each eighth of the day lies on a Sobol point, like the bias and the state."""
SCORES = 6.0
"""How far the normal scores reach at which a day bias is tabled."""
_SHIFT = 0xFFFFFFFF
_FRACTION_BITS = 23


class Draws(NamedTuple):
    """What chance decides about a path: the shock of every step, and two standard normals for bias and state."""

    shocks: Array
    bias: Array
    state: Array


class Law(NamedTuple):
    """What all paths share.

    rho: ρ. bias_at: the standard day bias at evenly spaced normal scores from -SCORES to SCORES. directions: [bits,
        STRATA + 2] of 32 bits each; the point of a number is the exclusive or of the directions of its bits.
    """

    rho: Array
    bias_at: Array
    directions: Array


class Start(NamedTuple):
    """Where an evaluation stands; temperatures are above its lowest threshold.

    air_f: [STEPS] the curve plus the mean bias at steps 1 …, -inf up to `step`. sigma_f: [STEPS] the innovations.
    residual_f, residual_sd_f, bias_sd_f: the state at `step` without the mean bias, and the spreads. known: 1 where the
        state is an observation, which a higher bias leaves a lower residual, and 0 where it is not. record_f: [R].
    """

    step: Array
    now_step: Array
    air_f: Array
    sigma_f: Array
    residual_f: Array
    residual_sd_f: Array
    bias_sd_f: Array
    known: Array
    record_f: Array


class Span(NamedTuple):
    """Which steps a block of evaluations needs: after the first of them, and up to the last horizon of a hazard."""

    first: Array
    soon: Array


class Tally(NamedTuple):
    """How many paths: by cell of the maximum, and above each record within one and within twelve steps."""

    cells: Array
    above_5m: Array
    above_60m: Array


Maxima = tuple[Array, Array, Array]


def draw(key: Array, directions: Array, pair: Array) -> Draws:
    """Return the draws of the first path of a pair; the second has the same ones with the other sign."""
    loose = jax.random.normal(jax.random.fold_in(key, pair), (STRATA, STEPS // STRATA))
    shift = jax.random.bits(jax.random.fold_in(key, _SHIFT), directions.shape[1:], dtype=jnp.uint32)
    chosen = (pair >> jnp.arange(len(directions), dtype=jnp.uint32)) & 1
    point = shift ^ lax.reduce(chosen[:, None] * directions, jnp.uint32(0), lax.bitwise_xor, (0,))
    kept = (point >> (32 - _FRACTION_BITS)).astype(jnp.float32)
    scores = jax.scipy.special.ndtri((kept + 0.5) / (1 << _FRACTION_BITS))
    means = scores[2:, None] / (STEPS // STRATA) ** 0.5
    shocks = loose + means - loose.mean(axis=1, keepdims=True)
    return Draws(shocks.reshape(STEPS), scores[0], scores[1])


def maxima(draws: Draws, law: Law, span: Span, start: Start) -> Maxima:
    """Return the highest temperature of one path after its start: of the day, up to one and up to twelve steps on."""
    grid = jnp.linspace(-SCORES, SCORES, len(law.bias_at))
    bias_f = start.bias_sd_f * jnp.interp(draws.bias, grid, law.bias_at)
    state_f = start.residual_f + start.residual_sd_f * draws.state - start.known * bias_f
    none = jnp.full_like(state_f, -jnp.inf)

    def walk(at: Array, carry: tuple[Array, Maxima], *, soon: bool) -> tuple[Array, Maxima]:
        state_f, (day_f, next_f, hour_f) = carry
        kept = jnp.where(at < start.step, 1.0, law.rho)
        state_f = kept * state_f + start.sigma_f[at] * draws.shocks[at]
        air_f = start.air_f[at] + bias_f + state_f
        if soon:
            next_f = jnp.where(at < start.now_step + 1, jnp.maximum(next_f, air_f), next_f)
            hour_f = jnp.where(at < start.now_step + SOON_STEPS, jnp.maximum(hour_f, air_f), hour_f)
        return state_f, (jnp.maximum(day_f, air_f), next_f, hour_f)

    carry = (state_f, (none, none, none))
    carry = lax.fori_loop(span.first, span.soon, partial(walk, soon=True), carry)
    highest: Maxima = lax.fori_loop(span.soon, STEPS, partial(walk, soon=False), carry)[1]
    return highest


_BY_PATH = Draws._make((1, 0, 0))
_BY_ROW = Start._make(1 if name in {"air_f", "sigma_f"} else 0 for name in Start._fields)
_of_paths = jax.vmap(maxima, in_axes=(_BY_PATH, None, None, None))
_of_evaluations = jax.vmap(_of_paths, in_axes=(None, None, None, _BY_ROW))


def _count(highest: Maxima, counted: Array, record_f: Array, cells: int) -> Tally:
    """Count the paths of one block of evaluations, [evaluations, paths]."""
    day_f, next_f, hour_f = highest
    cell = jnp.clip(jnp.ceil(day_f), 0, cells - 1).astype(jnp.int32)
    row = jnp.arange(len(cell))[:, None]
    by_cell = jnp.zeros((len(cell), cells), jnp.int32).at[row, cell].add(counted)

    def above(record_f: Array) -> tuple[Array, Array]:
        over = record_f[:, None]
        return ((next_f > over) * counted).sum(axis=1), ((hour_f > over) * counted).sum(axis=1)

    above_5m, above_60m = lax.map(above, record_f.T)
    return Tally(by_cell, above_5m.T, above_60m.T)


def _of_day(
    key: Array, starts: Start, spans: Span, law: Law, first: Array, pairs: Array, *, chunk: int, cells: int
) -> Tally:
    """Tally a chunk of one day's pairs of paths; `starts` is [blocks, …]."""
    pair = first + jnp.arange(chunk, dtype=jnp.uint32)
    half = jax.vmap(draw, in_axes=(None, None, 0), out_axes=_BY_PATH)(key, law.directions, pair)
    both = Draws(*(jnp.concatenate([one, -one], axis=-1) for one in half))
    counted = jnp.tile(pair < pairs, 2).astype(jnp.int32)

    def block(item: tuple[Start, Span]) -> Tally:
        start, span = item
        return _count(_of_evaluations(both, law, span, start), counted, start.record_f, cells)

    counts: Tally = lax.map(block, (starts, spans))
    return counts


@partial(jax.jit, static_argnames=("chunk", "cells"))
def tally(
    keys: Array, starts: Start, spans: Span, law: Law, first: Array, pairs: Array, *, chunk: int, cells: int
) -> Tally:
    """Tally pairs `first` … `first + chunk` of some days, as far as there are so many pairs.

    `keys` is [days, 2], `starts` [days, blocks, …], `spans` [blocks].
    """
    over_days = jax.vmap(partial(_of_day, chunk=chunk, cells=cells), in_axes=(0, 0, None, None, None, None))
    counts: Tally = over_days(jax.random.wrap_key_data(keys), starts, spans, law, first, pairs)
    return counts
