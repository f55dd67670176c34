"""Three ways to the same minimum, and a weight that goes to whoever is right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kwx.fuse.fit.gradient import fit_gradient
from kwx.fuse.fit.grid import fit_grid, points_of
from kwx.fuse.fit.kinds import METHODS, Kind, fit_cities
from kwx.fuse.fit.loss import Candidate, cross_entropy, spread_of
from kwx.fuse.fit.search import fit_optuna
from kwx.fuse.pools import POOLS
from kwx.fuse.weight import Alphas
from warehouse.errors import Usage

FITS = {"grid": fit_grid, "optuna": fit_optuna, "gradient": fit_gradient}
EVERY_METHOD = pytest.mark.parametrize("method", METHODS)
EVERY_POOL = pytest.mark.parametrize("pool", POOLS)


@EVERY_POOL
@EVERY_METHOD
@pytest.mark.parametrize(("right", "low", "high"), [("market", 0.9, 1.0), ("weather", 0.0, 0.1)])
def test_the_weight_goes_to_whoever_is_right(sample_of, pool, method, right, low, high):
    """Of a side that is the truth and one that is noise, the truth gets nearly all of it."""
    sample = sample_of(right=right)

    weight = FITS[method](pool, sample).weight(sample)

    assert low <= weight.mean() <= high


@EVERY_METHOD
def test_a_feature_that_tells_who_is_right_is_found(sample_of, method):
    """Where the hazard says when the market is blind, its slope is negative and the loss less than any constant's."""
    sample = sample_of(right="half", days=40)
    spread = spread_of(sample)

    found = FITS[method]("log_linear", sample)

    flat = [Candidate(pool="log_linear", alphas=Alphas(constant)) for constant in np.linspace(-5, 5, 41)]
    assert found.alphas.hazard < -1
    assert found.objective(sample, spread) < min(one.objective(sample, spread) for one in flat)


@EVERY_POOL
def test_the_gradient_finds_what_no_other_point_beats(sample_of, pool):
    """Neither the 200 points of the grid nor 60 drawn ones have a smaller loss."""
    sample = sample_of(right="half")
    spread = spread_of(sample)

    best = fit_gradient(pool, sample).objective(sample, spread)

    others = [fit_grid(pool, sample).objective(sample, spread), fit_optuna(pool, sample).objective(sample, spread)]
    assert best <= min(others) + (2e-3 if pool == "beta" else 1e-6)


def test_a_feature_that_never_varies_does_not_stop_the_search(sample_of):
    """A hazard of 0.1 at every minute, but for rounding, is one more constant."""
    sample = sample_of(right="market")
    still = replace(sample, features=np.column_stack([sample.features[:, :2], np.full(len(sample), 0.1) + 1e-16]))
    still = replace(still, features=np.column_stack([still.features, sample.features[:, 3]]))

    assert fit_gradient("log_linear", still).weight(still).mean() > 0.9


def test_the_gradient_stands_where_the_loss_is_flat(sample_of):
    """By finite differences of the NumPy loss, an independent path to the same numbers."""
    sample = sample_of(right="mixed")
    spread, found = spread_of(sample), np.array(fit_gradient("log_linear", sample).alphas.numbers)

    def loss(numbers):
        return Candidate(pool="log_linear", alphas=Alphas(*numbers)).objective(sample, spread)

    steps = 1e-4 * np.eye(4)
    slopes = [(loss(found + step) - loss(found - step)) / 2e-4 for step in steps]
    np.testing.assert_allclose(slopes, 0, atol=2e-4)


def test_the_numbers_that_made_the_data_are_found_again(sample_of):
    """Winners drawn from a linear pool with w = σ(1 − 2 hazard) give back 1, 0, −2, 0."""
    found = fit_gradient("linear", sample_of(right="mixed", days=200, minutes=100))

    np.testing.assert_allclose(found.alphas.numbers, [1, 0, -2, 0], atol=0.2)


@EVERY_POOL
def test_losses_are_those_of_the_pool_itself(sample_of, pool):
    """The quick path of the log-linear pool says what its probabilities say, also beside dead brackets."""
    sample = sample_of()
    candidate = Candidate(pool=pool, alphas=Alphas(0.3, 0.1, -0.5, 0.2), beta_a=1.3, beta_b=0.9)

    np.testing.assert_allclose(
        candidate.losses(sample), cross_entropy(candidate.probabilities(sample), sample.target), atol=1e-10
    )


@EVERY_POOL
def test_a_grid_has_200_points(pool):
    """So many were promised."""
    assert 200 == len(points_of(pool))


def test_the_same_seed_searches_the_same_points(sample_of):
    """A tuning can be repeated."""
    sample = sample_of()

    assert fit_optuna("linear", sample, trials=10) == fit_optuna("linear", sample, trials=10)
    assert fit_optuna("linear", sample, trials=10) != fit_optuna("linear", sample, trials=10, seed=1)


def test_a_city_with_few_days_is_drawn_towards_all(sample_of):
    """λ = days / (days + 30): ten days count a quarter."""
    kind = Kind(pool="log_linear", method="gradient")
    sample = sample_of(days=10, cities=("chicago", "nyc"), right="half")

    fits = fit_cities(kind, sample)

    own = np.array(fit_gradient("log_linear", sample.of_city("nyc")).alphas.numbers)
    together = np.array(fits["all"].candidate.alphas.numbers)
    assert fits["nyc"].own_share == 0.25
    np.testing.assert_allclose(fits["nyc"].candidate.alphas.numbers, 0.25 * own + 0.75 * together, atol=1e-8)


def test_a_city_with_fewer_days_than_numbers_has_no_say_of_its_own(sample_of):
    """Three days cannot carry four numbers."""
    fits = fit_cities(Kind(pool="linear", method="grid"), sample_of(days=3))

    assert (0.0, fits["all"].candidate) == (fits["chicago"].own_share, fits["chicago"].candidate)


def test_unknown_words_are_refused():
    """With those that are known."""
    with pytest.raises(Usage, match="no method 'guess'"):
        Kind(pool="linear", method="guess")
