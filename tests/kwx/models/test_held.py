"""What judges a model: later dates than those that chose it, and a gain beyond chance."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from scipy.stats import t

from kwx.models.held import LEAST_CUT_DATES, HeldOut, choosing_and_judging, held_out

SINCE = date(2026, 1, 5)


@pytest.mark.parametrize("number", range(LEAST_CUT_DATES, 30))
def test_each_part_has_dates_and_a_whole_one_lies_between(number):
    """No date is in both parts, and the judging ones are no fewer."""
    dates = [SINCE + timedelta(days=day) for day in range(number)]

    choosing, judging = choosing_and_judging(dates)

    assert choosing[0] == dates[0]
    assert judging[-1] == dates[-1]
    assert judging[0] - choosing[-1] == timedelta(days=2)
    assert len(choosing) + len(judging) == number - 1
    assert 0 <= len(judging) - len(choosing) <= 1


def test_where_dates_are_missing_anyway_none_is_given_up():
    dates = [SINCE, SINCE + timedelta(days=1), SINCE + timedelta(days=5), SINCE + timedelta(days=6)]
    assert choosing_and_judging(dates) == (tuple(dates[:2]), tuple(dates[2:]))


def test_each_date_counts_once_however_many_rows_it_has():
    """Two dates of one and three rows: the means of the dates are averaged, and their difference is the error."""
    days = np.array(["2026-01-05", "2026-01-06", "2026-01-06", "2026-01-06"], dtype="datetime64[D]")
    held = held_out(np.array([0.5, 0.1, 0.2, 0.3]), np.array([0.7, 0.6, 0.6, 0.6]), days)

    assert (held.dates, held.rows) == (2, 4)
    assert held.log_loss == pytest.approx((0.5 + 0.2) / 2)
    assert held.prior_log_loss == pytest.approx((0.7 + 0.6) / 2)
    assert held.standard_error == pytest.approx(np.std([0.2, 0.4], ddof=1) / np.sqrt(2))
    assert held.chance == pytest.approx(t(1).ppf(0.9) * held.standard_error)


def test_a_gain_that_chance_may_bring_is_none():
    """Over ten dates a gain has to be more than 1.38 standard errors; over one nobody can tell."""
    held = HeldOut(dates=10, rows=100, log_loss=0.60, prior_log_loss=0.62, standard_error=0.01)

    assert held.objection is None
    assert "no better than the class prior" in str(HeldOut(**vars(held) | {"standard_error": 0.015}).objection)
    assert "no better than the class prior" in str(HeldOut(**vars(held) | {"prior_log_loss": 0.60}).objection)
    lone = HeldOut(**vars(held) | {"dates": 1, "log_loss": 9.0})
    assert lone.objection is None
    assert lone.notes() == ["not judged: 1 held-out date, 2 are needed"]


def test_of_a_model_that_knows_nothing_one_in_ten_gains_more():
    rng = np.random.default_rng(4)
    days = np.repeat(np.arange("2026-01-05", "2026-01-13", dtype="datetime64[D]"), 5)
    gains = rng.normal(0, 0.1, (2000, len(days)))
    passed = [held_out(0.7 - gain, np.full(len(days), 0.7), days).objection is None for gain in gains]
    assert np.mean(passed) == pytest.approx(0.1, abs=0.02)
