"""Calibrators keep their laws, find what the same definition finds elsewhere, and come back to the bit."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from kwx.models.calibration import LEAST_P, METHODS, calibrator_of, fit_calibrator
from kwx.models.calibration.parametric import Temperature
from warehouse.errors import Refused, Usage

EVERY = pytest.mark.parametrize("method", METHODS)
GRID = np.concatenate([[0.0, 1e-12, 1e-7], np.linspace(0, 1, 1001), [1 - 1e-7, 1.0]])
GRID.sort()


def too_sure(rows: int = 4_000, *, seed: int = 3, sharpness: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities that are said too surely, by a factor in their log-odds, and what came."""
    rng = np.random.default_rng(seed)
    honest = rng.beta(0.7, 1.6, rows)
    return expit(sharpness * logit(honest)), rng.random(rows) < honest


def targets_twice(p: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each row as one that came true and one that did not, weighed by Platt's targets."""
    target = np.where(y, (y.sum() + 1) / (y.sum() + 2), 1 / ((~y).sum() + 2))
    return np.concatenate([p, p]), np.repeat([1, 0], len(p)), np.concatenate([target, 1 - target])


def fitted_elsewhere(columns: np.ndarray, y: np.ndarray, weights: np.ndarray, *, intercept: bool) -> np.ndarray:
    """Return the coefficients that scikit-learn finds without a penalty."""
    model = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1_000, solver="newton-cholesky", fit_intercept=intercept)
    model.fit(columns, y, sample_weight=weights)
    return np.append(model.coef_[0], model.intercept_ if intercept else [])


@EVERY
@pytest.mark.parametrize("rows", [1, 2, 7, 4_000])
def test_a_calibrator_rises_within_0_and_1(method, rows):
    """Whatever it was fitted to, and also where nothing was said."""
    p, y = too_sure(rows)

    said = fit_calibrator(method, p, y).apply(GRID)

    assert (np.diff(said) >= -1e-15).all()
    assert 0 <= said.min() <= said.max() <= 1


@EVERY
def test_it_comes_back_from_json_and_from_a_process_to_the_bit(method):
    """The document holds all of it, and the same class comes back."""
    p, y = too_sure()
    ours = fit_calibrator(method, p, y)

    back = calibrator_of(json.loads(json.dumps(ours.document())))

    assert ours == back == pickle.loads(pickle.dumps(ours))
    assert ours.apply(GRID).tobytes() == back.apply(GRID).tobytes()


@EVERY
def test_the_order_of_the_rows_means_nothing(method):
    """Neither in the fit nor in what is said of a row."""
    p, y = too_sure()
    order = np.random.default_rng(0).permutation(len(p))

    one, other = fit_calibrator(method, p, y), fit_calibrator(method, p[order], y[order])

    assert one == other
    assert one.apply(p)[order].tobytes() == other.apply(p[order]).tobytes()
    assert one.apply(p[:1]).tobytes() == one.apply(p)[:1].tobytes()


@EVERY
def test_a_weight_is_as_many_rows(method):
    """Two of weight 1 are one of weight 2."""
    p, y = too_sure(600)
    twice = np.arange(600) < 200

    ours = fit_calibrator(method, p, y, weights=np.where(twice, 2.0, 1.0))

    theirs = fit_calibrator(method, np.append(p, p[twice]), np.append(y, y[twice]))
    assert np.allclose(ours.apply(GRID), theirs.apply(GRID), rtol=0, atol=1e-12)


@EVERY
def test_what_was_too_sure_is_mended_on_rows_that_were_not_fitted(method):
    """Of the Brier score that being too sure costs, nine tenths come back."""
    (p, y), (later, came) = too_sure(8_000, seed=1), too_sure(40_000, seed=2)
    honest = expit(logit(later) / 2)

    mended = fit_calibrator(method, p, y).apply(later)

    lost, left = (np.mean((said - came) ** 2) - np.mean((honest - came) ** 2) for said in (later, mended))
    assert lost > 0.01
    assert left < lost / 10


@EVERY
@pytest.mark.parametrize("came", [True, False])
def test_rows_of_one_outcome_leave_a_finite_log_loss(method, came):
    """Also where every row was wrong, or said 0 or 1."""
    p = np.repeat([0.0, 0.2, 1.0], 50)
    said = fit_calibrator(method, p, np.full(150, came)).apply(np.array([0.0, 0.2, 1.0]))

    assert np.isfinite(np.log(said)).all()
    assert np.isfinite(np.log1p(-said)).all()


def test_probabilities_that_point_the_wrong_way_are_not_turned_round():
    """The best function that never falls is a constant: the share of what came, nearly."""
    p, y = too_sure()

    for method in ("platt", "beta", "isotonic"):
        said = fit_calibrator(method, 1 - p, y).apply(np.array([0.01, 0.5, 0.99]))
        assert np.ptp(said) < 0.05
        assert abs(said[1] - y.mean()) < 0.02


