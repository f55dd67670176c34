"""Reliability in bins of equal mass, with the band in which the shares of calibrated forecasts stay.

They are the bins of ECE and maximum error. Outcomes are drawn from the forecasts themselves; the rows of one date share
one draw, as dependent as they can be. The band holds all bins at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kwx.models.accept.evidence import Judged
from kwx.scoring.blocks import blocks_of
from kwx.scoring.calibration import bins_of
from kwx.scoring.corp import sort_forecasts
from kwx.scoring.inputs import Bools, Floats
from kwx.scoring.reliability import band_of

LEVEL = 0.99
"""A calibrated model fails one time in a hundred; there may be dozens of kinds."""
_RESAMPLES = 1000
_TINY = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class Binned:
    """[B] each, of the bins that have rows, the lowest forecasts first.

    least, most, forecast: the least, greatest and mean forecast. came: the share that came true. low, high: the band in
    which a calibrated forecast has all of them with probability LEVEL.
    """

    rows: Floats
    least: Floats
    most: Floats
    forecast: Floats
    came: Floats
    low: Floats
    high: Floats
    dates: int

    @property
    def outside(self) -> Bools:
        """Tell which bins lie outside their band."""
        outside: Bools = (self.came < self.low - _TINY) | (self.came > self.high + _TINY)
        return outside

    @property
    def ece(self) -> float:
        """The mean gap between forecast and share, each bin counting as many rows as it has."""
        return float(np.average(np.abs(self.came - self.forecast), weights=self.rows))

    @property
    def largest(self) -> float:
        """The largest gap."""
        return float(np.abs(self.came - self.forecast).max())


def binned(judged: Judged, *, seed: int = 0) -> Binned:
    """Return the bins of settled predictions."""
    forecasts = sort_forecasts(judged.p)
    _, bin_of_value = np.unique(bins_of(forecasts), return_inverse=True)
    which = bin_of_value[forecasts.of_row]
    rows = np.bincount(which).astype(np.float64)
    edges = np.searchsorted(bin_of_value, np.arange(len(rows) + 1))
    blocks, rng = blocks_of(judged.dates, rows=len(judged.p), least=1), np.random.default_rng(seed)
    shares = np.empty((_RESAMPLES, len(rows)))
    for number in range(_RESAMPLES):
        drawn = rng.random(blocks.number)[blocks.of_row] < judged.p
        shares[number] = np.bincount(which[drawn], minlength=len(rows)) / rows
    low, high = band_of(shares, LEVEL)
    return Binned(
        rows=rows, least=forecasts.value[edges[:-1]], most=forecasts.value[edges[1:] - 1],
        forecast=np.bincount(which, weights=judged.p) / rows, came=np.bincount(which, weights=judged.hit) / rows,
        low=low, high=high, dates=blocks.number,
    )  # fmt: skip
