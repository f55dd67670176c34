"""Past highs as a forecast: seasonal, whole, never impossible, and a fair reference."""

from __future__ import annotations

import numpy as np
import pytest

from kwx.scoring.climatology import FLOOR, climatology_pmf
from kwx.scoring.degrees import crps
from warehouse.errors import Refused, Usage

DAYS = np.tile(np.arange(1, 366), 4)
RNG = np.random.default_rng(12)


def high_f(days, rng):
    """Return highs with a season of ±20 °F and 6 °F of weather."""
    season_f = 70 - 20 * np.cos(2 * np.pi * (days - 20) / 365.25)
    return np.rint(season_f + 6 * rng.normal(size=len(days))).astype(int)


HIGHS_F = high_f(DAYS, RNG)


def test_every_day_has_a_whole_distribution_without_zeros():
    """Each row sums to one and no degree of the range is impossible."""
    first_f, p = climatology_pmf(HIGHS_F, DAYS, np.arange(1, 367))

    assert HIGHS_F.min() - 15 == first_f
    assert np.allclose(p.sum(axis=1), 1)
    assert p.min() >= FLOOR / p.shape[1]


def test_it_follows_the_season_across_new_year():
    """The mean of a day lies near its season, also where the window reaches into the other year."""
    asked = np.array([1, 20, 110, 202, 365])

    first_f, p = climatology_pmf(HIGHS_F, DAYS, asked)

    mean_f = p @ (first_f + np.arange(p.shape[1]))
    assert np.abs(mean_f - (70 - 20 * np.cos(2 * np.pi * (asked - 20) / 365.25))).max() < 2.5
    assert abs(mean_f[0] - mean_f[-1]) < 0.5


def test_a_range_is_kept_and_mass_beyond_it_left_out():
    """Both ends of the range asked for are degrees of the distribution."""
    first_f, p = climatology_pmf(HIGHS_F, DAYS, 200, range_f=(-10, 130))

    assert (-10, (1, 141)) == (first_f, p.shape)
    assert pytest.approx(1) == p.sum()


def test_it_is_nearly_as_good_as_the_truth_and_better_than_one_for_all_year():
    """Four years of highs come within 8 % of the best CRPS of later highs, far ahead of a forecast without seasons."""
    later_days = np.arange(1, 366)
    later_f = high_f(later_days, np.random.default_rng(13))
    best = 6 / np.sqrt(np.pi)

    first_f, p = climatology_pmf(HIGHS_F, DAYS, later_days)
    same_first_f, same = climatology_pmf(HIGHS_F, DAYS, np.full(365, 1), half_width_days=400)

    assert crps(p, first_f=first_f, outcome_f=later_f).mean() < 1.08 * best
    assert crps(same, first_f=same_first_f, outcome_f=later_f).mean() > 2 * best


@pytest.mark.parametrize(
    ("highs_f", "days", "asked", "says"),
    [
        ([], [], 100, "no past highs"),
        ([70] * 20, [10] * 20, 200, "0 past highs within 30 days of day 200"),
        ([70.5] * 20, [10] * 20, 10, "not whole"),
        ([np.nan] * 20, [10] * 20, 10, "nan"),
        ([70] * 20, [0] * 20, 10, "days of the year"),
        ([70] * 20, [10] * 20, 367, "days of the year"),
    ],
)
def test_past_highs_that_cannot_carry_a_forecast_are_refused(highs_f, days, asked, says):
    """Too few, missing or impossible highs are named."""
    with pytest.raises(Refused, match=says):
        climatology_pmf(highs_f, days, asked)


def test_a_high_outside_the_range_is_refused():
    """A range that some past high contradicts is wrong."""
    with pytest.raises(Refused, match="outside the range"):
        climatology_pmf([70] * 20, [10] * 20, 10, range_f=(80, 90))


@pytest.mark.parametrize("wrong", [{"floor": 0.0}, {"floor": 1.0}, {"half_width_days": -1}])
def test_smoothing_that_cannot_be_meant_is_refused(wrong):
    """Without a floor some degree is impossible."""
    with pytest.raises(Usage):
        climatology_pmf([70] * 20, [10] * 20, 10, **wrong)
