"""Two forecasts of the same days: by how much the one beats the other, and whether that is more than chance.

Scores are the lower the better. Dates (or blocks of `block_days` of them) are taken as independent. Every date counts
alike, its rows averaged first; or, where that is said, every row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr

from kwx.scoring.blocks import Blocks, blocks_of
from kwx.scoring.inputs import Floats, Ints, finite
from kwx.scoring.resampling import LEAST_BLOCKS, drawn_times, require_level, tails

_NOTHING = 1e-12


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a forecast gains on a reference.

    difference: mean score minus mean reference score, negative where the forecast is better; low … high its bootstrap
        interval. skill: 1 − score / reference, with its interval; NaN where the reference scores 0 and nothing can be
        gained.
    statistic, p_value: Diebold and Mariano's test that the difference is 0, two-sided, by Student's law.
    """

    score: float
    reference: float
    difference: float
    low: float
    high: float
    skill: float
    skill_low: float
    skill_high: float
    statistic: float
    p_value: float
    level: float
    rows: int
    dates: int
    blocks: int


def compare(
    score: ArrayLike,
    *,
    reference: ArrayLike,
    dates: ArrayLike,
    block_days: int = 1,
    dates_alike: bool = True,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compare two scores [N] of the same rows, by a bootstrap of whole blocks of dates and by Diebold and Mariano."""
    ours = finite(score, name="score")
    theirs = finite(reference, name="reference", rows=len(ours))
    require_level(level)
    by_date = blocks_of(dates, rows=len(ours))
    blocks = blocks_of(dates, rows=len(ours), block_days=block_days, least=LEAST_BLOCKS)
    means, block = np.stack([ours, theirs]), blocks.of_row
    if dates_alike:
        means = np.stack([_date_means(values, by_date) for values in means])
        block = _block_of_date(by_date, blocks)
    mean, mean_reference = means.mean(axis=1)
    resampled = _resampled(means, block, blocks.number, resamples=resamples, seed=seed)
    bounds = tails(level, blocks=blocks.number)
    low, high = np.quantile(resampled[0] - resampled[1], bounds)
    skill_low, skill_high = np.quantile(_skill(*resampled), bounds)
    statistic, p_value = _diebold_mariano(means[0] - means[1], block, blocks.number)
    return Comparison(
        score=float(mean),
        reference=float(mean_reference),
        difference=float(mean - mean_reference),
        low=float(low),
        high=float(high),
        skill=float(_skill(mean, mean_reference)),
        skill_low=float(skill_low),
        skill_high=float(skill_high),
        statistic=statistic,
        p_value=p_value,
        level=level,
        rows=len(ours),
        dates=by_date.number,
        blocks=blocks.number,
    )


def _date_means(values: Floats, by_date: Blocks) -> Floats:
    total = np.bincount(by_date.of_row, weights=values, minlength=by_date.number)
    return total / np.bincount(by_date.of_row, minlength=by_date.number)


def _block_of_date(by_date: Blocks, blocks: Blocks) -> Ints:
    """Return the block of each date."""
    block = np.empty(by_date.number, dtype=np.int64)
    block[by_date.of_row] = blocks.of_row
    return block


def _resampled(means: Floats, block: Ints, number: int, *, resamples: int, seed: int) -> Floats:
    """Return the two mean scores [2, resamples] of whole blocks drawn with replacement."""
    totals = np.stack([np.bincount(block, weights=values, minlength=number) for values in means])
    counts = np.bincount(block, minlength=number).astype(np.float64)
    times = drawn_times(number, resamples, seed=seed)
    drawn: Floats = (totals @ times.T) / (times @ counts)
    return drawn


def _skill(mean: ArrayLike, reference: ArrayLike) -> Floats:
    """Return 1 − mean / reference, NaN where the reference is 0."""
    below = np.asarray(reference, dtype=np.float64)
    gained: Floats = 1 - np.asarray(mean) / np.where(below == 0, np.nan, below)
    return gained


def _diebold_mariano(difference: Floats, block: Ints, number: int) -> tuple[float, float]:
    """Return the mean difference over its standard error between blocks, and the chance of one as large."""
    mean = difference.mean()
    apart = np.bincount(block, weights=difference - mean, minlength=number)
    error = math.sqrt(apart @ apart * number / (number - 1)) / len(difference)
    if error <= _NOTHING * (1 + abs(mean)):
        nothing = abs(mean) <= _NOTHING
        return (0.0, 1.0) if nothing else (math.copysign(math.inf, mean), 0.0)
    statistic = float(mean / error)
    return statistic, float(2 * stdtr(number - 1, -abs(statistic)))
