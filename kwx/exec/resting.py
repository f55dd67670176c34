"""The order that rests in a bracket: kept, made smaller, taken out, or placed anew."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from kwx.exec.fees import fee_per_contract_ticks
from kwx.exec.fills import ahead_at_placing
from kwx.exec.minute import Array, Minute
from kwx.exec.params import Params
from kwx.exec.state import Orders, State
from kwx.exec.wish import Wish


class Wanted(NamedTuple):
    """The order that a bracket should have in the book; `closes` where it makes a position smaller.

    Side 0 asks for none but lets a good one stay; a side with no contracts takes out what is there.
    """

    side: Array
    ticks: Array
    centi: Array
    closes: Array


class Kept(NamedTuple):
    """The orders after a minute's decision, and what became of the one before: both may hold, then it was replaced."""

    orders: Orders
    placed: Array
    canceled: Array
    cut: Array


def rest(
    params: Params, state: State, minute: Minute, wish: Wish, wanted: Wanted, *, may_rest: Array
) -> Kept:  # fmt: skip
    """Keep the order that rests where it is worth it and near its price; else take it out and place what is wanted.

    `may_rest` is where an order that opens may stay in the book at all.
    """
    now = state.orders
    is_there = (now.side != 0) & (now.left_centi > 0)
    most = jnp.where(wanted.side == now.side, wanted.centi, now.left_centi)
    left = jnp.minimum(now.left_centi, most)
    keeps = is_there & (left > 0) & _is_worth_keeping(params, state, minute, wish, wanted, may_rest=may_rest)
    places = ~keeps & (wanted.side != 0) & (wanted.centi > 0)
    orders = Orders(
        side=jnp.where(places, wanted.side, jnp.where(keeps, now.side, 0)),
        ticks=jnp.where(places, wanted.ticks, jnp.where(keeps, now.ticks, 0)),
        left_centi=jnp.where(places, wanted.centi, jnp.where(keeps, left, 0)),
        age_minutes=jnp.where(keeps, now.age_minutes + 1, 0),
        ahead_centi=jnp.where(
            places, ahead_at_placing(params, minute, wanted.side, wanted.ticks), jnp.where(keeps, now.ahead_centi, 0)
        ),
        carry_micros=jnp.where(keeps, now.carry_micros, 0),
        serial=now.serial + places,
    )
    return Kept(orders=orders, placed=places, canceled=is_there & ~keeps, cut=keeps & (left < now.left_centi))


def _is_worth_keeping(
    params: Params, state: State, minute: Minute, wish: Wish, wanted: Wanted, *, may_rest: Array
) -> Array:
    now = state.orders
    buys = now.side > 0
    edge = now.side * (wish.p_ticks - now.ticks) - fee_per_contract_ticks(minute.maker_fee_num, now.ticks)
    opens_well = may_rest & wish.has_p & (edge >= params.tau_close_ticks) & (wanted.side != -now.side)
    closes_well = wanted.closes & (wanted.side == now.side)
    price_now = jnp.where(buys, wish.prices.buy_make, wish.prices.sell_make)
    is_near = jnp.abs(price_now - now.ticks) < params.reprice_ticks
    is_young = now.age_minutes + 1 < params.max_age_minutes
    is_passed = jnp.where(buys, minute.ask_ticks <= now.ticks, minute.bid_ticks >= now.ticks)
    closing_only = now.side * state.position_centi < 0
    worth = jnp.where(closing_only, closes_well, opens_well)
    return worth & wish.two_sided & is_near & is_young & ~is_passed
