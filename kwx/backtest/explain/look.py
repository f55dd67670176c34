"""The step looked into: the state that it found at a minute, everything it made of that, and what it left.

Nothing is decided here. The minutes before are taken by the step itself, and the minute by the very functions that the
step calls; what the step then truly did stands beside it.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kwx.exec.bars.bars import Bars
from kwx.exec.codes import Gate
from kwx.exec.engine import run_bars
from kwx.exec.leave import Leave, leave_of
from kwx.exec.minute import Array, Minute
from kwx.exec.params import Params
from kwx.exec.rules import Fill, Rules
from kwx.exec.sizes import LIMITS, Sizes, open_sizes
from kwx.exec.state import Actions, State
from kwx.exec.step import before_deciding, step
from kwx.exec.wish import Wish, stops_of, wish_of

STOPS = (Gate.CLOCK, *(gate for gate in Gate if Gate.STALE <= gate <= Gate.HALTED))
"""What may stop a strategy that has an edge, before any size is found."""


class Look(NamedTuple):
    """One minute of all brackets, cities and dates of some bars; NumPy.

    before: the state in which the minute began. found: the same once it was settled, filled and marked, in which the
    minute is decided. stops: whether each of STOPS holds. cut: the
    contracts that each limit left of what was wanted, in their order.
    """

    rests_never: bool  # by rule of the model of fills
    minute: Minute
    params: Params
    before: State
    found: State
    wish: Wish
    leave: Leave
    sizes: Sizes
    stops: tuple[Array, ...]
    cut: tuple[Array, ...]
    after: State
    actions: Actions


def look_at(rules: Rules, params: Params, bars: Bars, row: int) -> Look:
    """Take every step before a minute of some bars, then look into the step of that minute."""
    earlier = replace(bars, minutes=jax.tree.map(lambda field: field[:row], bars.minutes))
    before = run_bars(rules, params, earlier).final
    minute = jax.tree.map(lambda field: field[row], bars.minutes)
    with jax.enable_x64(True):
        found, wish, leave, sizes, stops, cut = _decided(rules, params, before, minute)
        after, actions = _stepped(rules, params, before, minute)
        look = Look(
            rests_never=rules.fill is Fill.TAKER, minute=minute, params=params, before=before, found=found, wish=wish,
            leave=leave, sizes=sizes, stops=stops, cut=cut, after=after, actions=actions,
        )  # fmt: skip
        numbers: Look = jax.tree.map(np.asarray, look)
        return numbers._replace(rests_never=look.rests_never)


@functools.partial(jax.jit, static_argnames="rules")
def _decided(
    rules: Rules, params: Params, before: State, minute: Minute
) -> tuple[State, Wish, Leave, Sizes, tuple[Array, ...], tuple[Array, ...]]:
    found, _, _ = before_deciding(rules, params, before, minute)
    wish = wish_of(rules.fill, params, found, minute)
    leave = leave_of(rules.fill, params, found, minute, wish)
    may = (wish.gate == Gate.NONE) & ~leave.must
    sizes = open_sizes(rules.sizing, params, found, minute, wish, may=may)
    left, cut = sizes.want_centi, list[Array]()
    for _, limit in LIMITS:
        left = limit(params, found, minute, wish, left)
        cut.append(left)
    held = dict(stops_of(params, found, minute))
    stops = tuple(jnp.broadcast_to(held[code], wish.gate.shape) for code in STOPS)
    return found, wish, leave, sizes, stops, tuple(cut)


@functools.partial(jax.jit, static_argnames="rules")
def _stepped(rules: Rules, params: Params, before: State, minute: Minute) -> tuple[State, Actions]:
    return step(rules, params, before, minute)
