"""Reliability: how often what was forecast with p came true, with the band in which calibrated forecasts stay.

The band is made by drawing outcomes from the forecasts themselves and recalibrating those. Rows of one date share one
draw, as dependent as they can be, so that hours, brackets and cities of a date never count as independent evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from kwx.scoring.blocks import Blocks, blocks_of
from kwx.scoring.calibration import ECE_BINS, calibration_error
from kwx.scoring.corp import (
    Decomposition,
    Forecasts,
    brier_miscalibration,
    parts_of_brier,
    parts_of_log_loss,
    recalibrate,
    sort_forecasts,
)
from kwx.scoring.inputs import Bools, Floats, outcomes, probabilities
from warehouse.errors import Usage

GRID_POINTS = 41
_TINY = 1e-9
_LEAST_BEYOND = 5  # so many resampled curves must lie beyond the band


@dataclass(frozen=True, kw_only=True, eq=False)
class Reliability:
    """A reliability curve and what it says.

    forecast, observed: [G] the recalibrated share of hits at evenly spaced forecasts, from the least to the largest.
    low, high: [G] the band; a calibrated forecast stays inside it everywhere with probability `level`.
    outside: [G] where the curve leaves it; inside: it does nowhere.
    p_value: how often calibrated forecasts would be miscalibrated as much (MCB of the Brier score) by chance.
    ece: mean |share of hits − mean forecast| over bins of equal mass; it has a floor of chance, so it judges nothing.
    """

    forecast: Floats
    observed: Floats
    low: Floats
    high: Floats
    outside: Bools
    inside: bool
    level: float
    p_value: float
    brier: Decomposition
    log_loss: Decomposition
    ece: float
    rows: int
    dates: int

    def curve(self) -> pl.DataFrame:
        """Return the curve in its band as it is drawn: p, came, low and high."""
        return pl.DataFrame({"p": self.forecast, "came": self.observed, "low": self.low, "high": self.high})


def reliability(
    p: ArrayLike,
    *,
    hit: ArrayLike,
    dates: ArrayLike,
    below: ArrayLike | None = None,
    level: float = 0.95,
    resamples: int = 500,
    bins: int = ECE_BINS,
    seed: int = 0,
) -> Reliability:
    """Recalibrate forecasts [N] and compare the curve with those of outcomes drawn from the forecasts, date by date.

    `below` is the probability of all colder brackets of the row's event: with it exactly one bracket of an event wins
    in each draw, which makes the band narrower, and right. Where cities are independent, let `dates` say city and date:
    rows that share a label without depending on each other make the band too wide.
    """
    forecasts = sort_forecasts(p)
    rows = len(forecasts.p)
    from_p = np.zeros(rows) if below is None else probabilities(below, name="below")
    _require_band(level, resamples, from_p, rows)
    came, blocks = outcomes(hit, rows=rows), blocks_of(dates, rows=rows, least=1)
    grid = _grid(forecasts)
    chance = _resampled(forecasts, blocks, from_p, grid, resamples=resamples, seed=seed)
    return _judged(forecasts, came, grid, chance, level=level, bins=bins, dates=blocks.number)


def _judged(
    forecasts: Forecasts,
    came: Bools,
    grid: Floats,
    chance: tuple[Floats, Floats],
    *,
    level: float,
    bins: int,
    dates: int,
) -> Reliability:
    """Compare the curve of what came, and its miscalibration, with those that chance alone makes."""
    curves, by_chance = chance
    hits = forecasts.hits(came)
    curve = recalibrate(forecasts, hits)
    low, high = band_of(curves, level)
    observed = np.interp(grid, forecasts.value, curve)
    outside = (observed < low - _TINY) | (observed > high + _TINY)
    found = brier_miscalibration(forecasts, hits, curve)
    return Reliability(
        forecast=grid,
        observed=observed,
        low=low,
        high=high,
        outside=outside,
        inside=not outside.any(),
        level=level,
        p_value=float((1 + np.count_nonzero(by_chance >= found - _TINY)) / (len(by_chance) + 1)),
        brier=parts_of_brier(forecasts.p, curve[forecasts.of_row], came),
        log_loss=parts_of_log_loss(forecasts.p, curve[forecasts.of_row], came),
        ece=calibration_error(forecasts, hits, bins=bins),
        rows=len(came),
        dates=dates,
    )


def _require_band(level: float, resamples: int, below: Floats, rows: int) -> None:
    if not 0 < level < 1:
        raise Usage(f"the level of a band lies between 0 and 1, not at {level}")
    if (resamples + 1) * (1 - level) < _LEAST_BEYOND:
        raise Usage(
            f"{resamples} resamples are too few for a band of level {level}",
            hint=f"take {np.ceil(_LEAST_BEYOND / (1 - level)):.0f} or more",
        )
    if len(below) != rows:
        raise Usage(f"below has {len(below)} entries; wanted are {rows}, one per row")


def _grid(forecasts: Forecasts) -> Floats:
    least, largest = forecasts.value[[0, -1]]
    return np.unique(np.linspace(least, largest, GRID_POINTS))


def _resampled(
    forecasts: Forecasts, blocks: Blocks, below: Floats, grid: Floats, *, resamples: int, seed: int
) -> tuple[Floats, Floats]:
    """Return the curves [resamples, G] of outcomes drawn from the forecasts, and their miscalibrations."""
    rng = np.random.default_rng(seed)
    curves, by_chance = np.empty((resamples, len(grid))), np.empty(resamples)
    above = below + forecasts.p
    for number in range(resamples):
        drawn = rng.random(blocks.number)[blocks.of_row]
        hits = forecasts.hits((drawn >= below) & (drawn < above))
        curve = recalibrate(forecasts, hits)
        curves[number] = np.interp(grid, forecasts.value, curve)
        by_chance[number] = brier_miscalibration(forecasts, hits, curve)
    return curves, by_chance


def band_of(curves: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the band that holds whole curves, not single points, with probability `level`.

    Distances to the mean curve count in units of their typical size, upwards and downwards apart, because shares near
    0 and 1 are skewed; the band reaches as far as the most distant point of all but 1 − level of the curves.
    """
    middle = curves.mean(axis=0)
    away = curves - middle
    up, down = (np.sqrt(np.mean(np.maximum(side, 0.0) ** 2, axis=0)) for side in (away, -away))
    distance = np.maximum(away / np.maximum(up, _TINY), -away / np.maximum(down, _TINY)).max(axis=1)
    rank = min(int(np.ceil((len(curves) + 1) * level)), len(curves)) - 1
    reach = np.sort(distance)[rank]
    return np.clip(middle - reach * down, 0.0, 1.0), np.clip(middle + reach * up, 0.0, 1.0)
