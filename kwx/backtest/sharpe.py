"""The Sharpe ratio of event dates, how far chance moves it, and what is left of the best of many.

The ratio is mean over standard deviation of what whole event dates gained, all cities of a date summed; not per year.
Its standard error is that of Lo (2002) with the skewness and kurtosis of the gains (Mertens 2002; Bailey and López de
Prado 2012): √((1 − skewness · SR + (kurtosis − 1)/4 · SR²) / (n − 1)). It takes dates for independent, which the
interval by blocks of dates beside it does not.

The best of many tried runs has a ratio by luck alone: of N independent ones without skill, whose ratios have a variance
V, the best is expected at √V · ((1 − c) Φ⁻¹(1 − 1/N) + c Φ⁻¹(1 − 1/(N e))), c being Euler's constant. The deflated
Sharpe ratio (Bailey and López de Prado 2014) is the probability that the true ratio lies above that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from kwx.scoring.inputs import Floats
from kwx.scoring.resampling import Draws, Estimate

DATES_PER_YEAR = 365
LEAST_DATES = 3
_ROUNDING = 1e-12
"""What rounding leaves of a variance that is nothing."""


@dataclass(frozen=True, kw_only=True)
class Sharpe:
    """A ratio per event date with its moments; NaN where dates are fewer than three, or all gained the same.

    The error alone is NaN where the formula has none: the gains have but two values, the rarer far from the mean.
    """

    value: float
    standard_error: float
    skewness: float
    kurtosis: float
    dates: int

    @property
    def per_year(self) -> float:
        """The ratio of a year of independent dates."""
        return self.value * math.sqrt(DATES_PER_YEAR)


@dataclass(frozen=True, kw_only=True)
class Deflated:
    """A ratio against the best that luck alone would have found: `expected_best` of that many trials."""

    probability: float
    expected_best: float
    trials: int


def sharpe_of(gains: Floats) -> Sharpe:
    """Return the ratio of what dates gained [n]."""
    spread = float(gains.std(ddof=1)) if len(gains) >= LEAST_DATES else 0.0
    if spread == 0:
        return Sharpe(value=math.nan, standard_error=math.nan, skewness=math.nan, kurtosis=math.nan, dates=len(gains))
    away = gains - gains.mean()
    second, third, fourth = (float(np.mean(away**power)) for power in (2, 3, 4))
    value = float(gains.mean()) / spread
    skewness, kurtosis = third / second**1.5, fourth / second**2
    variance = (1 - skewness * value + (kurtosis - 1) / 4 * value**2) / (len(gains) - 1)
    error = math.sqrt(variance) if variance > _ROUNDING else math.nan
    return Sharpe(
        value=value, standard_error=error, skewness=skewness, kurtosis=kurtosis, dates=len(gains)
    )  # fmt: skip


def sharpe_interval(gains: Floats, draws: Draws) -> Estimate:
    """Return the ratio between what it is in draws of blocks of dates, each row a date."""
    rows, sums, squares = draws.rows_drawn, draws.totals(gains), draws.totals(gains**2)
    variance = np.maximum(squares - sums**2 / rows, 0.0) / np.maximum(rows - 1, 1)
    is_spread = variance > 0
    drawn = sums[is_spread] / rows[is_spread] / np.sqrt(variance[is_spread])
    return draws.percentile(sharpe_of(gains).value, drawn)


def expected_best(trials: Sequence[float]) -> float:
    """Return the best ratio that luck alone finds among as many trials as there are, as far apart as they are.

    One without a ratio (NaN), such as a set that never traded, is a trial too; how far apart they are the others say.
    """
    number, told = len(trials), [ratio for ratio in trials if math.isfinite(ratio)]
    if len(told) < 2:
        return 0.0
    first, second = ndtri(1 - 1 / number), ndtri(1 - 1 / (number * math.e))
    return float(np.std(told, ddof=1) * ((1 - np.euler_gamma) * first + np.euler_gamma * second))


def deflated(sharpe: Sharpe, trials: Sequence[float]) -> Deflated:
    """Return the deflated ratio of a run that was chosen among trials, given the ratios of all of them, its own too.

    Trials that resemble each other count as independent here, which asks too much of the best rather than too little.
    """
    best = expected_best(trials)
    probability = float(ndtr((sharpe.value - best) / sharpe.standard_error)) if sharpe.dates else math.nan
    return Deflated(probability=probability, expected_best=best, trials=max(len(trials), 1))
