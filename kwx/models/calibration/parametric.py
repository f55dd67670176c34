"""Calibrators of one, two and three numbers: temperature, platt, beta."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kwx.models.calibration.document import number_of, require_rising
from kwx.models.calibration.logistic import fit_logistic
from kwx.models.calibration.sample import Sample, logs, sigmoid
from kwx.models.contract import Floats
from kwx.scoring.inputs import probabilities


@dataclass(frozen=True, kw_only=True)
class Temperature:
    """The log-odds times one sharpness (1 / temperature): 1 changes no bit, less doubts, 0 says a half."""

    sharpness: float
    method: str = "temperature"

    def __post_init__(self) -> None:
        require_rising(self.method, self.sharpness)

    @property
    def numbers(self) -> int:
        """How many numbers were fitted."""
        return 1

    def apply(self, p: Floats) -> Floats:
        """Return sigmoid(sharpness · log-odds of p)."""
        chances = probabilities(p)
        if self.sharpness == 1:
            return chances
        yes, no = logs(chances)
        calibrated: Floats = sigmoid(self.sharpness * (yes - no))
        return calibrated

    def document(self) -> dict[str, object]:
        """Return the numbers as JSON has them."""
        return {"method": self.method, "sharpness": self.sharpness}

    @classmethod
    def fitted(cls, sample: Sample) -> Temperature:
        """Return the temperature with the least log loss."""
        yes, no = logs(sample.p)
        (sharpness,) = fit_logistic((yes - no)[None, :], sample.mass, sample.targets, not_below_0=(0,))
        return cls(sharpness=float(sharpness))

    @classmethod
    def of(cls, document: Mapping[str, object]) -> Temperature:
        """Read it back."""
        return cls(sharpness=number_of(document, "sharpness"))


@dataclass(frozen=True, kw_only=True)
class Platt:
    """A line in the log-odds."""

    slope: float
    intercept: float
    method: str = "platt"

    def __post_init__(self) -> None:
        require_rising(self.method, self.slope)

    @property
    def numbers(self) -> int:
        """How many numbers were fitted."""
        return 2

    def apply(self, p: Floats) -> Floats:
        """Return sigmoid(slope · log-odds of p + intercept)."""
        yes, no = logs(probabilities(p))
        calibrated: Floats = sigmoid(self.slope * (yes - no) + self.intercept)
        return calibrated

    def document(self) -> dict[str, object]:
        """Return the numbers as JSON has them."""
        return {"method": self.method, "slope": self.slope, "intercept": self.intercept}

    @classmethod
    def fitted(cls, sample: Sample) -> Platt:
        """Return the line with the least log loss that does not fall."""
        yes, no = logs(sample.p)
        columns = np.stack([yes - no, np.ones(len(yes))])
        slope, intercept = fit_logistic(columns, sample.mass, sample.targets, not_below_0=(0,))
        return cls(slope=float(slope), intercept=float(intercept))

    @classmethod
    def of(cls, document: Mapping[str, object]) -> Platt:
        """Read it back."""
        return cls(slope=number_of(document, "slope"), intercept=number_of(document, "intercept"))


@dataclass(frozen=True, kw_only=True)
class Beta:
    """Log-odds a·ln p − b·ln(1 − p) + c: low and high probabilities may be bent apart; a = b is platt."""

    a: float
    b: float
    c: float
    method: str = "beta"

    def __post_init__(self) -> None:
        require_rising(self.method, self.a, self.b)

    @property
    def numbers(self) -> int:
        """How many numbers were fitted."""
        return 3

    def apply(self, p: Floats) -> Floats:
        """Return sigmoid(a · ln p − b · ln(1 − p) + c)."""
        yes, no = logs(probabilities(p))
        calibrated: Floats = sigmoid(self.a * yes - self.b * no + self.c)
        return calibrated

    def document(self) -> dict[str, object]:
        """Return the numbers as JSON has them."""
        return {"method": self.method, "a": self.a, "b": self.b, "c": self.c}

    @classmethod
    def fitted(cls, sample: Sample) -> Beta:
        """Return the curve with the least log loss that does not fall."""
        yes, no = logs(sample.p)
        columns = np.stack([yes, -no, np.ones(len(yes))])
        a, b, c = fit_logistic(columns, sample.mass, sample.targets, not_below_0=(0, 1))
        return cls(a=float(a), b=float(b), c=float(c))

    @classmethod
    def of(cls, document: Mapping[str, object]) -> Beta:
        """Read it back."""
        return cls(a=number_of(document, "a"), b=number_of(document, "b"), c=number_of(document, "c"))
