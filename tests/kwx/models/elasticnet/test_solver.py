"""The solver finds saga's minimum, and what it finds is one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from kwx.models.elasticnet.solver import (
    BALANCED,
    SEARCH_TOLERANCE,
    Penalty,
    Problem,
    problem_of,
    solve,
    solve_quadratic,
)
from warehouse.errors import Refused


def breach(problem: Problem, penalty: Penalty, coefficients: np.ndarray) -> float:
    """Return by how much coefficients fail to be the minimum: the largest part of the slope that no |w| holds back."""
    strength = np.append(np.full(len(coefficients) - 1, 1 / (penalty.c * problem.rows)), 0.0)
    lasso = penalty.l1_ratio * strength
    slope = problem.slope(expit(coefficients @ problem.columns)) + (1 - penalty.l1_ratio) * strength * coefficients
    held = np.where(coefficients == 0, np.maximum(np.abs(slope) - lasso, 0), slope + lasso * np.sign(coefficients))
    return float(np.abs(held).max())


def drawn(rows: int, features: int, seed: int, *, together: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """Return scaled features that go together, and outcomes that depend on them."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(rows, 1))
    scaled = together * common + (1 - together) * rng.normal(size=(rows, features))
    scaled = (scaled - scaled.mean(axis=0)) / scaled.std(axis=0)
    chance = 1 / (1 + np.exp(-(scaled @ rng.normal(size=features) - 1)))
    came = rng.random(rows) < chance
    came[:2] = True, False
    return scaled, came


@pytest.mark.parametrize("class_weight", [None, BALANCED])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.35, 1.0])
@pytest.mark.parametrize("c", [0.05, 1.0, 1e2])
def test_it_is_the_minimum_that_saga_goes_to(c, l1_ratio, class_weight):
    """Coefficients agree with those of saga run to a tight tolerance, and so do the zeros.

    (Where all are zero saga stops before its intercept has settled; that case has a test of its own.)
    """
    scaled, came = drawn(400, 6, seed=1)

    ours = solve(problem_of(scaled, came, class_weight), Penalty(c=c, l1_ratio=l1_ratio)).coefficients

    saga = LogisticRegression(
        solver="saga", C=c, l1_ratio=l1_ratio, class_weight=class_weight, tol=1e-9, max_iter=100_000, random_state=0
    ).fit(scaled, came)
    np.testing.assert_allclose(ours, [*saga.coef_[0], saga.intercept_[0]], atol=1e-5)
    np.testing.assert_array_equal(ours[:-1] == 0, saga.coef_[0] == 0)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(8, 60),
    features=st.integers(1, 6),
    log_c=st.floats(-3, 3),
    l1_ratio=st.floats(0, 1),
    class_weight=st.sampled_from([None, BALANCED]),
    odd=st.sampled_from(["", "twice", "constant", "separated"]),
)
def test_no_coefficient_wants_to_move(seed, rows, features, log_c, l1_ratio, class_weight, odd):
    """The conditions of Karush, Kuhn and Tucker hold, also for columns that are alike, constant or a perfect tell."""
    scaled, came = drawn(rows, features, seed)
    if odd == "twice":
        scaled = np.column_stack([scaled, scaled[:, 0]])
    if odd == "constant":
        scaled[:, 0] = 0.0
    if odd == "separated":
        scaled[:, 0] = np.where(came, 1.0, -1.0)
    problem, penalty = problem_of(scaled, came, class_weight), Penalty(c=10**log_c, l1_ratio=l1_ratio)

    found = solve(problem, penalty)

    assert breach(problem, penalty, found.coefficients) <= 1e-9
    assert odd != "constant" or found.coefficients[0] == 0


@given(seed=st.integers(0, 10_000), size=st.integers(1, 8), lasso=st.floats(0, 2))
def test_the_quadratic_is_solved_from_any_start(seed, size, lasso):
    """The slope of each coordinate that is not zero cancels its penalty; of the others it is held back by it."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size + 2, size))
    a, b, held = root.T @ root + 1e-3 * np.eye(size), rng.normal(size=size), np.full(size, lasso)
    held[-1] = 0.0

    at = solve_quadratic(a, b, held, rng.normal(size=size) * rng.integers(0, 2, size))

    slope = b - a @ at
    np.testing.assert_allclose(slope[at != 0], (held * np.sign(at))[at != 0], atol=1e-9)
    assert (np.abs(slope[at == 0]) <= held[at == 0] + 1e-9).all()


def test_where_it_starts_changes_only_how_long_it_takes():
    """A start next to the minimum leads to the same coefficients in fewer steps."""
    scaled, came = drawn(500, 8, seed=2)
    problem = problem_of(scaled, came, None)
    cold = solve(problem, Penalty(c=1.0, l1_ratio=0.5))

    warm = solve(problem, Penalty(c=1.0, l1_ratio=0.5), start=solve(problem, Penalty(c=1.1, l1_ratio=0.5)))

    np.testing.assert_allclose(warm.coefficients, cold.coefficients, atol=1e-9)
    assert warm.steps < cold.steps


def test_a_kept_curvature_costs_less_than_a_score_can_tell():
    """The loss of the loose solution is that of the exact one to a tenth of a thousandth."""
    scaled, came = drawn(2_000, 10, seed=3, together=0.9)
    problem, other = problem_of(scaled, came, None), problem_of(scaled[:1_500], came[:1_500], None)
    for c in (1e-2, 1.0, 1e2):
        penalty = Penalty(c=c, l1_ratio=0.5)
        start = solve(other, penalty, tolerance=SEARCH_TOLERANCE, keep_curvature=True)

        loose = solve(problem, penalty, start=start, tolerance=SEARCH_TOLERANCE, keep_curvature=True)

        exact = solve(problem, penalty)
        losses = [problem.loss(one.coefficients @ problem.columns) for one in (loose, exact)]
        assert losses[0] == pytest.approx(losses[1], abs=1e-4)


def test_everything_is_zero_where_the_penalty_is_large():
    """Then the intercept says the share of yes."""
    scaled, came = drawn(300, 4, seed=4)

    found = solve(problem_of(scaled, came, None), Penalty(c=1e-6, l1_ratio=1.0)).coefficients

    assert not found[:-1].any()
    assert 1 / (1 + np.exp(-found[-1])) == pytest.approx(came.mean(), abs=1e-12)


@pytest.mark.parametrize("came", [np.zeros(5, dtype=bool), np.ones(5, dtype=bool)])
def test_a_single_class_is_refused(came):
    """It has no minimum; what was found is said."""
    with pytest.raises(Refused, match=r"[05] of 5 rows settled yes"):
        problem_of(np.zeros((5, 1)), came, None)