def test_platt_is_what_scikit_learn_calls_sigmoid():
    """Fitted to the log-odds of a model, with the same targets, it finds the same line to 1e-6."""
    p, y = too_sure()
    odds = logit(np.clip(p, LEAST_P, 1 - LEAST_P))
    # A model without a penalty whose decision function is the log-odds themselves.
    model = LogisticRegression(C=np.inf).fit(odds[:, None], y)
    model.coef_, model.intercept_ = np.ones((1, 1)), np.zeros(1)

    theirs = CalibratedClassifierCV(FrozenEstimator(model), method="sigmoid").fit(odds[:, None], y)

    assert np.allclose(
        fit_calibrator("platt", p, y).apply(p), theirs.predict_proba(odds[:, None])[:, 1], rtol=0, atol=1e-6
    )


def test_isotonic_is_what_scikit_learn_calls_isotonic():
    """The same regression, the same lines between its corners, the same at its ends."""
    p, y = too_sure(2_000)
    p = np.round(p, 2)
    floor = 1 / 2_002

    theirs = IsotonicRegression(y_min=floor, y_max=1 - floor, out_of_bounds="clip").fit(p, y)

    assert np.allclose(fit_calibrator("isotonic", p, y).apply(GRID), theirs.predict(GRID), rtol=0, atol=1e-12)


def test_beta_and_temperature_are_logistic_regressions():
    """Of ln p and −ln(1 − p), and of the log-odds without a constant."""
    p, y = too_sure()
    twice, came, weights = targets_twice(np.clip(p, LEAST_P, 1 - LEAST_P), y)
    beta, temperature = (fit_calibrator(method, p, y).document() for method in ("beta", "temperature"))

    both = np.column_stack([np.log(twice), -np.log1p(-twice)])
    theirs = fitted_elsewhere(both, came, weights, intercept=True)
    alone = fitted_elsewhere(logit(twice)[:, None], came, weights, intercept=False)

    assert np.allclose([beta["a"], beta["b"], beta["c"]], theirs, rtol=0, atol=1e-6)
    assert np.allclose([temperature["sharpness"]], alone, rtol=0, atol=1e-6)


def test_where_one_end_of_beta_would_fall_it_is_flat_and_the_rest_is_the_best_left():
    """Here a is 0; b and c are then those of a regression on ln(1 − p) alone."""
    rng = np.random.default_rng(4)
    p = rng.random(5_000)
    # The log-odds fall with ln p and rise with −ln(1 − p).
    y = rng.random(5_000) < expit(-0.8 * np.log(p) - 1.5 * np.log1p(-p) - 1)
    twice, came, weights = targets_twice(p, y)

    found = fit_calibrator("beta", p, y).document()

    b, c = fitted_elsewhere(-np.log1p(-twice)[:, None], came, weights, intercept=True)
    assert found["a"] == 0
    assert np.allclose([found["b"], found["c"]], [b, c], rtol=0, atol=1e-6)


def test_a_sharpness_of_one_changes_no_bit():
    """Also below the least log-odds that are told apart."""
    assert Temperature(sharpness=1.0).apply(GRID).tobytes() == GRID.tobytes()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "no calibration method"),
        ({"method": "spline", "x": [0]}, "'spline' is no calibration method"),
        ({"method": "platt", "slope": 1.0}, "intercept is None"),
        ({"method": "platt", "slope": -1.0, "intercept": 0.0}, "does not rise"),
        ({"method": "beta", "a": 1.0, "b": float("nan"), "c": 0.0}, "no finite number"),
        ({"method": "temperature", "sharpness": True}, "no finite number"),
        ({"method": "isotonic", "x": [0.1, 0.1], "y": [0.2, 0.3]}, "do not rise"),
        ({"method": "isotonic", "x": [0.1, 0.2], "y": [0.3, 0.2]}, "do not rise"),
        ({"method": "isotonic", "x": [0.1, 0.2], "y": [0.3]}, "do not rise"),
        ({"method": "isotonic", "x": [0.1], "y": [1.5]}, "do not rise"),
        ({"method": "isotonic", "x": [], "y": []}, "no list x"),
    ],
)
def test_a_foreign_or_altered_document_is_refused(document, said):
    """With what is wrong, and what to do."""
    with pytest.raises(Refused, match=said) as refusal:
        calibrator_of(document)
    assert "kwx calibrate" in refusal.value.hint or "kwx calibrate" in str(refusal.value)


def test_what_cannot_be_fitted_is_refused():
    """No rows, NaN, something that is no outcome, a weight of nothing, an unknown method."""
    p, y = np.array([0.2, 0.4]), np.array([0, 1])
    with pytest.raises(Refused, match="no row"):
        fit_calibrator("platt", [], [])
    with pytest.raises(Refused, match="not numbers"):
        fit_calibrator("platt", [np.nan, 0.4], y)
    with pytest.raises(Refused, match="yes"):
        fit_calibrator("platt", p, [0, 2])
    with pytest.raises(Refused, match="not above 0"):
        fit_calibrator("platt", p, y, weights=[1.0, 0.0])
    with pytest.raises(Usage, match="there is no calibration method"):
        fit_calibrator("spline", p, y)
