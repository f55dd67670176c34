"""Whether a calibrator is worth having: every date is mended by a fit to the other dates, and must lose less by it.

Rows are many where dates are few, and the rows of a date settle together. So a rule that counts rows says nothing of
what a calibrator has learnt; what it loses on a date that it has not seen does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kwx.models.calibration.methods import fit_calibrator
from kwx.models.contract import Floats
from kwx.scoring.contracts import log_loss
from kwx.scoring.inputs import Bools


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Mean log losses over dates, each counting once: of the model as it is, and mended by a fit to the other dates."""

    own: float
    mended: float
    dates: int

    @property
    def helps(self) -> bool:
        """Whether mending loses less; of a single date nothing is known, so that it does not."""
        return self.mended < self.own


def left_out(method: str, p: Floats, hit: Bools, days: NDArray[np.generic]) -> LeftOut:
    """Leave each date out once; one whose other dates all came out alike stays as it is."""
    mended = p.copy()
    distinct, date_of, count = np.unique(days, return_inverse=True, return_counts=True)
    for number in range(len(distinct)):
        out = date_of == number
        others = hit[~out]
        if 0 < others.sum() < len(others):
            mended[out] = fit_calibrator(method, p[~out], others).apply(p[out])
    own, other = (float((np.bincount(date_of, weights=log_loss(one, hit=hit)) / count).mean()) for one in (p, mended))
    return LeftOut(own=own, mended=other, dates=len(distinct))
