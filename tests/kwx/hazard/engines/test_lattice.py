"""The exact engine: the laws that a maximum of a Gauss–Markov chain obeys, and its own limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import multivariate_normal

from kwx.hazard.engines import lattice
from kwx.hazard.engines.lattice import Lattice
from kwx.hazard.question import LEAST_SIGMA_F, STEPS, Noise, Question

SIGMA_F = np.repeat([0.22, 0.25, 0.30, 0.45, 0.55, 0.50, 0.35, 0.25], 36)[None]
STEP = np.arange(STEPS + 1)
CURVE_F = 75 - 10 * np.cos(2 * np.pi * (STEP - 24) / STEPS)
LOWEST_F, DEGREES = 64.5, 36


def question(steps, *, noise=None, curve_f=CURVE_F, residual_f=0.3, record_f=-500.0, **said) -> Question:
    """Return evaluations at some steps, all of them alike but for what is said."""
    step = np.asarray(steps)
    same = np.ones(len(step))
    record = record_f * same
    return Question(
        **(
            {
                "noise": noise or Noise(rho=0.98, sigma_f=SIGMA_F),
                "curves_f": np.atleast_2d(curve_f),
                "first_threshold_f": np.array([LOWEST_F]),
                "thresholds": DEGREES,
                "curve": np.zeros(len(step), dtype=np.int64),
                "seeds": np.zeros(len(step), dtype=np.int64),
                "step": step,
                "now_step": step,
                "residual_f": residual_f * same,
                "residual_sd_f": 0 * same,
                "bias_f": 0 * same,
                "bias_sd_f": 0 * same,
                "tail_dof": None,
                "record_f": record[:, None],
                "record_p": same[:, None],
            }
            | said
        )
    )


def answers(*steps, step_f=0.25, **said) -> np.ndarray:
    """Return P(no later step above the threshold) at some steps."""
    return Lattice(step_f=step_f).answer(question(steps, **said)).below


THRESHOLDS_F = LOWEST_F + np.arange(DEGREES)


def test_one_step_before_midnight_the_answer_is_one_normal_tail():
    """With one step left the maximum is that step."""
    below = answers(STEPS - 1, residual_f=-1.7, step_f=0.1)

    expected = ndtr((THRESHOLDS_F - CURVE_F[-1] - 0.98 * -1.7) / SIGMA_F[0, -1])
    np.testing.assert_allclose(below[0], expected, atol=2e-6)


def test_without_persistence_the_steps_are_independent():
    """With rho = 0 the chance is the product over the steps."""
    noise = Noise(rho=0.0, sigma_f=4 * SIGMA_F)

    below = answers(140, noise=noise)

    expected = ndtr((THRESHOLDS_F[:, None] - CURVE_F[141:]) / noise.sigma_f[0, 140:]).prod(axis=1)
    np.testing.assert_allclose(below[0], expected, atol=2e-5)


def test_a_few_steps_agree_with_the_multivariate_normal():
    """P(all of them below) is a cell of their joint normal law, worked out by other means."""
    start, left = STEPS - 5, 5
    spread = SIGMA_F[0, start:]
    shocks = np.array([[0.98 ** (k - j) * spread[j] if j <= k else 0.0 for j in range(left)] for k in range(left)])
    mean_f = CURVE_F[start + 1 :] + 0.98 ** np.arange(1, left + 1) * 0.3

    below = answers(start, step_f=0.1)

    law = multivariate_normal(mean_f, shocks @ shocks.T, abseps=1e-7, releps=1e-7, maxpts=200_000, seed=3)
    expected = [law.cdf(np.full(left, threshold_f)) for threshold_f in THRESHOLDS_F]
    np.testing.assert_allclose(below[0], expected, atol=3e-5)


def test_a_day_warmer_throughout_moves_the_answer_as_much():
    """A constant added to the curve and to the thresholds changes nothing."""
    moved = replace(question([30, 150]), curves_f=CURVE_F[None] + 7.3, first_threshold_f=np.array([LOWEST_F + 7.3]))

    np.testing.assert_allclose(Lattice().answer(moved).below, answers(30, 150), atol=1e-6)


def test_a_bias_is_a_warmer_curve_with_the_same_air_now():
    """Delta moves the curve up and the residual down, and need not be a whole step of the lattice."""
    biased = answers(100, 160, bias_f=np.full(2, 0.37))

    np.testing.assert_allclose(biased, answers(100, 160, curve_f=CURVE_F + 0.37, residual_f=0.3 - 0.37), atol=3e-5)


@pytest.mark.parametrize("sd_f", [0.2, 0.7, 1.4, 3.0])
def test_a_spread_of_biases_is_the_mean_over_them(sd_f):
    """The mixture over the normal law of delta equals a fine sum of single biases."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    single = question(np.full(41, 110), bias_f=0.6 + sd_f * nodes)

    mixed = answers(110, bias_f=np.array([0.6]), bias_sd_f=np.array([sd_f]))

    expected = (weights / weights.sum()) @ Lattice().answer(single).below
    np.testing.assert_allclose(mixed[0], expected, atol=1e-4)


