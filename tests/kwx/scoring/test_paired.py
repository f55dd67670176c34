"""Two forecasts of the same days: the gain, its interval, and how seldom chance alone is called a gain."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from kwx.scoring.paired import compare
from warehouse.errors import Refused, Usage


def scores(rng, *, dates, rows, gain):
    """Return two scores [dates · rows] that share the hardness of a date, the first lower by `gain`, and the dates."""
    hard = rng.gamma(4, 0.5, size=(dates, 1))
    ours, theirs = (hard + rng.normal(0, 0.3, (dates, 1)) + rng.normal(0, 0.3, (dates, rows)) for _ in range(2))
    return (ours - gain).ravel(), theirs.ravel(), np.repeat(np.arange(dates), rows)


def test_a_true_gain_is_found_with_its_size():
    """The interval holds the gain and not 0; the p value is small; the skill is the gain over the reference."""
    ours, theirs, dates = scores(np.random.default_rng(1), dates=300, rows=4, gain=0.2)

    found = compare(ours, reference=theirs, dates=dates)

    assert found.low < -0.2 < found.high < 0
    assert found.p_value < 1e-6
    assert pytest.approx(1 - found.score / found.reference) == found.skill
    assert found.skill_low < found.skill < found.skill_high
    assert (1200, 300, 300) == (found.rows, found.dates, found.blocks)


def test_chance_is_called_a_gain_as_seldom_as_stated():
    """Rows that share their date's chance are one piece of evidence: 5 % of equal forecasts differ at 5 %."""
    rng = np.random.default_rng(2)

    found = [
        compare(ours, reference=theirs, dates=dates, resamples=200, seed=number)
        for number in range(500)
        for ours, theirs, dates in [scores(rng, dates=50, rows=6, gain=0.0)]
    ]

    assert 0.02 <= np.mean([one.p_value < 0.05 for one in found]) <= 0.08
    assert 0.90 <= np.mean([one.low <= 0 <= one.high for one in found]) <= 0.98


def test_one_row_a_date_is_students_paired_test():
    """With one row a date the test is the paired t test."""
    from scipy.stats import ttest_rel

    ours, theirs, dates = scores(np.random.default_rng(3), dates=40, rows=1, gain=0.1)
    expected = ttest_rel(ours, theirs)

    found = compare(ours, reference=theirs, dates=dates)

    assert pytest.approx((expected.statistic, expected.pvalue)) == (found.statistic, found.p_value)


def test_every_date_counts_alike():
    """A date with a hundred rows weighs no more than one with a single row."""
    dates = np.concatenate([np.zeros(100), np.arange(1, 12)]).astype(int)
    ours = np.where(dates == 0, 13.0, 1.0)

    found = compare(ours, reference=np.ones(len(dates)), dates=dates)

    assert pytest.approx(1.0) == found.difference


def test_weeks_that_differ_as_a_whole_widen_the_interval():
    """Blocks of days keep what neighbouring dates share; dates may be dates."""
    rng = np.random.default_rng(4)
    ours = np.repeat(rng.normal(size=40), 7) + 0.1 * rng.normal(size=280)
    dates = [date(2026, 1, 1) + timedelta(days=n) for n in range(280)]

    by_day, by_week = (compare(ours, reference=np.zeros(280), dates=dates, block_days=n) for n in (1, 7))

    assert by_week.high - by_week.low > 2 * (by_day.high - by_day.low)
    assert (280, 40) == (by_week.dates, by_week.blocks)


@pytest.mark.parametrize(("gain", "statistic", "p_value"), [(0.0, 0.0, 1.0), (0.25, -np.inf, 0.0)])
def test_scores_that_always_differ_by_the_same_leave_no_doubt(gain, statistic, p_value):
    """Without any spread the test is certain, and equal scores are equal."""
    reference = np.linspace(1, 2, 20)

    found = compare(reference - gain, reference=reference, dates=np.arange(20))

    assert (statistic, p_value) == (found.statistic, found.p_value)


def test_nothing_can_be_gained_on_a_perfect_reference():
    """A reference without any loss has no skill to be compared with."""
    found = compare(np.ones(20), reference=np.zeros(20), dates=np.arange(20))

    assert np.isnan(found.skill)
    assert 1.0 == found.difference


@pytest.mark.parametrize(
    ("score", "dates", "error"),
    [
        (np.ones(5), np.arange(5), Refused),
        (np.full(20, np.nan), np.arange(20), Refused),
        (np.ones(20), np.arange(19), Usage),
        (np.ones(20), np.full(20, np.datetime64("NaT")), Refused),
        (np.ones(20), np.full(20, np.nan), Refused),
    ],
)
def test_too_little_to_compare_is_refused(score, dates, error):
    """Fewer than six blocks, missing scores and missing dates are no comparison."""
    with pytest.raises(error):
        compare(score, reference=np.ones(len(score)), dates=dates)
