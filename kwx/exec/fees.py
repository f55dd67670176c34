"""The fees of warehouse.market.fees as arrays: the same numbers to the micro, for many fills at once.

`num`, the numerator of the formula, is what Minute has as taker_fee_num and maker_fee_num. The exact ones are called
inside `jax.enable_x64(True)`: the product of the formula needs 64 bits. Up to MOST_CENTI in one fill, at the largest
multiplier that a FeeRule takes, nothing overflows; the configuration allows no larger order.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from kwx.exec.minute import Array
from warehouse.market.fees import FEE_DENOMINATOR, FEE_STEP_MICROS, ONCE_PER_ORDER_MICROS, ORDER_UNITS_PER_CENT
from warehouse.market.money import TICKS_PER_DOLLAR

MOST_CENTI = 1_000_000
"""10,000 contracts: at ten times the usual fee their product stays below 2⁶³, and their fee below 2³¹ micros."""

_LOW_32_BITS = 0xFFFF_FFFF
_TICK_STEP, _CENT_STEP = FEE_STEP_MICROS["tick"], FEE_STEP_MICROS["cent"]


def trade_fee_micros(num: Array, ticks: Array, centi: Array) -> Array:
    """Return the fee of the formula, rounded up to a micro: int32, of int32 arrays."""
    # A division by a constant is a multiplication.
    product = _product(num, ticks, centi)
    return lax.div(product + (FEE_DENOMINATOR - 1), jnp.int64(FEE_DENOMINATOR)).astype(jnp.int32)


def net_fee(
    num: Array, ticks: Array, signed_centi: Array, carry_micros: Array, step_micros: Array
) -> tuple[Array, Array]:  # fmt: skip
    """Return what each fill pays and what its order carries on, int32; bought contracts count up, sold ones down.

    `step_micros` is one of ROUNDING_MICROS. A fill of nothing pays nothing and leaves the carry as it is.
    """
    is_once = step_micros == ONCE_PER_ORDER_MICROS

    def by_fill() -> tuple[Array, Array]:
        return _by_fill(num, ticks, signed_centi, carry_micros, step_micros)

    def some_by_order() -> tuple[Array, Array]:
        (fee, carried), (share, left) = by_fill(), _by_order(num, ticks, signed_centi, carry_micros)
        return jnp.where(is_once, share, fee), jnp.where(is_once, left, carried)

    # A branch, so that the rule of before March 2026 costs only those who trade dates of then.
    paid: tuple[Array, Array] = lax.cond(jnp.any(is_once), some_by_order, by_fill)
    return paid


def fee_per_contract_ticks(num: Array, ticks: Array) -> Array:
    """Return the fee of one contract in ticks before any rounding, float32: for edges, never for money."""
    per_tick = 1 / FEE_DENOMINATOR
    return num * jnp.float32(per_tick) * (ticks * (TICKS_PER_DOLLAR - ticks)).astype(jnp.float32)


def _product(num: Array, ticks: Array, centi: Array) -> Array:
    return (ticks * (TICKS_PER_DOLLAR - ticks)).astype(jnp.int64) * num * centi


def _by_fill(
    num: Array, ticks: Array, signed_centi: Array, carry_micros: Array, step_micros: Array
) -> tuple[Array, Array]:  # fmt: skip
    trade = trade_fee_micros(num, ticks, jnp.abs(signed_centi))
    fee = trade + _rounding(trade, ticks, signed_centi, step_micros)
    gathered = carry_micros + fee - trade
    rebate = jnp.where((gathered >= step_micros) & (fee >= step_micros), step_micros, 0)
    return fee - rebate, gathered - rebate


def _by_order(num: Array, ticks: Array, signed_centi: Array, carry: Array) -> tuple[Array, Array]:
    """Return what each fill adds to the whole cents of its order; what is carried wraps around into 32 bits."""
    by_unit, by_cent = FEE_DENOMINATOR * _CENT_STEP // ORDER_UNITS_PER_CENT, ORDER_UNITS_PER_CENT
    product = _product(num, ticks, jnp.abs(signed_centi))
    due = lax.div(product + (by_unit - 1), jnp.int64(by_unit)) - (carry.astype(jnp.int64) & _LOW_32_BITS)
    cents = lax.div(due + (by_cent - 1), jnp.int64(by_cent))
    return (cents * _CENT_STEP).astype(jnp.int32), (cents * by_cent - due).astype(jnp.int32)


def _rounding(trade: Array, ticks: Array, signed_centi: Array, step_micros: Array) -> Array:
    """Return how far the change of the balance lies above a whole step.

    Only the change's last four digits count, as the finer step divides the coarser: they fit 32 bits.
    """
    paid = jnp.fmod(jnp.fmod(signed_centi, _CENT_STEP) * ticks, _CENT_STEP)
    above = jnp.mod(-paid - jnp.fmod(trade, _CENT_STEP), _CENT_STEP)
    return jnp.where(step_micros == _TICK_STEP, jnp.fmod(above, _TICK_STEP), above)
