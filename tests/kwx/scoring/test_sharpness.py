"""Sharpness: its bounds, its ends, and what it says of a calibrated forecast's own score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kwx.scoring.brackets import multi_brier
from kwx.scoring.sharpness import entropy_nats, largest, squares
from warehouse.errors import Refused

ladders = arrays(float, 6, elements=st.floats(0.001, 1)).map(lambda weights: weights / weights.sum())


@given(p=ladders)
def test_sharpness_lies_between_knowing_nothing_and_certainty(p):
    """1/6 ≤ Σp² ≤ largest p ≤ 1, and the entropy lies between 0 and log 6."""
    most, sum_of_squares, entropy = (of([p])[0] for of in (largest, squares, entropy_nats))

    assert 1 / 6 <= sum_of_squares + 1e-12 <= most + 2e-12 <= 1 + 3e-12
    assert 0 <= entropy <= np.log(6) + 1e-12


def test_certainty_and_ignorance_are_the_ends():
    """One bracket alone, and all alike; zeros to the right of a short ladder add nothing."""
    p = [[1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0]]

    assert [1, 0.25, 0.5] == largest(p).tolist() == squares(p).tolist()
    assert pytest.approx([0, np.log(4), np.log(2)]) == entropy_nats(p)


@given(p=ladders)
def test_a_forecast_expects_the_brier_score_that_its_squares_say(p):
    """If the winner is drawn from p itself, the expected Brier score is 1 − Σp²."""
    expected = p @ multi_brier(np.tile(p, (6, 1)), winner=np.arange(6))

    assert pytest.approx(1 - squares([p])[0]) == expected


@pytest.mark.parametrize("p", [[[np.nan, 1.0]], [[-0.1, 1.1]], [[0.4, 0.4]]])
def test_what_is_no_distribution_has_no_sharpness(p):
    """NaN, negative mass and a wrong sum are refused."""
    for of in (largest, squares, entropy_nats):
        with pytest.raises(Refused):
            of(p)
