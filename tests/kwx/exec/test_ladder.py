"""What a ladder is worth for each outcome, counted contract by contract, in whole micros."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwx.exec.ladder import collateral_micros, payoffs_micros, table, worst_case_loss_micros

BRACKETS = 6
FILLS = st.lists(
    st.tuples(st.integers(0, BRACKETS - 1), st.integers(-50_000, 50_000), st.integers(1, 9_999), st.integers(0, 10**6)),
    max_size=12,
)


@pytest.fixture(autouse=True)
def _wide():
    with jax.enable_x64(True):
        yield


def booked(fills):
    """Return positions and cash after fills of a bracket, signed count, price and fee."""
    position, cash = np.zeros(BRACKETS, np.int32), 0
    for bracket, centi, ticks, fee in fills:
        position[bracket] += centi
        cash -= centi * ticks + fee
    return position, cash


def gained(fills, winner):
    """Return what fills have earned once a bracket has won, one by one."""
    return sum(centi * (10_000 * (bracket == winner) - ticks) - fee for bracket, centi, ticks, fee in fills)


@given(fills=FILLS)
def test_payoffs_are_what_each_fill_earns_when_that_bracket_wins(fills):
    """Bought or sold, held or not: the sum over fills is the cash and the winner's position."""
    position, cash = booked(fills)

    assert [gained(fills, winner) for winner in range(BRACKETS)] == payoffs_micros(position, np.int64(cash)).tolist()


@given(fills=FILLS, exists=st.lists(st.booleans(), min_size=BRACKETS, max_size=BRACKETS))
def test_the_worst_case_is_the_worst_outcome_that_there_is(fills, exists):
    """Brackets that the event has not are no outcomes; a gain in every outcome is no loss."""
    position, cash = booked(fills)
    outcomes = [gained(fills, winner) for winner in range(BRACKETS) if exists[winner]]

    loss = worst_case_loss_micros(position, np.int64(cash), np.array(exists))

    assert max(0, -min(outcomes, default=0)) == int(loss)


def test_a_dollar_sold_in_every_bracket_is_owed_once():
    """Only one bracket wins, so that what is owed is the largest of what was sold, not the sum."""
    sold = np.full((BRACKETS, 2), [[-100, -300]], np.int32)

    owed = collateral_micros(sold, np.ones((BRACKETS, 2), bool))

    assert [1_000_000, 3_000_000] == owed.tolist()


def test_nothing_is_owed_on_what_was_bought():
    """Contracts that are held can pay, never cost."""
    held = np.array([100, 0, 250], np.int32)

    assert 0 == int(collateral_micros(held, np.ones(3, bool)))


def test_large_positions_stay_exact():
    """The largest positions of 32 bits make more micros than 32 bits or a float hold."""
    position = np.array([2**31 - 1, -(2**31) + 1], np.int32)

    payoffs = jax.jit(payoffs_micros)(position, np.int64(1))

    assert [10_000 * (2**31 - 1) + 1, -10_000 * (2**31 - 1) + 1] == payoffs.tolist()


def test_the_table_has_a_row_for_each_outcome():
    """A bracket that the event has not is left out, also where its payoff would be the worst."""
    rows = table(("A", "B", ""), np.array([100, -200, -900], np.int32), 500_000)

    assert [("A", 100, 1_500_000, False), ("B", -200, -1_500_000, True)] == rows.rows()
