"""How much is bought or sold: what Kelly wants beyond the position, then what the limits leave of it."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from kwx.exec.codes import Gate
from kwx.exec.kelly import ladder_kelly, single_kelly
from kwx.exec.ladder import payoffs_micros, worst_case_loss_micros
from kwx.exec.minute import Array, Minute
from kwx.exec.once import once
from kwx.exec.over import every, total
from kwx.exec.params import Params
from kwx.exec.rules import Sizing
from kwx.exec.state import State
from kwx.exec.wish import Wish, first_of
from warehouse.market.money import CENTI_PER_CONTRACT, TICKS_PER_DOLLAR

_MICROS_PER_DOLLAR = 1_000_000
_MOST_CENTI = 1_000_000_00
"""A hundred million cents of contracts: what Kelly may want before limits, so that it fits 32 bits."""


class Sizes(NamedTuple):
    """Contracts to open, [B, C, D] int32 and never negative, before and after limits, and the gate that took them."""

    want_centi: Array
    open_centi: Array
    gate: Array


def open_sizes(
    sizing: Sizing, params: Params, state: State, minute: Minute, wish: Wish, *, may: Array
) -> Sizes:  # fmt: skip
    """Return how much of each bracket's wish is opened, of those that may."""
    kelly, is_whole = _wanted_centi(sizing, params, state, minute, wish, may=may)
    holds_some = wish.side * state.position_centi > 0
    # Less than a lot beyond a position is a position that stands where it should.
    want = once(jnp.where(may & ~(holds_some & (kelly < params.lot_centi)), kelly, 0), minute.winner)
    wants_none = first_of((Gate.LADDER, ~is_whole), (Gate.KELLY, (want == 0) & ~holds_some))
    left, gate = want, jnp.where(may, wants_none, wish.gate)
    for code, cut in LIMITS:
        before, left = left, cut(params, state, minute, wish, left)
        gate = jnp.where((before > 0) & (left <= 0), jnp.int32(code), gate)
    return Sizes(want_centi=want, open_centi=left, gate=gate)


def worst_losses_micros(state: State, minute: Minute) -> Array:
    """Return [C, D] the most that each city's day can lose in all, whatever settles."""
    return worst_case_loss_micros(state.position_centi, state.cash_micros, minute.exists)


def _wanted_centi(
    sizing: Sizing, params: Params, state: State, minute: Minute, wish: Wish, *, may: Array
) -> tuple[Array, Array]:  # fmt: skip
    """Return the contracts that Kelly wants beyond the position, on the side of the wish, and where it can be asked."""
    cost = (wish.ticks + wish.side * wish.fee_ticks) / TICKS_PER_DOLLAR
    can_buy, can_sell = may & (wish.side > 0), may & (wish.side < 0)
    buy_cost, sell_net = jnp.where(can_buy, cost, jnp.inf), jnp.where(can_sell, cost, 0.0)
    stake = (params.kelly_alpha * params.bankroll_micros / _MICROS_PER_DOLLAR).astype(jnp.float32)
    if sizing is Sizing.SINGLE:
        is_whole = jnp.ones_like(may)
        beyond = single_kelly(minute.p_fair, buy_cost, sell_net, stake) - state.position_centi / CENTI_PER_CONTRACT
    else:
        # A bracket that stands still for a while is an outcome all the same: only its prices are closed.
        is_whole = jnp.broadcast_to(every(~minute.exists | ~jnp.isnan(minute.p_fair)), may.shape)
        p = jnp.where(minute.exists & is_whole, minute.p_fair, 0.0)
        wealth = stake + payoffs_micros(state.position_centi, state.cash_micros) / _MICROS_PER_DOLLAR
        asked = once((p, buy_cost, sell_net, wealth.astype(jnp.float32)), minute.winner)
        beyond = jnp.where(is_whole, ladder_kelly(*asked), 0.0)
    wanted = wish.side * beyond * CENTI_PER_CONTRACT
    return jnp.clip(jnp.nan_to_num(wanted), 0, _MOST_CENTI).astype(jnp.int32), is_whole


def _opened(state: State, wish: Wish, centi: Array) -> Array:
    """Return what of a size makes the position larger: the rest only closes what is held on the other side."""
    return jnp.maximum(centi - jnp.maximum(-wish.side * state.position_centi, 0), 0)


