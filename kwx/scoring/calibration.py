"""Calibration errors: how far shares of hits lie from forecasts, in bins of equal mass or of equal width.

All of them have a floor of chance: calibrated forecasts have an error too, the larger the fewer rows a bin has. So they
compare forecasts of the same rows and judge none; reliability judges.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from kwx.scoring.corp import Forecasts, sort_forecasts
from kwx.scoring.inputs import Floats, Ints, outcomes
from kwx.scoring.resampling import Draws, Estimate
from warehouse.errors import Usage

ECE_BINS = 15


class Bins(StrEnum):
    """What bins share: as many rows each, or as wide a piece of 0 … 1 each."""

    MASS = "mass"
    WIDTH = "width"


def bins_of(forecasts: Forecasts, *, bins: int = ECE_BINS, by: Bins = Bins.MASS) -> Ints:
    """Return the bin of each distinct forecast; rows of equal forecasts share one, so their order means nothing.

    A forecast on the edge of two bins of equal width lies in the upper one, and 1 in the last.
    """
    if bins < 1:
        raise Usage(f"{bins} bins hold no forecast")
    middle = np.cumsum(forecasts.rows) - 0.5 * forecasts.rows
    share = middle / len(forecasts.p) if by is Bins.MASS else forecasts.value
    return np.minimum((bins * share).astype(np.int64), bins - 1)


def calibration_error(forecasts: Forecasts, hits: Floats, *, bins: int = ECE_BINS, by: Bins = Bins.MASS) -> float:
    """Return the ECE: mean |share of hits − mean forecast| over the bins, each counting as many rows as it has."""
    gap, _ = _gaps(forecasts, hits, bins, by)
    return float(gap.sum() / len(forecasts.p))


def largest_calibration_error(
    forecasts: Forecasts, hits: Floats, *, bins: int = ECE_BINS, by: Bins = Bins.MASS
) -> float:
    """Return the MCE: the largest |share of hits − mean forecast| of any bin that has rows."""
    gap, rows = _gaps(forecasts, hits, bins, by)
    return float((gap[rows > 0] / rows[rows > 0]).max())


def calibration_error_of(
    p: ArrayLike, *, hit: ArrayLike, draws: Draws, bins: int = ECE_BINS, by: Bins = Bins.MASS
) -> Estimate:
    """Return the ECE of forecasts [N] with its interval; the bins are those of all rows, in every draw.

    Draws add as much chance as the rows have already, less what the two share: so not all of it is taken away, and the
    interval of forecasts that are calibrated can end above 0.
    """
    forecasts = sort_forecasts(p)
    came = outcomes(hit, rows=len(forecasts.p))
    value = calibration_error(forecasts, forecasts.hits(came), bins=bins, by=by)
    bin_of_row = bins_of(forecasts, bins=bins, by=by)[forecasts.of_row]
    gaps = draws.totals_by(came - forecasts.p, bin_of_row, bins)
    return draws.pivoted(value, np.abs(gaps).sum(axis=1) / draws.rows_drawn, centre=value)


def _gaps(forecasts: Forecasts, hits: Floats, bins: int, by: Bins) -> tuple[Floats, Floats]:
    """Return |hits − sum of forecasts| of each bin, and how many rows it has."""
    which = bins_of(forecasts, bins=bins, by=by)
    gap: Floats = np.abs(np.bincount(which, weights=hits - forecasts.rows * forecasts.value, minlength=bins))
    return gap, np.bincount(which, weights=forecasts.rows, minlength=bins).astype(np.float64)
