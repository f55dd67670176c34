"""The parts of a Brier score: exact values, intervals that hold them, cells that hide nothing."""

from __future__ import annotations

import numpy as np
import pytest

from kwx.scoring.corp import brier_parts
from kwx.scoring.parts import brier_parts_of
from kwx.scoring.resampling import draw


def found_in(made, **options):
    """Return the parts of a world, with their intervals."""
    return brier_parts_of(made.p, hit=made.hit, draws=draw(made.date, rows=len(made.p), **options))


def test_the_values_are_exact_and_the_intervals_hold_them(world):
    """Cells serve the intervals alone."""
    made = world(dates=400, seed=2)
    exact = brier_parts(made.p, hit=made.hit)

    parts = found_in(made)

    assert exact.miscalibration == parts.miscalibration.value
    assert exact.discrimination == parts.discrimination.value
    assert exact.uncertainty == parts.uncertainty.value
    for part in (parts.miscalibration, parts.discrimination, parts.uncertainty):
        assert part.low <= part.value <= part.high


def test_the_miscalibration_of_calibrated_forecasts_reaches_to_nothing(world):
    """Recalibration finds something to mend in chance itself; the interval knows it."""
    lows = [found_in(world(dates=120, seed=seed)).miscalibration.low for seed in range(20)]

    assert max(lows) < 0.002
    assert np.median(lows) < 0.0005


def test_forecasts_too_sure_of_themselves_are_surely_miscalibrated(world):
    """The interval leaves 0, and holds what ten times as many dates show."""
    few, many = (found_in(world(dates=dates, seed=9, doubt=0.5)) for dates in (365, 3650))

    assert 0.005 < few.miscalibration.low < many.miscalibration.value < few.miscalibration.high


def test_the_share_of_hits_has_the_interval_of_its_variance():
    """With one row a date the uncertainty is that of a share of 30 of 100."""
    p, hit = np.full(100, 0.3), np.arange(100) < 30

    part = brier_parts_of(p, hit=hit, draws=draw(np.arange(100), rows=100)).uncertainty

    assert pytest.approx(0.21) == part.value
    assert pytest.approx(0.21 - 0.4 * 1.96 * 0.0458, abs=0.01) == part.low


def test_a_few_dates_have_parts_and_no_intervals(world):
    """Five dates: the parts are told, their bounds are not."""
    parts = found_in(world(dates=5, seed=1))

    assert parts.uncertainty.value > 0
    assert np.isnan([parts.miscalibration.low, parts.discrimination.high, parts.uncertainty.low]).all()
