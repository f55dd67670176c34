"""The methods by name: one fits by it, the other reads back what was stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from numpy.typing import ArrayLike

from kwx.models.calibration.document import FIT_AGAIN
from kwx.models.calibration.isotonic import Isotonic
from kwx.models.calibration.parametric import Beta, Platt, Temperature
from kwx.models.calibration.sample import Sample, sample_of
from kwx.models.contract import Calibrator
from warehouse.errors import Refused, Usage


class Fittable(Calibrator, Protocol):
    """A calibrator of which it is known how many numbers were fitted."""

    @property
    def numbers(self) -> int:
        """How many numbers were fitted."""


class Method(Protocol):
    """How calibrators of one method are made."""

    def fitted(self, sample: Sample) -> Fittable:
        """Fit one."""

    def of(self, document: Mapping[str, object]) -> Fittable:
        """Read one back."""


METHODS: Mapping[str, Method] = {"temperature": Temperature, "platt": Platt, "beta": Beta, "isotonic": Isotonic}
"""All methods, the one with the fewest numbers first."""


def fit_calibrator(method: str, p: ArrayLike, y: ArrayLike, *, weights: ArrayLike | None = None) -> Fittable:
    """Fit a calibrator to probabilities [N] and what came of them, each row with its weight (1 if none is said)."""
    if method not in METHODS:
        raise Usage(f"there is no calibration method {method!r}", hint=f"methods: {' '.join(METHODS)}")
    return METHODS[method].fitted(sample_of(p, y, weights=weights))


def calibrator_of(document: Mapping[str, object]) -> Fittable:
    """Read a calibrator back from its document, to the bit; refuse a foreign or altered one."""
    method = document.get("method")
    if not isinstance(method, str) or method not in METHODS:
        raise Refused(f"{method!r} is no calibration method: {' '.join(METHODS)}", hint=FIT_AGAIN)
    return METHODS[method].of(document)