def test_student_tails_are_heavier_than_normal_ones():
    """With few degrees of freedom the far thresholds are crossed more often, the near ones hardly."""
    spread = {"bias_f": np.zeros(1), "bias_sd_f": np.array([1.2])}

    heavy, normal = (1 - answers(110, tail_dof=dof, **spread)[0] for dof in (3.0, None))

    far = np.searchsorted(-normal, -1e-4)
    assert heavy[far] > 3 * normal[far]
    assert abs(heavy - normal).max() < 0.06


def test_an_uncertain_state_is_the_mean_over_states():
    """residual_sd_f spreads the air now over the nodes of the lattice."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    certain = question(np.full(41, 165), residual_f=0.3 + 0.52 * nodes)

    spread = answers(165, residual_sd_f=np.array([0.52]))

    np.testing.assert_allclose(spread[0], (weights / weights.sum()) @ Lattice().answer(certain).below, atol=5e-5)


def test_of_air_that_is_not_known_the_bias_takes_nothing_away():
    """A residual of NaN is normal around the biased curve."""
    spread = np.array([1.1])

    unknown = answers(0, residual_f=np.nan, residual_sd_f=spread, bias_f=np.array([2.0]))

    np.testing.assert_allclose(
        unknown, answers(0, curve_f=CURVE_F + 2, residual_f=0.0, residual_sd_f=spread), atol=2e-5
    )


def test_innovations_may_depend_on_the_lead():
    """A law whose buckets of leads are all alike is the law without them; one that is calmer at first is not."""
    alike = Noise(rho=0.98, sigma_f=np.repeat(SIGMA_F, 3, axis=0), lead_steps=(0, 12, 36))
    calm = replace(alike, sigma_f=alike.sigma_f * np.array([[0.5], [1], [1]]))

    plain, same, other = (answers(90, 140, 170, noise=noise) for noise in (None, alike, calm))

    np.testing.assert_allclose(plain, same, atol=1e-5)
    assert abs(plain - other).max() > 0.01


@pytest.mark.parametrize("residual_f", [-1.4, 0.3, 1.1])
def test_the_default_lattice_is_exact_above_the_air_and_good_beside_it(residual_f):
    """A degree above the air now 1.5e-4 holds at every step; within a degree of it, where nodes are coarse, 5e-3."""
    asked = question(np.arange(0, STEPS, 7), residual_f=residual_f)
    above = THRESHOLDS_F >= (CURVE_F[asked.step] + residual_f + 1)[:, None]

    error = abs(Lattice(step_f=0.0625).answer(asked).below - Lattice().answer(asked).below)

    assert error[above].max() < 1.5e-4
    assert error.max() < 5e-3


@pytest.mark.parametrize(("step_f", "error"), [(0.2, 1.5e-3), (0.125, 5e-5), (0.1, 5e-5)])
def test_a_finer_lattice_is_more_exact(step_f, error):
    """Also beside the air and in its calmest hours the error falls fast with the step."""
    asked = question(np.arange(140, STEPS, 7), residual_f=1.1)

    finer, finest = (Lattice(step_f=step).answer(asked).below for step in (step_f, 0.0625))

    np.testing.assert_allclose(finer, finest, atol=error)


def test_a_batch_says_what_each_says_alone():
    """Days that are swept together do not touch each other."""
    curves_f = CURVE_F + np.array([[0.0], [1.3], [-6.0]])
    alone = [answers(60, curve_f=curve_f)[0] for curve_f in curves_f]

    together = answers(
        60, 60, 60, curves_f=curves_f, curve=np.arange(3), first_threshold_f=np.full(3, LOWEST_F)
    )  # fmt: skip

    np.testing.assert_allclose(together, alone, atol=2e-6)


def test_air_without_shocks_is_given_a_little():
    """Sigma = 0 is answered as LEAST_SIGMA_F: never a NaN, never a division by zero."""
    still = Noise(rho=0.98, sigma_f=0 * SIGMA_F)

    below = answers(250, noise=still)

    assert np.isfinite(below).all()
    np.testing.assert_array_equal(below, answers(250, noise=Noise(rho=0.98, sigma_f=0 * SIGMA_F + LEAST_SIGMA_F)))


def test_after_the_last_step_nothing_more_can_come():
    """At the closing midnight every threshold is kept, and no new maximum is possible."""
    answer = Lattice().answer(question([STEPS], record_f=80.5))

    assert (1.0, 0.0, 0.0) == (answer.below.min(), answer.record_5m[0], answer.record_60m[0])


def test_the_hazards_are_what_the_thresholds_say_near_midnight():
    """With an hour left, a new maximum within the hour is a maximum above the record by midnight."""
    answer = Lattice().answer(question([STEPS - 12], record_f=THRESHOLDS_F[3]))

    assert 1 - answer.below[0, 3] == pytest.approx(answer.record_60m[0], abs=3e-4)


def test_the_next_five_minutes_are_a_closed_form():
    """With no late report, hazard_next_5m is one normal tail, the day bias summed out."""
    asked = question([150], record_f=86.5, bias_f=np.array([0.5]), bias_sd_f=np.array([1.0]))

    hazard = Lattice().answer(asked).record_5m[0]

    mean_f = CURVE_F[151] + 0.5 + 0.98 * (0.3 - 0.5)
    spread_f = np.hypot(SIGMA_F[0, 150], 1.0 * (1 - 0.98))
    assert hazard == pytest.approx(ndtr((mean_f - 86.5) / spread_f), abs=1e-6)


def test_a_late_report_leaves_more_steps_for_a_new_maximum():
    """What has passed unreported can have been a maximum too; a day's silence is carried through as well."""
    record = {"record_f": 84.5}
    prompt, late, silent = (
        Lattice().answer(question([140], now_step=np.array([now]), **record)) for now in (140, 142, 280)
    )

    assert prompt.record_5m[0] < late.record_5m[0] < silent.record_5m[0]
    assert silent.record_60m[0] == pytest.approx(1 - silent.below[0, 20], abs=1e-3)


