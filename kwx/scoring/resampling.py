"""Intervals by drawing whole blocks of dates anew: where a number could as well have been, had other dates come.

Percentiles of few blocks lie too close together, so their tails are taken further out ("expanded percentiles",
Hesterberg 2015): those of Student's law with one degree of freedom fewer than blocks, and √(n / (n − 1)) wider.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, stdtrit

from kwx.scoring.blocks import Blocks, blocks_of
from kwx.scoring.inputs import Floats, Ints, finite
from warehouse.errors import Refused, Usage

LEAST_BLOCKS = 6
"""Fewer blocks say nothing of how far blocks lie apart."""
RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number, and the interval in which it lies with probability `level`; NaN bounds where dates are too few."""

    value: float
    low: float
    high: float
    level: float
    rows: int
    dates: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Draws:
    """Blocks drawn with replacement: times[r, b] says how often draw r holds block b; no draws of too few blocks."""

    blocks: Blocks
    dates: int
    times: Floats
    level: float

    @cached_property
    def rows_of_block(self) -> Floats:
        """How many rows each block has."""
        return np.bincount(self.blocks.of_row, minlength=self.blocks.number).astype(np.float64)

    @cached_property
    def rows_drawn(self) -> Floats:
        """How many rows each draw has."""
        drawn: Floats = self.times @ self.rows_of_block
        return drawn

    def of_rows(self, row: Ints) -> Draws:
        """Return the same draws of other rows, each of which has the block of one of these."""
        return replace(self, blocks=Blocks(of_row=self.blocks.of_row[row], number=self.blocks.number))

    def totals(self, values: Floats) -> Floats:
        """Return the sum of values [N] in each draw."""
        of_block = np.bincount(self.blocks.of_row, weights=values, minlength=self.blocks.number)
        drawn: Floats = self.times @ of_block
        return drawn

    def totals_by(self, values: Floats, group: Ints, groups: int) -> Floats:
        """Return the sum of values [N] of each group in each draw: [R, groups]."""
        place = self.blocks.of_row * groups + group
        of_block = np.bincount(place, weights=values, minlength=self.blocks.number * groups)
        drawn: Floats = self.times @ of_block.reshape(self.blocks.number, groups)
        return drawn

    def percentile(self, value: float, drawn: Floats) -> Estimate:
        """Return a number between the percentiles of what it was in each draw."""
        return self._estimate(value, *self._quantiles(drawn))

    def pivoted(self, value: float, drawn: Floats, *, centre: float) -> Estimate:
        """Return a number that chance alone lifts, such as a mean distance, in an interval that takes the lift away.

        What the draws add to the centre is taken off the value, end for end. The interval never leaves out the value
        itself, and does not reach below 0.
        """
        low, high = self._quantiles(drawn)
        return self._estimate(value, max(min(value, value + centre - high), 0.0), max(value, value + centre - low))

    def _quantiles(self, drawn: Floats) -> tuple[float, float]:
        if not len(drawn):
            return math.nan, math.nan
        low, high = np.quantile(drawn, tails(self.level, blocks=self.blocks.number))
        return float(low), float(high)

    def _estimate(self, value: float, low: float, high: float) -> Estimate:
        bounds = (low, high) if len(self.times) else (math.nan, math.nan)
        return Estimate(
            value=value,
            low=bounds[0],
            high=bounds[1],
            level=self.level,
            rows=len(self.blocks.of_row),
            dates=self.dates,
        )


def draw(
    dates: ArrayLike, *, rows: int, block_days: int = 1, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Draws:
    """Draw whole blocks of dates, as many as there are, again and again; the same seed draws the same."""
    require_level(level)
    by_date = blocks_of(dates, rows=rows, least=1)
    blocks = by_date if block_days == 1 else blocks_of(dates, rows=rows, block_days=block_days, least=1)
    enough = resamples if blocks.number >= LEAST_BLOCKS else 0
    return Draws(blocks=blocks, dates=by_date.number, times=drawn_times(blocks.number, enough, seed=seed), level=level)


def drawn_times(number: int, resamples: int, *, seed: int) -> Floats:
    """Return [resamples, number] how often each of some blocks is drawn when as many are drawn with replacement."""
    drawn = np.random.default_rng(seed).integers(number, size=(resamples, number))
    place = number * np.arange(resamples)[:, None] + drawn
    times = np.bincount(place.ravel(), minlength=resamples * number)
    return times.reshape(resamples, number).astype(np.float64)


def tails(level: float, *, blocks: int) -> tuple[float, float]:
    """Return the two probabilities whose quantiles bound an interval of some blocks, expanded where these are few."""
    reach = stdtrit(blocks - 1, (1 + level) / 2) * math.sqrt(blocks / (blocks - 1))
    tail = float(ndtr(-reach))
    return tail, 1 - tail


def require_level(level: float) -> None:
    """Refuse a level that no interval can have."""
    if not 0 < level < 1:
        raise Usage(f"the level of an interval lies between 0 and 1, not at {level}")


def mean_of(values: ArrayLike, *, draws: Draws) -> Estimate:
    """Return the mean of values [N], every row alike, with its interval."""
    numbers = finite(values, name="values", rows=len(draws.blocks.of_row))
    if not len(numbers):
        raise Refused("there is no row to take the mean of")
    return draws.percentile(float(numbers.mean()), draws.totals(numbers) / draws.rows_drawn)
