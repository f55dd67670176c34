"""How far the air is from its forecast, on curves written by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from kwx.features.tmax.day_so_far import day_so_far
from kwx.features.tmax.inputs import TmaxInputs
from kwx.features.tmax.surprise import Surprise, surprise
from warehouse.market.climate_day import ClimateDay


def with_curves(inputs: TmaxInputs, *curves: tuple[str, float, dict[int, float]]) -> Surprise:
    """Return the surprises of curves of a source, known at an hour of the first day: degrees by hour."""
    day = ClimateDay(inputs.city, inputs.dates[0])
    rows = [
        {
            "event_date": day.event_date, "source": source, "issued_utc": day.start_utc + timedelta(hours=known),
            "known_utc": day.start_utc + timedelta(hours=known), "valid_utc": day.start_utc + timedelta(hours=hour),
            "temp_f": temp_f,
        }
        for source, known, curve in curves
        for hour, temp_f in curve.items()
    ]  # fmt: skip
    changed = replace(inputs, curves=pl.DataFrame(rows, schema=inputs.curves.schema))
    return surprise(changed, day_so_far(changed))


def test_the_air_is_measured_on_the_line_between_the_hours(chicago: TmaxInputs):
    """At half past nine the curve stands halfway between nine and noon by half of a third."""
    so_far = day_so_far(chicago)
    step = 12 * 10
    minute = 5 * step - so_far.stale_minutes[0, step]

    told = with_curves(chicago, ("nbm", -5, {9: 50.0, 12: 56.0}))

    expected = 50 + 6 * (minute - 540) / 180
    assert told.now_f[0, step] == pytest.approx(so_far.last_f[0, step] - expected)
    assert np.isnan(told.now_f[0, : 12 * 9]).all()
    assert np.isnan(told.now_f[1:]).all()


def test_hours_far_apart_are_no_curve(chicago: TmaxInputs):
    """From six to six nobody can tell the noon."""
    assert np.isnan(with_curves(chicago, ("nbm", -5, {6: 50.0, 18: 56.0})).now_f).all()


def test_a_newer_curve_counts_from_when_it_is_known(chicago: TmaxInputs):
    """Not for the steps before, and not for hours of which it does not speak."""
    old = dict.fromkeys(range(1, 25), 50.0)
    plain = with_curves(chicago, ("nbm", -5, old))
    newer = with_curves(chicago, ("nbm", -5, old), ("nbm", 10, dict.fromkeys(range(15, 25), 60.0)))

    np.testing.assert_array_equal(newer.now_f[0, : 12 * 14], plain.now_f[0, : 12 * 14])
    np.testing.assert_array_equal(newer.rest_f[0, : 12 * 10], plain.rest_f[0, : 12 * 10])
    assert newer.rest_f[0, 12 * 10] == 60
    assert newer.now_f[0, 12 * 20] == pytest.approx(plain.now_f[0, 12 * 20] - 10)


def test_the_rest_of_the_day_is_what_the_curve_says_of_the_hours_to_come(chicago: TmaxInputs):
    """It falls when the peak is past, and at the end there is none; midnight is not the eve's to know."""
    curve = {hour: 70.0 - abs(hour - 15) for hour in range(1, 25)}
    told = with_curves(chicago, ("vc", -20, curve))

    assert told.rest_f[0, [12 * 9, 12 * 14, 12 * 15, 12 * 20]].tolist() == [70, 70, 69, 64]
    assert np.isnan(told.rest_f[0, [0, 288]]).all()
    np.testing.assert_allclose(told.shifted_f, told.rest_f + told.recent_f)


def test_sources_count_alike(chicago: TmaxInputs):
    """The mean of two curves is one curve."""
    one, other = dict.fromkeys(range(1, 25), 50.0), dict.fromkeys(range(1, 25), 54.0)
    both = with_curves(chicago, ("nbm", -5, one), ("vc", -5, other))
    mean = with_curves(chicago, ("nbm", -5, dict.fromkeys(range(1, 25), 52.0)))

    np.testing.assert_allclose(both.now_f, mean.now_f)
    np.testing.assert_allclose(both.mean_f, mean.mean_f)
