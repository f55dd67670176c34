"""Recalibration by pooling adjacent violators, and how it splits a score: mean score = MCB − DSC + UNC.

After Dimitriadis, Gneiting and Jordan (2021): the calibrated probability is the isotonic regression of the outcomes on
the forecasts, so there are no bins to choose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression
from scipy.special import xlog1py, xlogy

from kwx.scoring.inputs import LOG_FLOOR, Bools, Floats, Ints, log_floor, outcomes, probabilities
from warehouse.errors import Refused


@dataclass(frozen=True, kw_only=True)
class Decomposition:
    """A mean score = miscalibration − discrimination + uncertainty; none of the three is negative.

    miscalibration: what recalibration would save. discrimination: by how much the recalibrated forecasts beat the best
    constant. uncertainty: the score of that constant, the share of hits.
    """

    score: float
    miscalibration: float
    discrimination: float
    uncertainty: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Forecasts:
    """Forecasts p [N] by value: the distinct ones in ascending order, how many rows each has, which each row is."""

    p: Floats
    value: Floats
    rows: Floats
    of_row: Ints

    def hits(self, came: Bools) -> Floats:
        """Return how many rows of each distinct forecast came true."""
        return np.bincount(self.of_row[came], minlength=len(self.value)).astype(np.float64)


def sort_forecasts(p: ArrayLike) -> Forecasts:
    """Sort forecasts once, for as many recalibrations as wanted; refuse none at all."""
    chances = probabilities(p)
    if len(chances) == 0:
        raise Refused("there is no forecast to recalibrate")
    value, of_row, rows = np.unique(chances, return_inverse=True, return_counts=True)
    return Forecasts(p=chances, value=value, rows=rows.astype(np.float64), of_row=of_row.astype(np.int64))


def recalibrate(forecasts: Forecasts, hits: Floats) -> Floats:
    """Return the share of hits at each distinct forecast, made never to fall by pooling neighbours."""
    curve: Floats = isotonic_regression(hits / forecasts.rows, weights=forecasts.rows).x
    return np.clip(curve, 0.0, 1.0)


def brier_miscalibration(forecasts: Forecasts, hits: Floats, curve: Floats) -> float:
    """Return mean (p − hit)² − mean (curve − hit)², from counts alone: a pool's mean is the share of its hits."""
    value, rows = forecasts.value, forecasts.rows
    return float(value @ (rows * value - 2 * hits) + curve @ (rows * curve)) / len(forecasts.p)


def brier_parts(p: ArrayLike, *, hit: ArrayLike) -> Decomposition:
    """Split the mean Brier score of forecasts [N]."""
    return parts_of_brier(*_recalibrated_rows(p, hit))


def log_loss_parts(p: ArrayLike, *, hit: ArrayLike, floor: float = LOG_FLOOR) -> Decomposition:
    """Split the mean log loss of forecasts [N], themselves clipped to floor … 1 − floor."""
    return parts_of_log_loss(*_recalibrated_rows(p, hit), floor=floor)


def parts_of_brier(p: Floats, curve: Floats, came: Bools) -> Decomposition:
    """Split the mean Brier score, given what each row's forecast is recalibrated to."""
    scores = [float(np.mean((chance - came) ** 2)) for chance in (p, curve, came.mean())]
    return _parts(*scores)


def parts_of_log_loss(p: Floats, curve: Floats, came: Bools, *, floor: float = LOG_FLOOR) -> Decomposition:
    """Split the mean log loss, given what each row's forecast is recalibrated to; only p is clipped."""
    clipped = np.clip(p, log_floor(floor), 1 - floor)
    scores = [float(-np.mean(xlogy(came, q) + xlog1py(~came, -q))) for q in (clipped, curve, came.mean())]
    return _parts(*scores)


def _parts(score: float, recalibrated: float, constant: float) -> Decomposition:
    return Decomposition(
        score=score,
        miscalibration=score - recalibrated,
        discrimination=constant - recalibrated,
        uncertainty=constant,
    )


def _recalibrated_rows(p: ArrayLike, hit: ArrayLike) -> tuple[Floats, Floats, Bools]:
    forecasts = sort_forecasts(p)
    came = outcomes(hit, rows=len(forecasts.p))
    return forecasts.p, recalibrate(forecasts, forecasts.hits(came))[forecasts.of_row], came
