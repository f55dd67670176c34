"""The engine that draws: it agrees with the exact one, and a path is a function of its seed and number alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import jax
import numpy as np
import pytest
from scipy.special import ndtr

from kwx.hazard.engines import paths, simulate
from kwx.hazard.engines.lattice import Lattice
from kwx.hazard.engines.simulate import Simulator
from kwx.hazard.question import STEPS, Answer, Noise, Question, day_seed
from warehouse.errors import Usage

SIGMA_F = np.repeat([0.22, 0.25, 0.30, 0.45, 0.55, 0.50, 0.35, 0.25], 36)
CURVE_F = 75 - 10 * np.cos(2 * np.pi * (np.arange(STEPS + 1) - 24) / STEPS)
LOWEST_F, DEGREES = 64.5, 36
THRESHOLDS_F = LOWEST_F + np.arange(DEGREES)
PER_EVALUATION = {"curve": 0, "seeds": 5, "residual_f": 0.3, "residual_sd_f": 0.2, "bias_f": 0.4, "bias_sd_f": 1.2}
CORNERS = (0, 60, 150, 201, 287)


def question(steps=CORNERS, *, late=2, record_f=(77.5, 78.5), **said) -> Question:
    """Return evaluations at some steps, late by as many steps, alike but for what is said."""
    step = np.asarray(steps)
    count = len(step)
    alike = {name: np.full(count, said.pop(name, value)) for name, value in PER_EVALUATION.items()}
    fixed = {
        "noise": Noise(rho=0.98, sigma_f=SIGMA_F[None]),
        "curves_f": CURVE_F[None],
        "first_threshold_f": np.array([LOWEST_F]),
        "thresholds": DEGREES,
        "step": step,
        "now_step": np.minimum(step + late, STEPS),
        "tail_dof": None,
        "record_f": np.tile(record_f, (count, 1)),
        "record_p": np.tile([0.7, 0.3], (count, 1)),
    }
    return Question(**(fixed | alike | said))


def worst(simulator: Simulator, asked: Question, exact: Answer) -> float:
    """Return the furthest that any chance lies from the exact one, in standard errors."""
    drawn, kept = simulator.answer(asked), np.nanmin(asked.record_f, axis=1)[:, None] - 1 <= THRESHOLDS_F
    pairs = [(drawn.below[kept], exact.below[kept])]
    pairs += [(drawn.record_5m, exact.record_5m), (drawn.record_60m, exact.record_60m)]
    return max(float((abs(ours - true) / simulator.standard_error(true)).max()) for ours, true in pairs)


BY_LEAD = Noise(rho=0.98, sigma_f=np.stack([0.6 * SIGMA_F, SIGMA_F, 1.3 * SIGMA_F]), lead_steps=(0, 12, 72))


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"bias_sd_f": 0.0, "residual_sd_f": 0.0, "late": 0},
        {"noise": BY_LEAD},
        {"tail_dof": 4.0},
        {"residual_f": np.nan, "residual_sd_f": 1.8, "late": 0},
    ],
    ids=["a law with everything", "a state known exactly", "sigma by lead", "Student tails", "no report"],
)
def test_every_chance_is_within_four_standard_errors_of_the_exact_one(said):
    """What is counted over paths is what the lattice works out without them."""
    asked = question(**said)

    exact = Lattice(step_f=0.125).answer(asked)

    assert worst(Simulator(paths=20_000), asked, exact) < 4


def test_without_persistence_the_steps_are_independent():
    """With rho = 0 the chance is the product over the steps."""
    noise = Noise(rho=0.0, sigma_f=4 * SIGMA_F[None])
    simulator = Simulator(paths=20_000)

    below = simulator.answer(question([140], noise=noise, bias_f=0.0, bias_sd_f=0.0)).below[0]

    expected = ndtr((THRESHOLDS_F[:, None] - CURVE_F[141:]) / noise.sigma_f[0, 140:]).prod(axis=1)
    assert (abs(below - expected) < 4 * simulator.standard_error(expected)).all()


def test_one_step_before_midnight_the_answer_is_one_normal_tail():
    """With one step left the maximum is that step, its bias and state errors included."""
    simulator = Simulator(paths=20_000)

    below = simulator.answer(question([STEPS - 1])).below[0]

    mean_f, sd_f = CURVE_F[-1] + 0.4 + 0.98 * (0.3 - 0.4), np.hypot(SIGMA_F[-1], np.hypot(0.02 * 1.2, 0.98 * 0.2))
    expected = ndtr((THRESHOLDS_F - mean_f) / sd_f)
    assert (abs(below - expected) < 4 * simulator.standard_error(expected)).all()


def test_after_the_last_step_nothing_is_left():
    """At the closing midnight no threshold is passed and no record broken."""
    answer = Simulator(paths=4_000).answer(question([STEPS, 100]))

    assert (answer.below[0] == 1).all()
    assert (0, 0) == (answer.record_5m[0], answer.record_60m[0])
    assert answer.below[1].min() < 1


@pytest.mark.parametrize(
    ("spike", "expected"), [(99, (1, 1)), (103, (1, 1)), (104, (0, 1)), (114, (0, 1)), (115, (0, 0))]
)
def test_each_hazard_sees_the_steps_up_to_its_horizon_and_no_further(spike, expected):
    """With air known up to step 98 and the clock at 102, they end with steps 103 and 114."""
    curve_f = np.where(np.arange(STEPS + 1) == spike, 100.0, 60.0)

    answer = Simulator(paths=4_000).answer(question([98, 130], late=4, curves_f=curve_f[None], record_f=(85.0, 86.0)))

    assert expected == (answer.record_5m[0], answer.record_60m[0])


def test_moving_everything_by_some_degrees_changes_nothing():
    """Only differences between curve, thresholds and records matter."""
    asked = question()
    moved = replace(
        asked, curves_f=asked.curves_f + 8, first_threshold_f=asked.first_threshold_f + 8, record_f=asked.record_f + 8
    )

    same(Simulator(paths=4_000).answer(asked), Simulator(paths=4_000).answer(moved))


def test_a_row_alone_is_the_row_in_the_batch():
    """Each evaluation of several days gets the numbers that it gets by itself."""
    steps = np.tile(np.arange(0, STEPS, 7), 3)
    rng = np.random.default_rng(3)
    whole = question(steps, seeds=np.repeat([11, 12, 13], len(steps) // 3), residual_f=rng.normal(0, 2, len(steps)))
    names = ["step", "now_step", "record_f", "record_p", *PER_EVALUATION]

    batch = Simulator(paths=4_000).answer(whole)

    for row in (0, 40, 95, len(steps) - 1):
        alone = Simulator(paths=4_000).answer(replace(whole, **{name: getattr(whole, name)[[row]] for name in names}))
        same(Answer(**{name: values[[row]] for name, values in vars(batch).items()}), alone)


def test_the_same_seed_gives_the_same_numbers_and_another_does_not():
    """Chance enters through the seed and nothing else."""
    first, again = (
        Simulator(paths=4_000).answer(question(seeds=day_seed("miami", date(2026, 7, 1), "v1"))) for _ in "12"
    )
    other = Simulator(paths=4_000).answer(question(seeds=day_seed("miami", date(2026, 7, 1), "v2")))

    same(first, again)
    assert not np.array_equal(first.below, other.below)


def test_the_seed_of_a_day_is_the_same_on_every_machine():
    """The seed is a hash of the words, below 2^63."""
    assert 2_703_832_763_704_349_005 == day_seed("miami", date(2026, 7, 1), "v1_grid5")


def test_less_memory_changes_no_number():
    """However the paths are chunked, they are the same paths."""
    same(Simulator(paths=4_000).answer(question()), Simulator(paths=4_000, memory_mb=1).answer(question()))


def test_where_nothing_is_cached_whole_days_go_at_once_and_give_the_same(monkeypatch):
    """The layout of an accelerator, several days in one call, changes no number."""
    steps = np.tile(np.arange(0, STEPS, 6), 2)
    asked = question(steps, seeds=np.repeat([21, 22], len(steps) // 2))
    on_cpu = Simulator(paths=4_000).answer(asked)

    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")

    same(on_cpu, Simulator(paths=4_000).answer(asked))


def test_without_a_record_the_hazards_are_nan_and_the_chances_stand():
    """There is no new maximum where there is none yet."""
    known, unknown = question(), question(record_f=(np.nan, np.nan))

    answer = Simulator(paths=4_000).answer(unknown)

    assert np.isnan([answer.record_5m, answer.record_60m]).all()
    np.testing.assert_array_equal(Simulator(paths=4_000).answer(known).below, answer.below)


def test_a_path_is_the_same_whichever_paths_are_drawn_with_it():
    """A draw depends on seed, path and step only, so that more paths are more of the same."""
    first, later = drawn(9, from_pair=0), drawn(9, from_pair=4_000)

    for expected, actual in zip(first, later, strict=True):
        np.testing.assert_array_equal(expected[4_000:], actual[:96])


def test_the_shocks_of_a_step_are_standard_normal_and_independent_of_the_next():
    """Balancing the means of the strata leaves each shock what the law says."""
    shocks = np.asarray(drawn(4).shocks)

    covariance = shocks.T @ shocks / len(shocks)
    assert abs(covariance - np.eye(STEPS)).max() < 6 / np.sqrt(len(shocks))
    assert abs(shocks.mean(axis=0)).max() < 5 / np.sqrt(len(shocks))
    assert abs((shocks**4).mean() - 3) < 0.03


def test_drawn_in_mirrored_pairs_on_sobol_points_the_error_is_smaller_than_that_of_loose_paths():
    """Over many seeds the error is well below the binomial one, which standard_error states as its bound."""
    asked, simulator = question([0, 60, 120, 150]), Simulator(paths=4_000)
    exact = Lattice(step_f=0.125).answer(asked).below[:, 13:]

    below = [simulator.answer(replace(asked, seeds=np.full(4, seed))).below[:, 13:] for seed in range(24)]

    error = np.sqrt(np.mean((np.array(below) - exact) ** 2))
    assert error < 0.8 * np.sqrt(np.mean(simulator.standard_error(exact) ** 2))


def test_single_precision_moves_no_maximum_by_more_than_a_hundred_thousandth_of_a_degree_or_two():
    """The recursion in single precision is the one in double precision on the same draws."""
    asked = question([10])
    batch = next(simulate._batches(asked, simulate._days(asked), simulate._Layout(days=1, blocks=1, rows=1, chunk=1)))
    start = jax.tree.map(lambda laid: laid[0, 0, ..., 0], batch.starts()._replace(record_f=np.zeros((1, 1, 1))))
    law, span = simulate._law(asked), jax.tree.map(lambda turns: turns[0], batch.spans())
    draws = drawn(1)

    highest_f, _, _ = jax.vmap(paths.maxima, in_axes=(paths.Draws(0, 0, 0), None, None, None))(draws, law, span, start)

    np.testing.assert_allclose(highest_f, in_double_precision(asked, draws), atol=2e-5)


def test_an_odd_number_of_paths_is_refused():
    """Paths are drawn in mirrored pairs."""
    with pytest.raises(Usage, match="999 paths"):
        Simulator(paths=999)


def drawn(seed: int, *, from_pair: int = 0) -> paths.Draws:
    """Return the draws of 4,096 paths."""
    draw = jax.jit(jax.vmap(paths.draw, in_axes=(None, None, 0)))
    pairs = from_pair + np.arange(4_096, dtype=np.uint32)
    return draw(jax.random.key(seed), simulate._directions(), pairs)


def in_double_precision(asked: Question, draws: paths.Draws) -> np.ndarray:
    """Return the highest temperature above the lowest threshold, by the recursion as it is written down."""
    shocks, bias, state = (np.asarray(one, dtype=np.float64) for one in draws)
    bias_f = 0.4 + 1.2 * bias
    residual_f, highest_f = 0.3 + 0.2 * state - bias_f, np.full(len(bias), -np.inf)
    for step in range(int(asked.step[0]) + 1, STEPS + 1):
        residual_f = 0.98 * residual_f + SIGMA_F[step - 1] * shocks[:, step - 1]
        highest_f = np.maximum(highest_f, CURVE_F[step] + bias_f + residual_f - LOWEST_F)
    return highest_f


def same(one: Answer, other: Answer) -> None:
    """Assert that two answers are the same numbers."""
    np.testing.assert_array_equal(one.below, other.below)
    np.testing.assert_array_equal(one.record_5m, other.record_5m)
    np.testing.assert_array_equal(one.record_60m, other.record_60m)


@pytest.mark.parametrize(
    ("rho", "said"),
    [
        (0.98, {"tail_dof": 3.0, "bias_sd_f": 4.0, "step": 230}),
        (0.98, {"tail_dof": 3.0, "bias_sd_f": 2.0, "step": 150}),
        (0.998, {"tail_dof": 3.0, "bias_sd_f": 9.0, "step": 230}),
        (0.98, {"bias_sd_f": 10.0, "step": 150, "residual_f": np.nan, "residual_sd_f": 2.0}),
        (0.98, {"bias_sd_f": 0.5, "step": 150, "residual_f": 40.0}),
        (0.0, {"bias_sd_f": 1.0, "step": 150}),
        (0.95, {"bias_sd_f": 1.0, "step": 150, "louder": 6.0}),
    ],
)
def test_the_engines_agree_far_from_everyday(rho, said):
    """Heavy tails, a wide bias, air that is unknown or far off, loud air: chances and hazards within four errors."""
    one = {name: np.array([said.get(name, other)]) for name, other in EVERYDAY.items()}
    one["now_step"] = one["step"] = one["step"].astype(np.int64)
    noise = Noise(rho=rho, sigma_f=said.get("louder", 1.0) * np.full((1, STEPS), 0.35))
    curve_f = 75 - 10 * np.cos(2 * np.pi * (np.arange(STEPS + 1) - 24) / STEPS)
    asked = Question(
        noise=noise, curves_f=curve_f[None], first_threshold_f=np.array([82.5]), thresholds=48,
        tail_dof=said.get("tail_dof"),
        curve=np.zeros(1, dtype=np.int64), record_f=np.array([[83.5]]), record_p=np.ones((1, 1)),
        seeds=np.array([5]), **one,
    )  # fmt: skip
    drawn, exact = MANY.answer(asked), Lattice(step_f=0.125).answer(asked)

    for theirs, ours in (
        (drawn.below, exact.below),
        (drawn.record_5m, exact.record_5m),
        (drawn.record_60m, exact.record_60m),
    ):
        assert (abs(theirs - ours) <= 4 * MANY.standard_error(theirs) + 3e-4).all()


EVERYDAY = {"step": 150, "residual_f": 0.5, "residual_sd_f": 0.3, "bias_f": 0.4, "bias_sd_f": 1.0}
MANY = Simulator(paths=40_000)
