"""Every score that scikit-learn has too agrees with it to 1e-9; those of scoringrules stand beside each score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss

from kwx.scoring import brackets, contracts
from kwx.scoring.corp import recalibrate, sort_forecasts

RNG = np.random.default_rng(21)
P = RNG.dirichlet(np.full(6, 0.7), 400)
WINNER = RNG.integers(0, 6, 400)
TINY = 1e-300

some = st.integers(0, 399).flatmap(lambda first: st.integers(first + 1, 400).map(lambda last: slice(first, last)))


@given(rows=some)
def test_brier_scores_of_contracts_and_of_events(rows):
    """Of one contract, and of all brackets together, in which scikit-learn sums over the classes."""
    p, winner, labels = P[rows], WINNER[rows], np.arange(6)
    hit = winner == 2

    assert abs(brier_score_loss(hit, p[:, 2], labels=[0, 1]) - contracts.brier(p[:, 2], hit=hit).mean()) < 1e-9
    expected = brier_score_loss(winner, p, labels=labels, scale_by_half=False)
    assert abs(expected - brackets.multi_brier(p, winner=winner).mean()) < 1e-9


@given(rows=some)
def test_log_losses_of_contracts_and_of_events(rows):
    """Above the floor they are the same."""
    p, winner = P[rows] * 0.99 + 0.01 / 6, WINNER[rows]
    hit = winner == 2

    assert abs(log_loss(hit, p[:, 2], labels=[0, 1]) - contracts.log_loss(p[:, 2], hit=hit, floor=TINY).mean()) < 1e-9
    assert abs(log_loss(winner, p, labels=np.arange(6)) - brackets.log_loss(p, winner=winner).mean()) < 1e-9


def test_the_recalibrated_curve_is_the_isotonic_regression():
    """Of rows with equal forecasts too."""
    p, hit = np.round(P[:, 2], 2), WINNER == 2
    forecasts = sort_forecasts(p)

    expected = IsotonicRegression(y_min=0, y_max=1).fit(p, hit.astype(float)).predict(p)

    assert np.abs(expected - recalibrate(forecasts, forecasts.hits(hit))[forecasts.of_row]).max() < 1e-9


@pytest.mark.parametrize("floor", [1e-4, 0.02])
def test_a_floor_is_what_clipping_would_do(floor):
    """Contracts are clipped at both ends."""
    hit = WINNER == 2

    expected = log_loss(hit, np.clip(P[:, 2], floor, 1 - floor), labels=[0, 1])

    assert abs(expected - contracts.log_loss(P[:, 2], hit=hit, floor=floor).mean()) < 1e-9
