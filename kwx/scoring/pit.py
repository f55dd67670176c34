"""The probability integral transform: uniform where the forecasts are right, and a test of that by dates.

The rows of one date (cities, hours) may depend on each other in any way; dates are taken as independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kwx.scoring.blocks import blocks_of
from kwx.scoring.degrees import mass_at
from kwx.scoring.inputs import Floats, Ints, probabilities
from kwx.scoring.resampling import Draws, Estimate

LEAST_DATES = 20
"""The test holds its false-alarm rate from so many dates on."""
_CELLS = 50


@dataclass(frozen=True, kw_only=True)
class Uniformity:
    """The verdict on a set of transforms.

    statistic: mean over the unit interval of the squared distance between what was found and the uniform law, weighed
        as Anderson and Darling do; p_value: how often calibrated forecasts on such dates are at least as far away.
    mean: 0.5 when right, less when it came colder than forecast. spread: twelve times the variance, 1 when right, more
        when the forecasts were too sure of themselves.
    passed: p_value > level; calibrated forecasts fail with probability `level`.
    """

    statistic: float
    p_value: float
    level: float
    passed: bool
    mean: float
    spread: float
    rows: int
    dates: int


def randomised_pit(p: ArrayLike, *, first_f: ArrayLike, outcome_f: ArrayLike, seed: int) -> Floats:
    """Return P(colder) + v · P(outcome) [N] with v uniform and seeded; an outcome outside all degrees gives 0 or 1."""
    below, at = mass_at(p, first_f=first_f, outcome_f=outcome_f)
    return np.minimum(below + np.random.default_rng(seed).random(len(at)) * at, 1.0)


def uniformity(
    pit: ArrayLike, *, dates: ArrayLike, block_days: int = 1, level: float = 0.01, draws: int = 2000, seed: int = 0
) -> Uniformity:
    """Test whether transforms are uniform; calibrated forecasts fail with probability `level` however rows depend.

    Under the law, what a date adds to the distance may as well have come with the other sign: so the signs of whole
    dates are drawn anew, and with them the distances that chance alone makes.
    """
    u = probabilities(pit, name="pit")
    blocks = blocks_of(dates, rows=len(u), block_days=block_days, least=LEAST_DATES)
    excess = _excess(u, blocks.of_row, blocks.number)
    rng = np.random.default_rng(seed)
    signs = rng.choice(np.array([-1.0, 1.0]), size=(draws, blocks.number))
    found = float(_distances(np.ones((1, blocks.number)), excess, len(u))[0])
    by_chance = _distances(signs, excess, len(u))
    p_value = float((1 + np.count_nonzero(by_chance >= found)) / (draws + 1))
    return Uniformity(
        statistic=found,
        p_value=p_value,
        level=level,
        passed=p_value > level,
        mean=float(u.mean()),
        spread=float(12 * u.var()),
        rows=len(u),
        dates=blocks.number,
    )


def spread_of(pit: ArrayLike, *, draws: Draws) -> Estimate:
    """Return twelve times the variance of transforms [N] with its interval: 1 where the forecasts are right."""
    u = probabilities(pit, name="pit")
    mean, square = (draws.totals(values) / draws.rows_drawn for values in (u, u**2))
    return draws.percentile(float(12 * u.var()), 12 * (square - mean**2))


def _excess(u: Floats, of_row: Ints, number: int) -> Floats:
    """Return [block, edge] how many more of its transforms lie below the edge than the uniform law has there."""
    cell = np.minimum((u * _CELLS).astype(np.int64), _CELLS - 1)
    counts = np.bincount(of_row * _CELLS + cell, minlength=number * _CELLS).reshape(number, _CELLS)
    below = np.cumsum(counts, axis=1)
    edges = np.arange(1, _CELLS) / _CELLS
    excess: Floats = below[:, :-1] - below[:, -1:] * edges
    return excess


def _distances(signs: Floats, excess: Floats, rows: int) -> Floats:
    edges = np.arange(1, _CELLS) / _CELLS
    distances: Floats = ((signs @ excess) ** 2 / (edges * (1 - edges))).mean(axis=1) / rows
    return distances