def test_an_ambiguous_record_mixes_its_hazards():
    """Each degree that the running maximum can mean counts with its chance."""
    certain = [Lattice().answer(question([150], record_f=record)).record_60m[0] for record in (84.5, 85.5)]
    mixed = question([150], record_f=1.0, record_p=np.array([[0.3, 0.7]]))

    answer = Lattice().answer(replace(mixed, record_f=np.array([[84.5, 85.5]])))

    assert 0.3 * certain[0] + 0.7 * certain[1] == pytest.approx(answer.record_60m[0], abs=1e-6)


def test_without_a_maximum_there_is_no_hazard():
    """Before the first report of a day there is nothing to exceed."""
    answer = Lattice().answer(question([0], record_f=np.nan))

    assert np.isnan([answer.record_5m[0], answer.record_60m[0]]).all()
    assert np.isfinite(answer.below).all()


@pytest.mark.parametrize("tail_dof", [None, 3.0])
@pytest.mark.parametrize("sd_f", [0.05, 0.4, 1.0, 1.6, 2.4, 5.0])
def test_the_hazard_of_the_hour_under_a_spread_of_biases_is_the_mean_over_them(sd_f, tail_dof):
    """Few values of delta, and fewer for a record that is unlikely, are as good as many for each."""
    delta = np.linspace(-6, 6, 121)
    density = density_of(delta, tail_dof)
    single = with_records(question(np.full(121, 150), bias_f=sd_f * delta))

    mixed = Lattice().answer(with_records(question([150], bias_sd_f=np.array([sd_f]), tail_dof=tail_dof)))

    expected = density @ Lattice().answer(single).record_60m
    assert expected == pytest.approx(mixed.record_60m[0], abs=1.5e-4)


