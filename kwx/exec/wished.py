"""What a step wants of each bracket, told beside what it does: for signals that others read."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from kwx.exec.codes import Gate
from kwx.exec.leave import leave_of
from kwx.exec.minute import Array, Minute
from kwx.exec.once import once
from kwx.exec.params import Params
from kwx.exec.rules import Rules
from kwx.exec.sizes import open_sizes
from kwx.exec.state import State
from kwx.exec.step import before_deciding
from kwx.exec.wish import wish_of
from warehouse.market.money import TICKS_PER_DOLLAR


class Wished(NamedTuple):
    """[B, C, D]. Money is what a size costs: its price, or what is left of it to a dollar where it is sold.

    edge_ticks: float32, the expected gain of a contract after fees, of the better side, NaN without an opinion or a
    two-sided quote. kelly_micros, size_micros: int64, before and after the limits, with a minus where it is sold.
    """

    edge_ticks: Array
    kelly_micros: Array
    size_micros: Array


def wished(rules: Rules, params: Params, state: State, minute: Minute) -> Wished:
    """Return what `step` finds of the same state and minute, before it decides how to do it."""
    minute = minute._replace(open=minute.open & (minute.winner < 0))
    state, _, _ = before_deciding(rules, params, state, minute)
    wish = once(wish_of(rules.fill, params, state, minute), minute.winner)
    leave = once(leave_of(rules.fill, params, state, minute, wish), minute.winner)
    may = (wish.gate == Gate.NONE) & ~leave.must
    sizes = once(open_sizes(rules.sizing, params, state, minute, wish, may=may), minute.winner)
    each = wish.side.astype(jnp.int64) * jnp.where(wish.side > 0, wish.ticks, TICKS_PER_DOLLAR - wish.ticks)
    return Wished(
        edge_ticks=jnp.where(wish.has_p & wish.two_sided, wish.edge_ticks, jnp.nan).astype(jnp.float32),
        kelly_micros=each * sizes.want_centi,
        size_micros=each * sizes.open_centi,
    )
