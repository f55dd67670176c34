"""Three ways from prices to probabilities, and what each of them promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import brentq

from kwx.fuse.market.overround import METHODS, additive, plain, power

prices = st.lists(st.floats(0.005, 0.995), min_size=2, max_size=8).map(lambda row: np.array([row]))


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@given(price=prices)
def test_probabilities_sum_to_one_and_keep_their_order(method, price):
    """A dearer bracket is never less likely than a cheaper one."""
    p = method(price)

    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert (np.diff(p[0][np.argsort(price[0])]) >= -1e-12).all()


@given(price=prices)
@example(price=np.array([[0.0078125, 0.005859375]]))
def test_the_power_is_the_root_that_a_bisection_finds(price):
    """Newton's steps end where the raised prices sum to one."""
    exponent = brentq(lambda k: (price**k).sum() - 1, 1e-9, 2_000)

    np.testing.assert_allclose(power(price), price**exponent / (price**exponent).sum(), atol=1e-9)


def test_prices_without_overround_stay():
    """What sums to one already is not touched by any method."""
    price = np.array([[0.1, 0.2, 0.3, 0.4]])

    for method in METHODS.values():
        np.testing.assert_allclose(method(price), price, atol=1e-12)


def test_the_plain_method_takes_the_same_share_and_the_additive_the_same_amount():
    """By hand: 0.66 + 0.44 is a tenth too much."""
    price = np.array([[0.66, 0.44]])

    np.testing.assert_allclose(plain(price), [[0.6, 0.4]])
    np.testing.assert_allclose(additive(price), [[0.61, 0.39]])


def test_what_would_fall_below_zero_is_zero_and_the_others_pay_its_part():
    """A bracket cannot give back more than it has."""
    np.testing.assert_allclose(additive(np.array([[0.01, 0.65, 0.64]])), [[0.0, 0.505, 0.495]])


def test_a_power_takes_a_larger_share_of_long_shots():
    """That is the favourite–longshot bias."""
    price = np.array([[0.9, 0.1, 0.05]])

    assert (power(price) / price)[0, 2] < (power(price) / price)[0, 0]