def density_of(delta: np.ndarray, tail_dof: float | None) -> np.ndarray:
    """Return the weights of evenly spaced values of a standard day bias, the outermost being where it is cut."""
    density = np.exp(-0.5 * delta**2) if tail_dof is None else (1 + delta**2 / tail_dof) ** (-(tail_dof + 1) / 2)
    density[[0, -1]] /= 2
    return density / density.sum()


def with_records(asked: Question) -> Question:
    """Return a question whose running maxima are known as bulletins tell them: one degree, or a few more."""
    shape = (len(asked), 1)
    return replace(
        asked, record_f=np.tile(85.2 + np.arange(5.0), shape), record_p=np.tile([0.79, 0.2, 0.006, 0.003, 0.001], shape)
    )


FLAT_CURVE_F = 75 - 0.15 * np.maximum(abs(STEP - 190) - 40, 0)


@pytest.mark.parametrize("tail_dof", [None, 3.0])
@pytest.mark.parametrize("sd_f", [0.3, 0.7, 1.26, 3.0])
def test_a_bias_is_summed_as_well_on_a_day_that_is_warm_for_hours(sd_f, tail_dof):
    """Where the maximum is the sharpest beside the spread of the residuals, few biases are as good as many."""
    noise, delta = Noise(rho=0.95, sigma_f=np.full((1, STEPS), 0.55)), np.linspace(-6, 6, 241)
    alike = {"noise": noise, "curve_f": FLAT_CURVE_F}

    mixed = answers(60, **alike, bias_f=np.array([0.6]), bias_sd_f=np.array([sd_f]), tail_dof=tail_dof)

    single = answers(*np.full(241, 60), **alike, bias_f=0.6 + sd_f * delta)
    np.testing.assert_allclose(mixed[0], density_of(delta, tail_dof) @ single, atol=1e-4)


@pytest.mark.parametrize("spread_f", [0.0, 0.3])
def test_many_evaluations_in_one_state_say_what_each_says_alone(spread_f):
    """Under biases that are certain and leave the same state, the level of the thresholds is all that differs."""
    bias_f = np.linspace(-4, 4, 41)
    many = question(
        np.full(41, 150), bias_f=bias_f, residual_f=bias_f + 0.13, residual_sd_f=np.full(41, spread_f)
    )  # fmt: skip

    together = Lattice().answer(many).below

    for place in range(0, 41, 8):
        curve_f, state = CURVE_F + bias_f[place], {"residual_f": 0.13, "residual_sd_f": np.array([spread_f])}
        np.testing.assert_allclose(together[place], answers(150, curve_f=curve_f, **state)[0], atol=1e-4)


@pytest.mark.parametrize("tail_dof", [None, 3.0])
def test_barriers_that_are_taken_for_sure_or_hopeless_are(monkeypatch, tail_dof):
    """Sweeping all barriers within eight standard deviations instead of those that are likely changes nothing."""
    steps, residual_f = np.tile(np.arange(0, STEPS, 12), 2), np.repeat([-5.0, 4.0], 24)
    asked = question(
        steps, residual_f=residual_f, residual_sd_f=np.full(48, 0.4), bias_sd_f=np.full(48, 1.4), tail_dof=tail_dof
    )  # fmt: skip
    likely = Lattice().answer(asked).below

    monkeypatch.setattr(lattice, "_SD_LIKELY", 8.0)

    np.testing.assert_allclose(likely, Lattice().answer(asked).below, atol=2e-5)
