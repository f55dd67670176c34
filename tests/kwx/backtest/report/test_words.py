"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwx.backtest.report.words import between, cents, contracts, dollars, number, share
from kwx.scoring.resampling import Estimate


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (dollars(-1_620_360_000), "-$1,620.36"),
        (dollars(-4_000), "$0.00"),
        (dollars(math.nan), "·"),
        (share(-0.0001), "0.0%"),
        (share(0.474), "47.4%"),
        (number(-0.001), "0.00"),
        (contracts(131_148), "1,311.48"),
        (contracts(-50), "-0.50"),
        (contracts(200), "2"),
        (cents(4_250), "42.5 ¢"),
        (cents(4_000), "40 ¢"),
    ],
)
def test_a_number_is_shown_once_and_without_a_minus_before_nothing(told, shown):
    """Nothing that rounds to zero has a sign; what is not known is a point."""
    assert shown == told


@given(st.integers(-(10**13), 10**13))
def test_money_is_the_nearest_cent(micros):
    """What is shown lies within half a cent of what it is."""
    sign = -1 if dollars(micros).startswith("-") else 1

    shown = sign * float(dollars(micros).lstrip("-$").replace(",", ""))

    assert abs(shown - micros / 1e6) <= 0.005 + 1e-6


def test_an_interval_of_too_few_dates_is_a_point():
    """There is no number to show."""
    few = Estimate(value=1.0, low=math.nan, high=math.nan, level=0.95, rows=2, dates=2)
    enough = Estimate(value=1.0, low=-1.0, high=2.0, level=0.95, rows=9, dates=9)

    assert ("·", "-1.00 … 2.00") == (between(few, number), between(enough, number))
