"""Fees as arrays are the fees of the exchange, fill by fill, to the micro."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kwx.exec.fees import MOST_CENTI, fee_per_contract_ticks, net_fee, trade_fee_micros
from warehouse.market.fees import (
    FEE_STEP_MICROS,
    FEE_TYPES,
    MAX_MULTIPLIER_MILLI,
    ONCE_PER_ORDER_MICROS,
    ROUNDING_MICROS,
    FeeRule,
    fill_fee,
)

FILLS = 64
CENT, STEPS = FEE_STEP_MICROS["cent"], tuple(ROUNDING_MICROS.values())
RULES = st.builds(
    FeeRule, fee_type=st.sampled_from(FEE_TYPES), multiplier_milli=st.integers(0, MAX_MULTIPLIER_MILLI)
)  # fmt: skip


def whole(low, high):
    """Return arrays of whole numbers of 32 bits."""
    return arrays(np.int32, FILLS, elements=st.integers(low, high), fill=st.nothing())


_net_fee = jax.jit(net_fee)


@given(
    rules=st.lists(RULES, min_size=2, max_size=2), ticks=whole(0, 10_000), signed=whole(-MOST_CENTI, MOST_CENTI),
    carry=whole(0, 50_000), step=arrays(np.int32, FILLS, elements=st.sampled_from(STEPS), fill=st.nothing()),
    takes=arrays(np.bool_, FILLS),
)  # fmt: skip
def test_every_fill_pays_what_the_exchange_charges(rules, ticks, signed, carry, step, takes):
    """Buys and sells up to the largest order, every rounding, any carry, takers and makers of every fee type."""
    rule_of = [rules[place % 2] for place in range(FILLS)]
    nums = [r.taker_num if took else r.maker_num for r, took in zip(rule_of, takes, strict=True)]
    num = np.array(nums, np.int32)

    with jax.enable_x64(True):
        fee, carried = _net_fee(num, ticks, signed, carry, step)

    expected = [
        fill_fee(int(n), ticks=int(t), signed_centi=int(c), step_micros=int(s), carry_micros=int(k))
        for n, t, c, s, k in zip(num, ticks, signed, step, carry, strict=True)
    ]
    assert (np.int32, np.int32) == (fee.dtype, carried.dtype)
    assert [one.net_micros for one in expected] == fee.tolist()
    assert [one.carry_micros for one in expected] == in_full(carried, step)


def in_full(carried, step):
    """Return what is carried without the sign that it has where it does not fit 31 bits."""
    once = np.asarray(step) == ONCE_PER_ORDER_MICROS
    return np.where(once, np.asarray(carried, np.int64) & 0xFFFF_FFFF, carried).tolist()


@given(
    rule=RULES, fills=st.lists(st.tuples(st.integers(0, 100), st.integers(-MOST_CENTI, MOST_CENTI)), max_size=8)
)  # fmt: skip
def test_an_order_that_is_rounded_once_carries_all_that_it_has_paid_too_much(rule, fills):
    """Fill after fill, through the 32 bits of the state: the same fees as in whole numbers without a bound."""
    carry, exact = np.zeros(1, np.int32), 0
    step = np.full(1, ONCE_PER_ORDER_MICROS, np.int32)
    for cents, signed in fills:
        said = fill_fee(
            rule.taker_num, ticks=100 * cents, signed_centi=signed, step_micros=ONCE_PER_ORDER_MICROS,
            carry_micros=exact,
        )  # fmt: skip
        with jax.enable_x64(True):
            fee, carry = _net_fee(
                np.int32([rule.taker_num]), np.int32([100 * cents]), np.int32([signed]), carry, step
            )  # fmt: skip
        exact = said.carry_micros

        assert ([said.net_micros], [exact]) == (fee.tolist(), in_full(carry, step))


def test_the_largest_order_at_the_largest_fee_does_not_overflow():
    """The bound that the module states, at the price with the highest fee."""
    rule = FeeRule(multiplier_milli=MAX_MULTIPLIER_MILLI)

    with jax.enable_x64(True):
        fee = trade_fee_micros(np.int32(rule.taker_num), np.int32([5_000]), np.int32([MOST_CENTI]))

    assert [1_750_000_000] == fee.tolist()


def test_a_day_of_fees_by_event_meets_brackets_cities_and_dates():
    """Numerators and steps of whole events, [C, D], beside fills, [B, C, D]; a fill of nothing pays nothing."""
    num, step = np.full((2, 3), FeeRule().taker_num, np.int32), np.full((2, 3), CENT, np.int32)
    signed = np.zeros((6, 2, 3), np.int32)
    signed[4, 1, 2] = 100

    with jax.enable_x64(True):
        fee, carried = net_fee(num, np.full((6, 2, 3), 4_200, np.int32), signed, np.full_like(signed, 60), step)

    assert (20_000, 20_000) == (int(fee.sum()), int(fee[4, 1, 2]))
    assert 60 * 35 + 60 + 2_948 == int(carried.sum())


@given(rule=RULES, ticks=st.integers(1, 9_999))
def test_the_fee_of_an_edge_is_the_formula_without_rounding(rule, ticks):
    """In ticks of one contract."""
    told = fee_per_contract_ticks(np.int32([rule.taker_num]), np.int32([ticks]))

    price = ticks / 10_000
    assert np.float32 == told.dtype
    assert float(told[0]) == pytest.approx(
        0.07 * rule.multiplier_milli / 1_000 * price * (1 - price) * 10_000, rel=1e-6
    )
