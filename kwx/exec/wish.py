"""What a strategy's columns come to at a minute's quotes: a side, a price, resting or taking, and why not."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from kwx.exec.codes import Gate, Mode
from kwx.exec.fees import fee_per_contract_ticks
from kwx.exec.minute import Array, Minute
from kwx.exec.params import Params
from kwx.exec.rules import Fill
from kwx.exec.state import State
from warehouse.market.money import TICKS_PER_DOLLAR


class Prices(NamedTuple):
    """What each side of each style would pay or get, [B, C, D] int32 ticks."""

    buy_make: Array
    sell_make: Array
    buy_take: Array
    sell_take: Array


class Wish(NamedTuple):
    """What is wanted of each bracket before its size: side 1 buys and -1 sells; `gate` is why it may not open."""

    side: Array  # int32
    takes: Array  # bool: at once, else it rests
    ticks: Array  # int32: the price of that side and style
    edge_ticks: Array  # float32, after fees
    fee_ticks: Array  # float32: what a contract of it costs in fees
    gate: Array  # int32, Gate.NONE where it may open
    may_rest: Array  # bool: nothing but a lack of edge is against an order that rests already
    prices: Prices
    two_sided: Array  # bool
    has_p: Array  # bool
    p_ticks: Array  # float32; half a dollar where there is none


def wish_of(fill: Fill, params: Params, state: State, minute: Minute) -> Wish:
    """Return what each bracket's probability makes of its quotes."""
    two_sided = (
        minute.open & (minute.bid_ticks > 0) & (minute.ask_ticks < TICKS_PER_DOLLAR)
        & (minute.bid_ticks < minute.ask_ticks)
    )  # fmt: skip
    has_p = ~jnp.isnan(minute.p_fair)
    p_ticks = jnp.where(has_p, minute.p_fair, 0.5) * TICKS_PER_DOLLAR
    prices = prices_of(params, minute)
    up = 2 * p_ticks > minute.bid_ticks + minute.ask_ticks
    side = jnp.where(up, 1, -1).astype(jnp.int32)
    make_ticks = jnp.where(up, prices.buy_make, prices.sell_make)
    take_ticks = jnp.where(up, prices.buy_take, prices.sell_take)
    make_fee = fee_per_contract_ticks(minute.maker_fee_num, make_ticks)
    take_fee = fee_per_contract_ticks(minute.taker_fee_num, take_ticks)
    make_edge = side * (p_ticks - make_ticks) - make_fee
    take_edge = side * (p_ticks - take_ticks) - take_fee
    takes = (take_edge >= jnp.maximum(params.taker_thresh_ticks, params.tau_open_ticks)) | (
        minute.urgent & (take_edge >= params.tau_open_ticks)
    )
    makes = make_edge >= jnp.maximum(params.maker_thresh_ticks, params.tau_open_ticks)
    if fill is Fill.TAKER:
        makes = jnp.zeros_like(makes)
    barred = ((Gate.CLOSED, ~minute.open), (Gate.NO_QUOTE, ~two_sided), (Gate.NO_PROBABILITY, ~has_p))
    stopped = stops_of(params, state, minute)
    return Wish(
        side=side, takes=takes, ticks=jnp.where(takes, take_ticks, make_ticks),
        edge_ticks=jnp.where(takes, take_edge, make_edge), fee_ticks=jnp.where(takes, take_fee, make_fee),
        gate=first_of(*barred, (Gate.NO_EDGE, ~(takes | makes)), *stopped),
        may_rest=first_of(*barred, *stopped) == Gate.NONE,
        prices=prices, two_sided=two_sided, has_p=has_p, p_ticks=p_ticks,
    )  # fmt: skip


def prices_of(params: Params, minute: Minute) -> Prices:
    """Return the prices at which one could rest, without crossing, or take, with slippage: all inside $0 … $1."""
    step, inside = minute.price_step_ticks, params.improve_steps * minute.price_step_ticks
    lowest, highest = step, TICKS_PER_DOLLAR - step
    return Prices(
        buy_make=minute.bid_ticks + jnp.where(minute.bid_ticks + inside < minute.ask_ticks, inside, 0),
        sell_make=minute.ask_ticks - jnp.where(minute.ask_ticks - inside > minute.bid_ticks, inside, 0),
        buy_take=jnp.clip(minute.ask_ticks + params.slip_ticks, lowest, highest),
        sell_take=jnp.clip(minute.bid_ticks - params.slip_ticks, lowest, highest),
    )


def stops_of(params: Params, state: State, minute: Minute) -> tuple[tuple[Gate, Array], ...]:
    """Return what may stop a strategy that has an edge, in the order in which it is told."""
    return (
        (Gate.CLOCK, minute.clock_off),
        (Gate.STALE, ~minute.fresh),
        (Gate.SCORE, (params.min_score > 0) & ~(jnp.abs(minute.score) >= params.min_score)),
        (Gate.PROBABILITY_RANGE, (minute.p_gate < params.p_low) | (minute.p_gate > params.p_high)),
        (Gate.VOLUME, minute.volume_20m_centi < params.min_volume_20m_centi),
        (Gate.SPREAD, minute.ask_ticks - minute.bid_ticks > params.max_spread_ticks),
        (Gate.RELEASE, minute.release),
        (Gate.NEAR_CLOSE, minute.minutes_to_close < params.no_new_minutes),
        (Gate.REDUCING, state.mode == Mode.REDUCING),
        (Gate.HALTED, state.mode == Mode.HALTED),
    )


def first_of(*stops: tuple[Gate, Array]) -> Array:
    """Return the first gate of several that holds, NONE where none does."""
    gate = jnp.int32(Gate.NONE)
    for code, holds in reversed(stops):
        gate = jnp.where(holds, jnp.int32(code), gate)
    return gate
