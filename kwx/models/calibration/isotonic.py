"""The isotonic regression of outcomes on probabilities, by pooling adjacent violators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from kwx.models.calibration.document import FIT_AGAIN, numbers_of
from kwx.models.calibration.sample import Sample
from kwx.models.contract import Floats
from kwx.scoring.inputs import LOG_FLOOR, probabilities
from warehouse.errors import Refused

LEAST_ROWS = 1_000
"""Of fewer rows an isotonic regression learns chance."""


@dataclass(frozen=True, kw_only=True)
class Isotonic:
    """Straight lines between corners (x, y), flat before the first and after the last.

    Nothing is said to be surer than 1 / (n + 2) of n rows allow, and never surer than the floor of the log loss.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    method: str = "isotonic"

    def __post_init__(self) -> None:
        x, y = np.asarray(self.x), np.asarray(self.y)
        rising = len(x) == len(y) > 0 and (np.diff(x) > 0).all() and (np.diff(y) >= 0).all()
        if not (rising and min(x[0], y[0]) >= 0 and max(x[-1], y[-1]) <= 1):
            raise Refused("the corners of an isotonic calibrator do not rise within 0 … 1", hint=FIT_AGAIN)

    @property
    def numbers(self) -> int:
        """How many numbers were fitted: those of the corners."""
        return len(self.x) + len(self.y)

    def apply(self, p: Floats) -> Floats:
        """Return the height of the lines at p."""
        calibrated: Floats = np.interp(probabilities(p), self.x, self.y)
        return calibrated

    def document(self) -> dict[str, object]:
        """Return the corners as JSON has them."""
        return {"method": self.method, "x": list(self.x), "y": list(self.y)}

    @classmethod
    def fitted(cls, sample: Sample) -> Isotonic:
        """Return the regression, clipped away from 0 and 1, by its corners alone."""
        curve = isotonic_regression(sample.hits / sample.mass, weights=sample.mass).x
        floor = max(LOG_FLOOR, 1 / (float(sample.mass.sum()) + 2))
        y = np.clip(curve, floor, 1 - floor)
        corner = np.ones(len(y), dtype=np.bool_)
        corner[1:-1] = (y[1:-1] != y[:-2]) | (y[1:-1] != y[2:])
        return cls(x=tuple(sample.p[corner].tolist()), y=tuple(y[corner].tolist()))

    @classmethod
    def of(cls, document: Mapping[str, object]) -> Isotonic:
        """Read it back."""
        return cls(x=numbers_of(document, "x"), y=numbers_of(document, "y"))
