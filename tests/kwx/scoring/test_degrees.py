"""Scores over whole degrees: the oracle's numbers, propriety, and nothing scored that is no distribution."""

from __future__ import annotations

import numpy as np
import pytest
import scoringrules
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kwx.scoring.degrees import crps, log_loss, mass_at
from kwx.scoring.normal import crps_of_normal
from warehouse.errors import Refused, Usage

RNG = np.random.default_rng(5)
ROWS, WIDTH = 300, 40
P = RNG.dirichlet(np.full(WIDTH, 0.3), ROWS)
FIRST_F = RNG.integers(-30, 90, ROWS)
OUTCOME_F = FIRST_F + RNG.integers(-5, WIDTH + 5, ROWS)

pmfs = arrays(float, 7, elements=st.floats(0.01, 1)).map(lambda weights: weights / weights.sum())


def expected_score(score, forecast, truth):
    """Return the mean score of a forecast when outcomes follow the truth."""
    outcomes = np.arange(len(truth))
    return float(truth @ score(np.tile(forecast, (len(truth), 1)), first_f=0, outcome_f=outcomes))


def test_the_crps_is_that_of_a_weighted_ensemble_of_degrees():
    """The CRPS of whole degrees is the one of the step distribution, inside and outside its degrees."""
    degrees = FIRST_F[:, None] + np.arange(WIDTH)

    expected = scoringrules.crps_ensemble(OUTCOME_F, degrees, ens_w=P, estimator="nrg", backend="numpy")

    assert (OUTCOME_F < FIRST_F).any()
    assert (OUTCOME_F >= FIRST_F + WIDTH).any()
    assert np.abs(expected - crps(P, first_f=FIRST_F, outcome_f=OUTCOME_F)).max() < 1e-10


def test_the_crps_of_fine_degrees_tends_to_the_closed_form_of_a_normal():
    """A normal cut into whole degrees scores like the normal where a degree is small beside its spread."""
    from scipy.special import ndtr

    mean, sd, outcome = np.array([60.2, 70.7]), np.array([50.0, 60.0]), np.array([31, 190])
    edges = np.arange(-500, 702) - 0.5
    p = np.diff(ndtr((edges - mean[:, None]) / sd[:, None]), axis=1)

    expected = crps_of_normal(mean, sd=sd, outcome=outcome)

    assert np.abs(expected - crps(p / p.sum(axis=1, keepdims=True), first_f=-500, outcome_f=outcome)).max() < 0.01


def test_many_rows_score_as_one_by_one():
    """Rows do not know of each other, nor of the chunks they are scored in."""
    p = np.tile(P, (20, 1))
    first_f, outcome_f = np.tile(FIRST_F, 20), np.tile(OUTCOME_F, 20)

    together = crps(p, first_f=first_f, outcome_f=outcome_f)

    assert np.array_equal(np.tile(crps(P, first_f=FIRST_F, outcome_f=OUTCOME_F), 20), together)


def test_the_log_loss_is_that_of_the_probability_of_the_outcome():
    """Only the probability of what came counts; below the floor it counts as the floor, also where it is none."""
    at = mass_at(P, first_f=FIRST_F, outcome_f=OUTCOME_F)[1]

    losses = log_loss(P, first_f=FIRST_F, outcome_f=OUTCOME_F)

    assert np.abs(scoringrules.log_score(1, np.maximum(at, 1e-4)) - losses).max() < 1e-10
    assert pytest.approx(-np.log(1e-4)) == losses.max()


@given(forecast=pmfs, truth=pmfs)
def test_no_forecast_beats_the_truth(forecast, truth):
    """CRPS and log loss are proper: in expectation the true distribution scores best."""
    assert expected_score(crps, truth, truth) <= expected_score(crps, forecast, truth) + 1e-12
    assert expected_score(log_loss, truth, truth) <= expected_score(log_loss, forecast, truth) + 1e-12


@given(pmf=pmfs, outcome=st.integers(-9, 15), shift=st.integers(-200, 200))
def test_scores_do_not_care_where_zero_degrees_is(pmf, outcome, shift):
    """A shift of forecast and outcome changes no score."""
    here = crps(pmf[None], first_f=3, outcome_f=outcome)

    assert here == crps(pmf[None], first_f=3 + shift, outcome_f=outcome + shift)


@given(pmf=pmfs, outcome=st.integers(-3, 9), left=st.integers(0, 4), right=st.integers(0, 4))
def test_degrees_without_mass_change_nothing(pmf, outcome, left, right):
    """Zeros to either side of a distribution change no score."""
    wide = np.concatenate([np.zeros(left), pmf, np.zeros(right)])[None]

    expected = crps(pmf[None], first_f=0, outcome_f=outcome)

    assert pytest.approx(expected, abs=1e-12) == crps(wide, first_f=-left, outcome_f=outcome)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ([0.5, np.nan], "holds nan|sums to nan"),
        ([1.2, -0.2], "holds -0.2"),
        ([0.5, 0.4], "sums to 0.9"),
        ([np.inf, 0.0], "sums to inf"),
        ([0.0, 0.0], "sums to 0"),
    ],
)
def test_what_is_no_distribution_is_refused(row, says):
    """NaN, negative mass and mass that is not one are named with their row, never scored."""
    with pytest.raises(Refused, match=f"row 1 is no distribution: it ({says})"):
        crps([[0.5, 0.5], row], first_f=0, outcome_f=0)


@pytest.mark.parametrize("outcome_f", [[71.5, 71], [np.nan, 71]])
def test_an_outcome_that_is_no_whole_degree_is_refused(outcome_f):
    """Settlements are whole; a fraction or a missing one is not rounded away."""
    with pytest.raises(Refused, match=r"outcome_f\[0\]"):
        crps([[0.5, 0.5], [1, 0]], first_f=70, outcome_f=outcome_f)


@pytest.mark.parametrize(("p", "outcome_f"), [([0.5, 0.5], 70), ([[0.5, 0.5]], [70, 71]), (np.empty((2, 0)), 70)])
def test_shapes_that_do_not_fit_cannot_be_meant(p, outcome_f):
    """One distribution a row and one outcome a row."""
    with pytest.raises(Usage):
        crps(p, first_f=70, outcome_f=outcome_f)


def test_no_rows_have_no_scores():
    """An empty selection scores nothing and breaks nothing."""
    empty = np.empty((0, 5))

    assert 0 == len(crps(empty, first_f=70, outcome_f=70)) == len(log_loss(empty, first_f=70, outcome_f=70))


def test_the_closed_form_of_a_normal_is_the_oracles():
    """The CRPS of a normal, far outcomes included; without spread it is the absolute error."""
    mean, sd = RNG.normal(70, 20, 200), RNG.uniform(0.1, 9, 200)
    outcome = mean + sd * RNG.normal(0, 4, 200)

    assert (
        np.abs(scoringrules.crps_normal(outcome, mean, sd) - crps_of_normal(mean, sd=sd, outcome=outcome)).max() < 1e-10
    )
    assert [3.0] == crps_of_normal([70.0], sd=[0.0], outcome=[73.0]).tolist()
    with pytest.raises(Refused, match="negative"):
        crps_of_normal([70.0], sd=[-1.0], outcome=[73.0])
