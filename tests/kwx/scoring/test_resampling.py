"""Intervals: they hold the truth as often as they say, dates are drawn whole, few dates are no evidence."""

from __future__ import annotations

import numpy as np
import pytest

from kwx.scoring.resampling import draw, mean_of, tails
from warehouse.errors import Refused, Usage


def day_scores(rng, dates):
    """Return skewed scores of mean 1.3, four rows a date that share their date's part, and the dates."""
    shared, own = rng.gamma(2, 0.5, (dates, 1)), rng.gamma(1, 0.3, (dates, 4))
    return (shared + own).ravel(), np.repeat(np.arange(dates), 4)


@pytest.mark.parametrize(("dates", "least"), [(6, 0.88), (20, 0.91), (60, 0.92)])
def test_an_interval_holds_the_truth_about_as_often_as_it_says(dates, least):
    """95 % intervals of skewed scores hold the mean in 88 % of worlds of six dates, in 92 % and more of longer ones."""
    rng = np.random.default_rng(dates)
    found = []
    for seed in range(400):
        scores, date = day_scores(rng, dates)
        found.append(mean_of(scores, draws=draw(date, rows=len(scores), resamples=500, seed=seed)))

    assert least <= np.mean([one.low <= 1.3 <= one.high for one in found]) <= 0.99


def test_rows_of_one_date_do_not_narrow_an_interval():
    """Ten repetitions of every row change no number but that of the rows."""
    scores, date = day_scores(np.random.default_rng(1), 30)

    once, often = (
        mean_of(scores[rows], draws=draw(date[rows], rows=len(rows)))
        for rows in (np.arange(120), np.repeat(np.arange(120), 10))
    )

    assert pytest.approx((once.value, once.low, once.high)) == (often.value, often.low, often.high)
    assert (120, 1200, 30) == (once.rows, often.rows, often.dates)


def test_totals_are_the_sums_of_the_rows_drawn():
    """A draw holds every row of a date as often as it holds the date."""
    scores, date = day_scores(np.random.default_rng(2), 8)
    draws = draw(date, rows=len(scores), resamples=5)

    by_hand = [sum(scores[date == day].sum() * times for day, times in enumerate(one)) for one in draws.times]

    assert np.allclose(by_hand, draws.totals(scores))
    assert np.allclose(draws.totals(scores), draws.totals_by(scores, np.arange(len(scores)) % 3, 3).sum(axis=1))
    assert (8 == draws.times.sum(axis=1)).all()


def test_the_same_seed_draws_the_same():
    """An interval can be made again."""
    scores, date = day_scores(np.random.default_rng(3), 12)

    first, again, other = (mean_of(scores, draws=draw(date, rows=len(scores), seed=seed)) for seed in (4, 4, 5))

    assert first == again
    assert first.low != other.low


def test_weeks_that_differ_as_a_whole_widen_the_interval():
    """Blocks of days keep what neighbouring dates share."""
    scores = np.repeat(np.random.default_rng(4).normal(size=40), 7)

    by_day, by_week = (mean_of(scores, draws=draw(np.arange(280), rows=280, block_days=n)) for n in (1, 7))

    assert by_week.high - by_week.low > 2 * (by_day.high - by_day.low)


def test_a_few_dates_have_a_mean_and_no_interval():
    """Five dates: the mean is told, its bounds are not."""
    found = mean_of(np.arange(5.0), draws=draw(np.arange(5), rows=5))

    assert (2.0, 5) == (found.value, found.dates)
    assert np.isnan([found.low, found.high]).all()


def test_tails_of_few_blocks_lie_further_out():
    """With ever more blocks the tails of a 90 % interval tend to 5 % and 95 %."""
    low = [tails(0.9, blocks=blocks)[0] for blocks in (6, 20, 100_000)]

    assert low[0] < low[1] < low[2]
    assert pytest.approx(0.05, abs=1e-4) == low[2]


def test_a_distance_that_chance_lifts_is_let_down_again():
    """What the draws add is taken off, end for end; the value itself always stays inside, nothing is below 0."""
    draws = draw(np.arange(50), rows=50)

    lifted = draws.pivoted(0.10, np.linspace(0.12, 0.20, len(draws.times)), centre=0.10)
    low = draws.pivoted(0.01, np.linspace(0.0, 0.2, len(draws.times)), centre=0.01)

    assert 0 < lifted.low < 0.02
    assert 0.10 == lifted.high
    assert 0 == low.low


@pytest.mark.parametrize("level", [0.0, 1.0, float("nan")])
def test_a_level_that_no_interval_has_cannot_be_meant(level):
    """A level lies between 0 and 1."""
    with pytest.raises(Usage, match="level"):
        draw([1, 2], rows=2, level=level)


@pytest.mark.parametrize(("values", "error"), [([np.nan, 1.0], Refused), ([1.0], Usage)])
def test_values_that_are_missing_have_no_mean(values, error):
    """Nothing is left out in silence."""
    with pytest.raises(error):
        mean_of(values, draws=draw([1, 2], rows=2))


def test_no_rows_have_no_mean():
    """An empty slice is no slice."""
    with pytest.raises(Refused):
        mean_of([], draws=draw([], rows=0))
