"""Fees over columns: fill by fill what `fill_fee` says of one, order after order."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.errors import Refused
from warehouse.market.fee_columns import MOST_CENTI, fees_of_fills
from warehouse.market.fees import FEE_TYPES, MAX_MULTIPLIER_MILLI, ROUNDING_MICROS, FeeRule, fill_fee

FILLS = st.tuples(
    st.sampled_from([100, 550, 4_237, 5_000, 9_900]) | st.integers(0, 10_000),
    st.integers(-MOST_CENTI, MOST_CENTI),
    st.booleans(),
)
ORDERS = st.tuples(
    st.builds(
        FeeRule,
        fee_type=st.sampled_from(FEE_TYPES),
        multiplier_milli=st.sampled_from([1_000, MAX_MULTIPLIER_MILLI]) | st.integers(0, MAX_MULTIPLIER_MILLI),
    ),
    st.sampled_from(sorted(ROUNDING_MICROS.values())),
    st.lists(FILLS, max_size=6),
)


def one_by_one(rows):
    """Return what a loop over fills charges, the carry going on within an order."""
    charged = []
    for _, fills in groupby(rows, key=lambda row: row[0]):
        carry = 0
        for _, num, ticks, centi, step in fills:
            fee = fill_fee(num, ticks=ticks, signed_centi=centi, step_micros=step, carry_micros=carry)
            carry = fee.carry_micros
            charged.append(fee.net_micros)
    return charged


@given(st.lists(ORDERS, max_size=6))
def test_fees_over_columns_are_those_of_one_fill_after_the_other(orders):
    rows = [
        (number, rule.taker_num if takes else rule.maker_num, ticks, centi, step)
        for number, (rule, step, fills) in enumerate(orders)
        for ticks, centi, takes in fills
    ]
    columns = np.array(rows, np.int64).reshape(-1, 5).T

    assert one_by_one(rows) == fees_of_fills(*columns).tolist()


def test_orders_do_not_share_what_rounding_left():
    """Four fills of one contract at 42 cents give a cent back in the last; those of two orders do not."""
    fill = (FeeRule().taker_num, 4_200, 100, ROUNDING_MICROS["cent"])
    columns = [np.full(4, value) for value in fill]

    assert [20_000, 20_000, 20_000, 10_000] == fees_of_fills(np.zeros(4, int), *columns).tolist()
    assert [20_000] * 4 == fees_of_fills(np.array([0, 0, 1, 1]), *columns).tolist()


@pytest.mark.parametrize(
    ("ticks", "centi"), [(-1, 100), (10_001, 100), (5_000, MOST_CENTI + 1), (5_000, -MOST_CENTI - 1)]
)
def test_what_is_no_fill_is_refused(ticks, centi):
    with pytest.raises(Refused, match="no fills"):
        fees_of_fills(*(np.array([value]) for value in (0, FeeRule().taker_num, ticks, centi, ROUNDING_MICROS["tick"])))
