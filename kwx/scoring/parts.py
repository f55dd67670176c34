"""The parts of a mean Brier score with their intervals: miscalibration, discrimination, uncertainty.

Each draw of dates is recalibrated for itself, on cells of neighbouring forecasts instead of single ones, which bounds
the cost whatever the number of rows. The values themselves are exact; only how far draws stray is read off the cells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression

from kwx.scoring.calibration import bins_of
from kwx.scoring.corp import parts_of_brier, recalibrate, sort_forecasts
from kwx.scoring.inputs import Floats, Ints, outcomes
from kwx.scoring.resampling import Draws, Estimate

CELLS = 100
RECALIBRATED = 400
"""So many draws are recalibrated; more move no bound that is shown."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A mean Brier score = miscalibration − discrimination + uncertainty, each with its interval."""

    miscalibration: Estimate
    discrimination: Estimate
    uncertainty: Estimate


def brier_parts_of(p: ArrayLike, *, hit: ArrayLike, draws: Draws) -> Parts:
    """Split the mean Brier score of forecasts [N], with the intervals that draws of dates give.

    Recalibration fits chance too, and so lifts miscalibration and discrimination; their intervals take that away.
    """
    forecasts = sort_forecasts(p)
    came = outcomes(hit, rows=len(forecasts.p))
    exact = parts_of_brier(forecasts.p, recalibrate(forecasts, forecasts.hits(came))[forecasts.of_row], came)
    cell = bins_of(forecasts, bins=CELLS)[forecasts.of_row]
    few, once = (replace(draws, times=some) for some in (draws.times[:RECALIBRATED], np.ones((1, draws.blocks.number))))
    scores = (forecasts.p - came) ** 2
    drawn, (centre,) = (_parts_drawn(scores, came.astype(np.float64), cell, some) for some in (few, once))
    return Parts(
        miscalibration=few.pivoted(exact.miscalibration, drawn[:, 0], centre=centre[0]),
        discrimination=few.pivoted(exact.discrimination, drawn[:, 1], centre=centre[1]),
        uncertainty=few.percentile(exact.uncertainty, drawn[:, 2]),
    )


def _parts_drawn(scores: Floats, came: Floats, cell: Ints, draws: Draws) -> Floats:
    """Return [R, 3] the three parts in each draw, recalibrated on cells."""
    rows = draws.rows_drawn
    hits = draws.totals_by(came, cell, CELLS)
    in_cell = draws.totals_by(np.ones(len(came)), cell, CELLS)
    share = hits.sum(axis=1) / rows
    recalibrated = share - _squares_kept(hits, in_cell) / rows
    uncertainty = share * (1 - share)
    return np.column_stack([draws.totals(scores) / rows - recalibrated, uncertainty - recalibrated, uncertainty])


def _squares_kept(hits: Floats, rows: Floats) -> Floats:
    """Return Σ rows · curve² [R]: what recalibration takes off Σ hits, for a pool's curve is its share of hits.

    All draws are one regression: each stands two above the one before, so that no pool reaches across.
    """
    some = np.flatnonzero(rows)
    draw, weights = some // rows.shape[1], rows.ravel()[some]
    apart = 2.0 * draw
    curve = isotonic_regression(hits.ravel()[some] / weights + apart, weights=weights).x - apart
    kept: Floats = np.bincount(draw, weights=weights * curve**2, minlength=len(rows)).astype(np.float64)
    return kept
