"""When a position is left: its edge has gone, it was held long enough, or the close is near."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from kwx.exec.codes import Gate, Mode
from kwx.exec.minute import Array, Minute
from kwx.exec.params import Params
from kwx.exec.rules import Fill
from kwx.exec.state import State
from kwx.exec.wish import Wish, first_of
from warehouse.market.money import TICKS_PER_DOLLAR


class Leave(NamedTuple):
    """Which positions are to be closed, [B, C, D] bool, and how."""

    leaves: Array
    barred: Array  # int32: the Gate that keeps a position whose edge is gone, NONE where nothing does
    must: Array  # by the clock, whatever it is worth: nothing may be opened either
    takes: Array  # at once, else an order rests
    ticks: Array  # int32: the price of that


def leave_of(fill: Fill, params: Params, state: State, minute: Minute, wish: Wish) -> Leave:
    """Return what is to be closed. A halted day leaves nothing: it stands still until somebody has looked."""
    long = state.position_centi > 0
    held = state.position_centi != 0
    sellable = jnp.where(long, minute.bid_ticks > 0, minute.ask_ticks < TICKS_PER_DOLLAR) & minute.open
    may = held & sellable & (state.mode != Mode.HALTED)
    held_long = (params.max_hold_minutes > 0) & (state.held_minutes >= params.max_hold_minutes)
    closes_soon = (params.flat_minutes > 0) & (minute.minutes_to_close < params.flat_minutes)
    must = may & (held_long | closes_soon)
    toward = jnp.where(long, 1, -1)
    mid_ticks = (minute.bid_ticks + minute.ask_ticks) / 2
    is_spent = toward * (wish.p_ticks - mid_ticks) < params.tau_close_ticks
    fades = held & sellable & wish.two_sided & wish.has_p & is_spent
    barred = first_of(
        (Gate.STALE, ~minute.fresh), (Gate.RELEASE, minute.release), (Gate.HALTED, state.mode == Mode.HALTED)
    )
    barred = jnp.where(fades & ~must, barred, jnp.int32(Gate.NONE))
    take_ticks = jnp.where(long, wish.prices.sell_take, wish.prices.buy_take)
    gain = toward * (take_ticks - wish.p_ticks)
    takes = must | (gain >= params.taker_thresh_ticks)
    if fill is Fill.TAKER:
        takes = jnp.ones_like(takes)
    make_ticks = jnp.where(long, wish.prices.sell_make, wish.prices.buy_make)
    return Leave(
        leaves=must | (fades & (barred == Gate.NONE)), barred=barred, must=must, takes=takes,
        ticks=jnp.where(takes, take_ticks, make_ticks),
    )  # fmt: skip