def _by_position(params: Params, state: State, minute: Minute, wish: Wish, centi: Array) -> Array:
    room = params.max_position_centi - wish.side * state.position_centi
    return jnp.clip(jnp.minimum(centi, room), 0, params.max_order_centi)


def _by_side(params: Params, state: State, minute: Minute, wish: Wish, centi: Array) -> Array:
    """Share what a side of a city's day has left among its brackets.

    What is held counts at its price or at the mid, whichever is more: a loss at the mid makes no room.
    """
    budget = (params.side_share * params.bankroll_micros).astype(jnp.float32)
    held, mid, entry = state.position_centi.astype(jnp.float32), state.mid_half_ticks / 2, state.entry_ticks
    resting = _resting_risk(state, may=wish.gate == Gate.NONE)
    bids = state.orders.side > 0
    risk_of_yes = total(jnp.maximum(held, 0) * jnp.maximum(mid, entry) + jnp.where(bids, resting, 0))
    owed = TICKS_PER_DOLLAR - jnp.minimum(mid, entry)
    risk_of_no = total(jnp.maximum(-held, 0) * owed + jnp.where(bids, 0, resting))
    asked = _unit_risk_ticks(wish) * _opened(state, wish, centi).astype(jnp.float32)
    buys = wish.side > 0
    share_of_yes = _share(budget - risk_of_yes, total(jnp.where(buys, asked, 0)))
    share_of_no = _share(budget - risk_of_no, total(jnp.where(buys, 0, asked)))
    return _scaled(state, wish, centi, jnp.where(buys, share_of_yes, share_of_no))


def _by_gross(params: Params, state: State, minute: Minute, wish: Wish, centi: Array) -> Array:
    """Share what all cities of an event date have left among brackets; what is held counts at its worst outcome."""
    budget = (params.gross_share * params.bankroll_micros).astype(jnp.float32)
    resting = total(total(_resting_risk(state, may=wish.gate == Gate.NONE)))
    held = total(worst_losses_micros(state, minute)).astype(jnp.float32) + resting
    asked = total(total(_unit_risk_ticks(wish) * _opened(state, wish, centi).astype(jnp.float32)))
    return _scaled(state, wish, centi, _share(budget - held, asked))


def _by_depth(params: Params, state: State, minute: Minute, wish: Wish, centi: Array) -> Array:
    shown = jnp.where(wish.side > 0, minute.ask_size_centi, minute.bid_size_centi)
    most = jnp.where(shown >= 0, shown, params.max_take_centi)
    return jnp.where(wish.takes, jnp.minimum(centi, most), centi)


def _by_lot(params: Params, state: State, minute: Minute, wish: Wish, centi: Array) -> Array:
    return centi // params.lot_centi * params.lot_centi


def _resting_risk(state: State, *, may: Array) -> Array:
    """Return what orders that rest could lose where no new size is found: elsewhere the new size takes their place."""
    orders = state.orders
    each = jnp.where(orders.side > 0, orders.ticks, TICKS_PER_DOLLAR - orders.ticks)
    return jnp.where((orders.side != 0) & ~may, each * orders.left_centi.astype(jnp.float32), 0)


def _unit_risk_ticks(wish: Wish) -> Array:
    """Return what a hundredth of a contract can lose: its price, or what is left to a dollar; fees are left aside."""
    return jnp.where(wish.side > 0, wish.ticks, TICKS_PER_DOLLAR - wish.ticks).astype(jnp.float32)


def _share(room: Array, asked: Array) -> Array:
    return jnp.clip(room / jnp.maximum(asked, 1.0), 0.0, 1.0)


def _scaled(state: State, wish: Wish, centi: Array, share: Array) -> Array:
    """Return a size of which only a share may be opened; what closes the other side is not cut."""
    opened = _opened(state, wish, centi)
    return centi - opened + jnp.floor(share * opened).astype(jnp.int32)


LIMITS = (
    (Gate.POSITION, _by_position),
    (Gate.SIDE, _by_side),
    (Gate.GROSS, _by_gross),
    (Gate.DEPTH, _by_depth),
    (Gate.LOT, _by_lot),
)
"""What cuts a size, each with the gate that is told where it leaves nothing, in the order in which they are asked."""
