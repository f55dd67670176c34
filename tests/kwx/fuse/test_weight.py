"""The market's weight, and what it depends on."""

from __future__ import annotations

import numpy as np
import pytest

from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.weight import VOLATILITY_MINUTES, Alphas, features_of
from kwx.fuse.weights import said_weight
from warehouse.errors import Usage

GOOD = [(20, 22), (40, 42), (30, 31)]


def test_the_weight_is_the_logistic_function_of_its_features():
    """W = 1 / (1 + exp(−(α0 + α1 x1 + α2 x2 + α3 x3))), by hand."""
    features = np.array([[1.0, np.log1p(100), 0.2, 0.5]])

    weight = Alphas(0.1, 0.2, -0.3, 0.4).weight(features)

    assert weight == pytest.approx(1 / (1 + np.exp(-(0.1 + 0.2 * np.log1p(100) - 0.3 * 0.2 + 0.4 * 0.5))))


def test_volume_is_that_of_all_brackets_together(quotes_of):
    """Three brackets with ten contracts each are thirty."""
    features = features_of(quotes_of(GOOD, volume=1_000), np.array([0.25]))

    assert [1.0, pytest.approx(np.log1p(30)), 0.25, 0.0] == features[0].tolist()


def test_volatility_is_the_root_mean_square_step_of_the_ladder(quotes_of):
    """A cent and a cent in two brackets is √2 cents; it fades from the window after twenty minutes."""
    minutes = VOLATILITY_MINUTES + 5
    velocity = np.zeros((minutes, 3))
    velocity[0, :2] = [200, -200]

    volatility = features_of(quotes_of(GOOD, minutes=minutes, velocity=velocity), np.zeros(minutes))[:, 3]

    assert volatility[0] == pytest.approx(np.sqrt(2))
    assert volatility[VOLATILITY_MINUTES - 1] == pytest.approx(np.sqrt(2 / VOLATILITY_MINUTES))
    assert (volatility[VOLATILITY_MINUTES:] == 0).all()


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_a_weight_that_is_said_is_the_weight_of_every_minute(weight):
    """Whatever the volume, the hazard and the volatility are."""
    said = said_weight(weight, pool="linear", market=MarketRecipe())

    found = said.alphas.weight(np.array([[1.0, 5, 0.5, 2], [1.0, 0, 0, 0]]))

    assert found == pytest.approx([weight, weight], abs=1e-15)


def test_a_weight_beyond_one_is_refused():
    """It is a share."""
    with pytest.raises(Usage, match="no share"):
        said_weight(1.5, pool="linear", market=MarketRecipe())
