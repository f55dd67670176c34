"""Calibration errors: hand-made bins, both kinds of bins, what chance alone makes, and intervals by date."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwx.scoring.calibration import (
    Bins,
    bins_of,
    calibration_error,
    calibration_error_of,
    largest_calibration_error,
)
from kwx.scoring.corp import sort_forecasts
from kwx.scoring.resampling import draw
from warehouse.errors import Refused, Usage

rows = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


def test_the_calibration_error_is_the_mean_gap_of_its_bins():
    """Half the rows at 0.2 with hits of 0.5, half at 0.8 with hits of 1: the gaps are 0.3 and 0.2."""
    p, hit = np.repeat([0.2, 0.8], 10), np.repeat([True, False, True], [5, 5, 10])
    forecasts = sort_forecasts(p)

    assert pytest.approx(0.25) == calibration_error(forecasts, forecasts.hits(hit), bins=10)


def test_the_calibration_error_does_not_care_for_the_order_of_rows():
    """Equal forecasts share a bin, whatever came first."""
    p, hit = np.repeat([0.0, 0.3, 0.9], [50, 7, 9]), np.arange(66) % 3 == 0
    forecasts, turned = sort_forecasts(p), sort_forecasts(p[::-1])

    assert calibration_error(forecasts, forecasts.hits(hit)) == calibration_error(turned, turned.hits(hit[::-1]))


def binned_by_hand(p, hit, bins):
    """Return the ECE over bins of equal width, bin by bin."""
    which = np.minimum((p * bins).astype(int), bins - 1)
    return sum((which == bin).mean() * abs(hit[which == bin].mean() - p[which == bin].mean()) for bin in set(which))


@given(rows=rows, bins=st.integers(1, 20))
def test_bins_of_equal_width_are_pieces_of_the_unit_interval(rows, bins):
    """Every bin counts as many rows as it has, and an empty one nothing."""
    p, hit = np.array([p for p, _ in rows]), np.array([hit for _, hit in rows])
    forecasts = sort_forecasts(p)

    found = calibration_error(forecasts, forecasts.hits(hit), bins=bins, by=Bins.WIDTH)

    assert pytest.approx(binned_by_hand(p, hit, bins), abs=1e-12) == found


@given(rows=rows, by=st.sampled_from(Bins))
def test_no_error_is_larger_than_the_largest_nor_than_one(rows, by):
    """0 ≤ ECE ≤ MCE ≤ 1, in both kinds of bins."""
    p, hit = np.array([p for p, _ in rows]), np.array([hit for _, hit in rows])
    forecasts = sort_forecasts(p)
    hits = forecasts.hits(hit)

    mean, most = (error(forecasts, hits, by=by) for error in (calibration_error, largest_calibration_error))

    assert 0 <= mean <= most + 1e-12 <= 1 + 2e-12


def test_bins_of_equal_mass_hold_as_many_rows_each():
    """Fifteen bins of 1,500 distinct forecasts hold a hundred each, wherever the forecasts crowd."""
    forecasts = sort_forecasts(np.random.default_rng(1).beta(0.3, 2, 1500))

    assert {100} == set(np.bincount(bins_of(forecasts)))


@pytest.mark.parametrize("by", list(Bins))
def test_shares_that_come_as_forecast_have_no_error(by):
    """At each of ten forecasts exactly that share comes true."""
    p = np.repeat(np.arange(1, 11) / 20, 20)
    hit = np.arange(200) % 20 < np.rint(p * 20)

    assert pytest.approx(0, abs=1e-12) == calibration_error(sort_forecasts(p), sort_forecasts(p).hits(hit), by=by)


@pytest.mark.parametrize("by", list(Bins))
def test_calibrated_forecasts_err_by_chance_alone(world, by):
    """The error of calibrated forecasts shrinks with the root of the rows; its interval takes much of it away."""
    few, many = (world(dates=dates, seed=5) for dates in (60, 6000))

    small, large = (
        calibration_error_of(made.p, hit=made.hit, draws=draw(made.date, rows=len(made.p)), by=by)
        for made in (many, few)
    )

    assert small.value < 0.01 < large.value < 0.15
    assert small.low < 0.001
    assert large.low < 0.6 * large.value
    assert (360, 60) == (large.rows, large.dates)


@pytest.mark.parametrize("by", list(Bins))
def test_an_error_that_is_no_chance_lies_in_its_interval(world, by):
    """Forecasts of 0.2 too much for the one, too little for the other, on many dates."""
    rng = np.random.default_rng(2)
    p = np.where(np.arange(3000) % 2 == 0, 0.3, 0.6)
    hit = rng.random(3000) < p + np.where(p < 0.5, 0.1, -0.1)

    found = calibration_error_of(p, hit=hit, draws=draw(np.arange(3000) // 6, rows=3000), by=by)

    assert 0.05 < found.low < 0.1 < found.high < 0.15


def test_no_bins_and_no_forecasts_are_no_error():
    """What cannot be meant is refused."""
    with pytest.raises(Usage):
        bins_of(sort_forecasts([0.5]), bins=0)
    with pytest.raises(Refused):
        calibration_error_of([np.nan], hit=[1], draws=draw([1], rows=1))
