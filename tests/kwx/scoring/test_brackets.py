"""Scores of brackets and of single contracts: the oracle's numbers, ragged ladders, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import scoringrules
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kwx.scoring import brackets, contracts
from warehouse.errors import Refused, Usage

RNG = np.random.default_rng(8)
P = RNG.dirichlet(np.full(6, 0.6), 300)
WINNER = RNG.integers(0, 6, 300)

ladders = arrays(float, 6, elements=st.floats(0.01, 1)).map(lambda weights: weights / weights.sum())


def test_the_rps_is_the_oracles():
    """The RPS sums over the edges between brackets and is not divided by their number."""
    assert np.abs(scoringrules.rps_score(WINNER + 1, P) - brackets.rps(P, winner=WINNER)).max() < 1e-10


def test_the_brier_scores_are_the_oracles():
    """The Brier score of an event is the sum over its contracts, that of a contract their mean."""
    by_contract = scoringrules.brier_score((np.arange(6) == WINNER[:, None]).astype(float), P)

    assert np.abs(by_contract.sum(axis=1) - brackets.multi_brier(P, winner=WINNER)).max() < 1e-10
    assert np.abs(by_contract.mean(axis=1) - brackets.contract_brier(P, winner=WINNER)).max() < 1e-10


def test_the_log_loss_is_the_oracles_above_the_floor():
    """A winner counts with its probability, or with the floor that was asked for."""
    won = P[np.arange(len(P)), WINNER]

    assert np.abs(scoringrules.log_score(1, won) - brackets.log_loss(P, winner=WINNER, floor=1e-300)).max() < 1e-10
    assert np.abs(-np.log(np.maximum(won, 0.05)) - brackets.log_loss(P, winner=WINNER, floor=0.05)).max() < 1e-10


def test_contracts_score_as_the_oracle_says():
    """Brier score and log loss of yes and no."""
    p, hit = RNG.uniform(0.01, 0.99, 200), RNG.random(200) < 0.4

    assert np.abs(scoringrules.brier_score(hit.astype(float), p) - contracts.brier(p, hit=hit)).max() < 1e-10
    assert np.abs(scoringrules.log_score(hit.astype(float), p) - contracts.log_loss(p, hit=hit)).max() < 1e-10


def test_certainty_costs_no_more_than_the_floor_says():
    """A contract forecast with 0 or 1 counts as the floor or its complement, whatever came."""
    losses = contracts.log_loss([0.0, 0.0, 1.0, 1.0], hit=[0, 1, 0, 1])

    assert pytest.approx(-np.log([0.9999, 0.0001, 0.0001, 0.9999])) == losses


def test_a_perfect_forecast_scores_nothing():
    """Certainty that comes true has no RPS, no Brier score and no log loss."""
    certain = np.eye(6)[WINNER]

    for score in (brackets.rps, brackets.multi_brier, brackets.contract_brier, brackets.log_loss):
        assert 0 == score(certain, winner=WINNER).max()


@given(forecast=ladders, truth=ladders)
def test_no_ladder_beats_the_truth(forecast, truth):
    """RPS, Brier score and log loss are proper: in expectation the true probabilities score best."""
    for score in (brackets.rps, brackets.multi_brier, brackets.contract_brier, brackets.log_loss):
        best, other = (truth @ score(np.tile(p, (6, 1)), winner=np.arange(6)) for p in (truth, forecast))
        assert best <= other + 1e-12


def test_events_of_different_size_score_as_each_would_alone():
    """Zeros to the right stand for brackets that an event does not have."""
    wide = brackets.pad([0.2, 0.8, 0.5, 0.3, 0.1, 0.1], count=[2, 4])

    for score in (brackets.rps, brackets.multi_brier, brackets.contract_brier, brackets.log_loss):
        alone = [score([[0.2, 0.8]], winner=0)[0], score([[0.5, 0.3, 0.1, 0.1]], winner=3)[0]]
        assert pytest.approx(alone) == score(wide, winner=[0, 3], count=[2, 4])


@pytest.mark.parametrize(
    ("p", "winner", "count"),
    [
        ([[0.5, 0.5]], [2], None),
        ([[0.5, 0.5]], [-1], None),
        ([[1.0, 0.0]], [1], [1]),
        ([[0.5, 0.5]], [0], [1]),
        ([[0.5, 0.5]], [0], [3]),
        ([[0.5, np.nan]], [0], None),
        ([[0.5, 0.5]], [np.nan], None),
    ],
)
def test_a_ladder_that_cannot_be_is_refused(p, winner, count):
    """A winner outside the event, mass outside it, a missing number: each is refused."""
    with pytest.raises(Refused):
        brackets.rps(p, winner=winner, count=count)


def test_brackets_that_do_not_add_up_to_events_are_refused():
    """Padding needs as many values as the events have brackets."""
    with pytest.raises(Refused, match="3 values are not the 4 brackets of 2 events"):
        brackets.pad([0.2, 0.8, 1.0], count=[2, 2])


@pytest.mark.parametrize(("p", "hit"), [([1.2], [1]), ([np.nan], [1]), ([0.5], [np.nan]), ([0.5], [2])])
def test_a_contract_that_cannot_be_is_refused(p, hit):
    """Probabilities lie in 0 … 1, outcomes are yes or no."""
    with pytest.raises(Refused):
        contracts.brier(p, hit=hit)


@pytest.mark.parametrize("floor", [0.0, 0.5, float("nan")])
def test_a_floor_that_is_none_cannot_be_meant(floor):
    """Without a floor one miss outweighs every other day, and a half believes nothing."""
    with pytest.raises(Usage, match="floor"):
        contracts.log_loss([0.5], hit=[1], floor=floor)
