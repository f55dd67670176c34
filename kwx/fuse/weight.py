"""The weight of the market: w_mkt = σ(α0 + α1 log(1 + volume) + α2 hazard_60m + α3 volatility), one for each minute.

volume      contracts of all brackets of the event in the last 20 minutes
hazard_60m  the weather's chance of a new maximum within the hour; 0 on the eve, when there is none
volatility  how far the mids of the event move in a minute, in cents: root mean square over 20 minutes of the length of
            the step of the whole ladder
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from scipy.special import expit

from kwx.fuse.market.minutes import EventMinutes, Floats, Ints
from warehouse.market.money import CENTI_PER_CONTRACT, TICKS_PER_CENT

VOLATILITY_MINUTES = 20
_HALF_TICKS_PER_CENT = 2 * TICKS_PER_CENT
FEATURES = ("constant", "log1p_volume", "hazard_60m", "volatility_cents")


@dataclass(frozen=True)
class Alphas:
    """The four numbers of the weight."""

    constant: float = 0.0
    volume: float = 0.0
    hazard: float = 0.0
    volatility: float = 0.0

    @property
    def numbers(self) -> tuple[float, ...]:
        """All four, in the order of the features."""
        return astuple(self)

    def weight(self, features: Floats) -> Floats:
        """Return [N] the market's weight from features [N, 4]."""
        weight: Floats = expit(features @ np.array(self.numbers))
        return weight


def features_of(minutes: EventMinutes, hazard_60m: Floats) -> Floats:
    """Return [T, 4] what the weight of each minute depends on; nothing in it is known later than its minute."""
    return laid_features(minutes.volume_centi, hazard_60m, volatility_cents(minutes.velocity_half_ticks))


def laid_features(volume_centi: Ints, hazard_60m: Floats, volatility_cents: Floats) -> Floats:
    """Return [T, 4] the features of minutes from the volumes of their brackets [T, B] and what else they depend on."""
    contracts = volume_centi.sum(axis=1) / CENTI_PER_CONTRACT
    return np.column_stack([np.ones(len(contracts)), np.log1p(contracts), hazard_60m, volatility_cents])


def volatility_cents(velocity_half_ticks: Ints) -> Floats:
    """Return [T] the root mean square step of a ladder over the last minutes, fewer at the open, of steps [T, B].

    Squares of half ticks are whole, so that what left the window leaves no trace in it.
    """
    squares = np.append(0, np.cumsum((velocity_half_ticks**2).sum(axis=1)))
    end = np.arange(1, len(velocity_half_ticks) + 1)
    begin = np.maximum(end - VOLATILITY_MINUTES, 0)
    volatility: Floats = np.sqrt((squares[end] - squares[begin]) / (end - begin)) / _HALF_TICKS_PER_CENT
    return volatility
