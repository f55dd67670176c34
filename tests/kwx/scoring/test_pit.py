"""The transform is uniform where forecasts are right, and the test of that is wrong as seldom as it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from kwx.scoring.pit import randomised_pit, uniformity
from warehouse.errors import Refused

FIRST_F, LAST_F = 30, 110


def whole_normals(mean_f, sd_f):
    """Return normals cut to whole degrees."""
    edges = np.arange(FIRST_F, LAST_F + 2) - 0.5
    edges[[0, -1]] = -np.inf, np.inf
    return np.diff(ndtr((edges - mean_f[:, None]) / sd_f), axis=1)


def dependent(rng, *, dates, rows, share):
    """Return uniform numbers [dates · rows] that share a part of their chance within a date, and their dates."""
    z = share**0.5 * rng.normal(size=(dates, 1)) + (1 - share) ** 0.5 * rng.normal(size=(dates, rows))
    return ndtr(z).ravel(), np.repeat(np.arange(dates), rows)


def settled(rng, *, dates, believed_sd_f):
    """Return the transforms of forecasts that believe in one spread while outcomes have 2 °F."""
    mean_f = rng.normal(70, 9, dates)
    outcome_f = np.rint(mean_f + 2 * rng.normal(size=dates)).astype(int)
    return randomised_pit(whole_normals(mean_f, believed_sd_f), first_f=FIRST_F, outcome_f=outcome_f, seed=1)


def test_the_transform_lies_in_the_step_of_the_outcome():
    """It is drawn between P(colder) and P(colder or equal), the same for the same seed."""
    p, outcome_f = [[0.2, 0.5, 0.3]] * 2000, np.full(2000, 71)

    pit = randomised_pit(p, first_f=70, outcome_f=outcome_f, seed=3)

    assert np.array_equal(pit, randomised_pit(p, first_f=70, outcome_f=outcome_f, seed=3))
    assert 0.2 <= pit.min() < 0.21
    assert 0.69 < pit.max() <= 0.7


def test_an_outcome_outside_the_forecast_stands_at_the_end():
    """What was impossible transforms to 0 or 1 exactly."""
    pit = randomised_pit([[0.5, 0.5]] * 2, first_f=70, outcome_f=[69, 72], seed=0)

    assert [0.0, 1.0] == pit.tolist()


@pytest.mark.parametrize(("rows", "share"), [(1, 0.0), (7, 0.6), (24, 0.97)])
def test_right_forecasts_fail_as_often_as_stated(rows, share):
    """However the rows of a date depend on each other, a level of 5 % alarms falsely in about 5 of 100 worlds."""
    rng = np.random.default_rng(rows)

    verdicts = [
        uniformity(pit, dates=dates, level=0.05, draws=200, seed=number).passed
        for number in range(500)
        for pit, dates in [dependent(rng, dates=40, rows=rows, share=share)]
    ]

    assert 0.02 <= 1 - np.mean(verdicts) <= 0.08  # three standard errors around 5 %


def test_right_forecasts_of_whole_degrees_pass():
    """The transform of outcomes drawn from their forecasts is uniform."""
    verdict = uniformity(settled(np.random.default_rng(2), dates=365, believed_sd_f=2.0), dates=np.arange(365))

    assert verdict.passed
    assert pytest.approx(0.5, abs=0.05) == verdict.mean
    assert pytest.approx(1.0, abs=0.2) == verdict.spread


@pytest.mark.parametrize(("believed_sd_f", "wide"), [(1.3, True), (3.2, False)])
def test_a_wrong_spread_is_found(believed_sd_f, wide):
    """Forecasts a third too sure, or too doubtful, fail at 1 %, and the spread says which."""
    verdict = uniformity(
        settled(np.random.default_rng(4), dates=300, believed_sd_f=believed_sd_f), dates=np.arange(300)
    )

    assert not verdict.passed
    assert wide == (verdict.spread > 1)


def test_a_cold_bias_is_found():
    """Outcomes that come warmer than forecast push the transform up."""
    rng = np.random.default_rng(6)
    u, dates = dependent(rng, dates=200, rows=7, share=0.5)

    verdict = uniformity(u**0.7, dates=dates)

    assert not verdict.passed
    assert verdict.mean > 0.55


def test_rows_of_one_date_are_no_independent_evidence():
    """Thirty repetitions of the same dates make a deviation no more certain."""
    u, dates = dependent(np.random.default_rng(7), dates=60, rows=1, share=0.0)

    once, often = (uniformity(np.repeat(u, n), dates=np.repeat(dates, n)) for n in (1, 30))

    assert once.p_value == often.p_value
    assert 1800 == often.rows


@pytest.mark.parametrize(("pit", "dates"), [(np.full(19, 0.5), np.arange(19)), (np.full(30, np.nan), np.arange(30))])
def test_too_few_dates_or_no_numbers_are_refused(pit, dates):
    """The test does not judge where it could not hold its false-alarm rate."""
    with pytest.raises(Refused):
        uniformity(pit, dates=dates)
