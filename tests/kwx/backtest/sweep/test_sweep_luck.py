"""The adjusted p-values of many sets: a level that holds where nothing is there, power where something is."""

from __future__ import annotations

import numpy as np
import pytest

from kwx.backtest.sweep.luck import better_than_nothing
from kwx.scoring.resampling import draw


def draws_of(dates: int, *, resamples: int = 500, seed: int = 0):
    return draw(np.arange(dates), rows=dates, resamples=resamples, seed=seed)


def test_one_set_alone_is_the_plain_bootstrap():
    """The p-value is the share of draws, and one, whose stretched distance reaches the mean."""
    gains, draws = np.random.default_rng(1).normal(0.3, 1, (1, 20)), draws_of(20)

    drawn = (draws.times @ gains[0]) / 20 - gains[0].mean()
    reached = (np.sqrt(20 / 19) * drawn >= gains[0].mean()).sum()

    assert pytest.approx((1 + reached) / 501) == better_than_nothing(gains, draws)[0]


def test_the_best_of_many_without_skill_is_seldom_called_better():
    """Of worlds in which 30 related sets gain nothing on the mean, about a tenth show a p-value below a tenth."""
    rng, called = np.random.default_rng(2), 0
    for world in range(200):
        gains = 0.6 * rng.normal(size=(1, 40)) + rng.normal(size=(30, 40))
        called += better_than_nothing(gains, draws_of(40, resamples=300, seed=world)).min() < 0.1

    assert 0.03 <= called / 200 <= 0.17  # three standard errors around a tenth


def test_a_set_that_truly_gains_is_found_among_many_that_do_not():
    """Its p-value is small, those of the others are not, and the order of the sets does not matter."""
    rng = np.random.default_rng(3)
    gains = rng.normal(size=(50, 60))
    gains[17] += 1.0
    draws = draws_of(60)

    p_values = better_than_nothing(gains, draws)

    assert 17 == p_values.argmin()
    assert p_values[17] < 0.01 < np.delete(p_values, 17).min()
    assert np.array_equal(p_values[::-1], better_than_nothing(gains[::-1], draws))


def test_more_sets_never_make_one_of_them_surer():
    """Beside others a set's p-value is at least what it is alone."""
    gains, draws = np.random.default_rng(4).normal(0.2, 1, (25, 30)), draws_of(30)

    together = better_than_nothing(gains, draws)

    alone = np.array([better_than_nothing(own[None], draws)[0] for own in gains])
    assert (together >= alone - 1e-12).all()


def test_sets_without_a_trade_are_no_better_than_nothing_and_few_dates_say_nothing():
    """1 where nothing was gained on any date; NaN where there are no draws."""
    gains = np.stack([np.zeros(20), np.random.default_rng(5).normal(1, 1, 20)])

    assert 1 == better_than_nothing(gains, draws_of(20))[0]
    assert np.isnan(better_than_nothing(gains[:, :3], draws_of(3))).all()
