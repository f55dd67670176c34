"""How much of an order that rests is filled within a minute. Each model is an assumption; none of them is the truth.

A      The limit lies inside the minute's traded range: the order has a share of the minute's volume. No queue, and all
       of the volume is taken to have passed our price. Bias: too many fills, and too kind ones.
B      Takers of the other side printed at our limit or through it, and the minute closed on that side of its range (a
       buyer's minute in its lower half: sellers pressed to the end): the order has a share of those prints. Bias: no
       queue, so too many fills; minutes that turned are left out, so those it has are the worse half.
queue  What rested before us at our price is filled first; prints through the price reach us whatever was ahead, and so
       do prints at it once the market has passed it. Where order books are recorded, what is ahead shrinks to what the
       best level still shows. Bias: those ahead never cancel where no book is recorded (too few fills), and our own
       order moves nobody (too many).
taker  Nothing rests; what is taken is at the shown quote and slippage beyond it, no more in a minute than is shown.
       Bias: what we took is there again the next minute, as the quotes that were recorded know nothing of us, and where
       no size is shown as much as the setting says is; so too much, too kindly. The takes of all other models share it.

No model fills more than was printed, or at a price that nobody came to. An order that the market passes without a print
is not filled but canceled, which is kind: whoever passed it would have hit it first. Of a minute's prints the prices
furthest through the book are kept; what was printed nearer than those is lost to B and queue (too few fills).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from kwx.exec.minute import Array, Minute, Prints
from kwx.exec.over import total
from kwx.exec.params import Params
from kwx.exec.rules import Fill
from kwx.exec.state import Orders


class Filled(NamedTuple):
    """How many contracts of each order were filled, not signed, and how much is ahead of what is left."""

    centi: Array
    ahead_centi: Array


def resting_fills(model: Fill, params: Params, orders: Orders, minute: Minute) -> Filled:
    """Return what the minute did to the orders that rested all through it."""
    if model is Fill.A:
        return _within_range(params, orders, minute)
    if model is Fill.B:
        return _by_prints(params, orders, minute)
    if model is Fill.QUEUE:
        return _by_queue(orders, minute)
    # Of a taker nothing rests, and what the exchange filled is in the state already.
    return Filled(centi=jnp.zeros_like(orders.left_centi), ahead_centi=orders.ahead_centi)


def ahead_at_placing(params: Params, minute: Minute, side: Array, ticks: Array) -> Array:
    """Return what rests before a new order: all that the best level shows, nothing if it betters the best level."""
    buys = side > 0
    best = jnp.where(buys, minute.bid_ticks, minute.ask_ticks)
    shown = jnp.where(buys, minute.bid_size_centi, minute.ask_size_centi)
    betters = jnp.where(buys, ticks > best, ticks < best)
    return jnp.where(betters, 0, jnp.where(shown >= 0, shown, params.queue_ahead_centi)).astype(jnp.int32)


def _within_range(params: Params, orders: Orders, minute: Minute) -> Filled:
    reached = jnp.where(orders.side > 0, minute.low_ticks <= orders.ticks, minute.high_ticks >= orders.ticks)
    return Filled(
        centi=_up_to(orders, reached, _share(params, minute.volume_centi)), ahead_centi=orders.ahead_centi
    )  # fmt: skip


def _by_prints(params: Params, orders: Orders, minute: Minute) -> Filled:
    printed = _against(orders, minute.sells, minute.buys, at_limit=True)
    # Twice the close against the sum of both ends: the half of the range in which the minute closed.
    twice, ends = 2 * minute.close_ticks, minute.low_ticks + minute.high_ticks
    pressed = jnp.where(orders.side > 0, twice <= ends, twice >= ends)
    return Filled(centi=_up_to(orders, pressed, _share(params, printed)), ahead_centi=orders.ahead_centi)


def _by_queue(orders: Orders, minute: Minute) -> Filled:
    buys = orders.side > 0
    through = _against(orders, minute.sells, minute.buys, at_limit=False)
    at_limit = _against(orders, minute.sells, minute.buys, at_limit=True) - through
    passed = minute.open & jnp.where(buys, minute.ask_ticks <= orders.ticks, minute.bid_ticks >= orders.ticks)
    in_turn = jnp.maximum(at_limit - orders.ahead_centi, 0) + through
    ahead = jnp.where(through > 0, 0, jnp.maximum(orders.ahead_centi - at_limit, 0))
    return Filled(
        centi=_up_to(orders, jnp.bool_(True), jnp.where(passed, at_limit + through, in_turn)),
        ahead_centi=_as_shown(ahead, orders, minute),
    )


def _as_shown(ahead_centi: Array, orders: Orders, minute: Minute) -> Array:
    """Return what is ahead, no more than the best level shows, and nothing once the best level is behind us."""
    buys = orders.side > 0
    best = jnp.where(buys, minute.bid_ticks, minute.ask_ticks)
    shown = jnp.where(buys, minute.bid_size_centi, minute.ask_size_centi)
    behind = jnp.where(buys, best < orders.ticks, best > orders.ticks)
    is_told = (best == orders.ticks) & (shown >= 0)
    return jnp.where(behind, 0, jnp.where(is_told, jnp.minimum(ahead_centi, shown), ahead_centi))


def _against(orders: Orders, sells: Prints, buys: Prints, *, at_limit: bool) -> Array:
    """Return what takers of the other side printed through an order's limit, with `at_limit` also at it."""
    slack = 0 if at_limit else 1
    sold = total(jnp.where(sells.ticks <= orders.ticks - slack, sells.centi, 0))
    bought = total(jnp.where(buys.ticks >= orders.ticks + slack, buys.centi, 0))
    return jnp.where(orders.side > 0, sold, bought)


def _share(params: Params, volume_centi: Array) -> Array:
    return jnp.floor(params.fill_share * volume_centi).astype(jnp.int32)


def _up_to(orders: Orders, reached: Array, most_centi: Array) -> Array:
    is_there = (orders.side != 0) & reached
    return jnp.where(is_there, jnp.minimum(orders.left_centi, most_centi), 0)
