"""Control limits come from the dates before, and from nothing else."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest

from kwx.monitor.control import STEPS, controlled, outside, verdict

FIRST = date(2026, 10, 1)
DATES = [FIRST + timedelta(days=number) for number in range(12)]
VALUES = dict(zip(DATES, np.random.default_rng(3).normal(0.1, 0.01, 12).tolist(), strict=True))


def test_limits_are_the_mean_of_the_dates_before_and_their_steps():
    """Both are worked out by hand for the eighth date."""
    before = [VALUES[day] for day in DATES[:7]]
    reach = STEPS * np.mean([abs(after - one) for one, after in pairwise(before)])

    row = controlled(VALUES).row(7, named=True)

    assert pytest.approx(np.mean(before)) == row["centre"]
    assert pytest.approx((row["centre"] - reach, row["centre"] + reach)) == (row["low"], row["high"])


def test_six_dates_have_no_limits():
    """They would be made of too little."""
    rows = controlled(VALUES)

    assert [True] * 6 + [False] * 6 == rows["high"].is_null().to_list()
    assert "too few dates for limits yet" == verdict(rows.head(6))


def test_what_comes_later_moves_no_limit():
    """Each date is judged as it would have been on its own morning."""
    poisoned = {day: 9e9 if day > DATES[8] else value for day, value in VALUES.items()}

    assert controlled(VALUES).head(9).equals(controlled(poisoned).head(9))


def test_a_leap_is_outside_and_named():
    """One date is far from all before it."""
    rows = controlled({**VALUES, DATES[-1]: 0.5})

    assert [DATES[-1]] == outside(rows)["event_date"].to_list()
    assert str(DATES[-1]) in verdict(rows)


def test_a_score_has_no_limit_below_zero_and_an_error_has():
    """What cannot be negative is not told that it may be."""
    small = {day: value - 0.1 + 0.001 for day, value in VALUES.items()}

    assert 0 == controlled(small)["low"].min()
    assert 0 > controlled(small, least=float("-inf"))["low"].min()
