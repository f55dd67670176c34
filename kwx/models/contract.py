"""What every model keeps, whatever its family.

- It is fitted on rows whose labels were known when the fit is said to be made, and serves later event dates only.
- `predict` is a function of one row each: later rows change nothing, nor does their order.
- A probability lies in [0, 1] and is finite, also for rows of which little is known.
- `files` holds all that `predict` needs as text or numbers, never code; `load` of them predicts the same to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Fitted(Protocol):
    """A fitted model."""

    @property
    def family(self) -> str:
        """The kind of model, by which its files are loaded."""

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that `predict` reads, in order."""

    def predict(self, rows: pl.DataFrame) -> Floats:
        """Return the probability of each row [N], or of each class of each row [N, K]."""

    def files(self) -> dict[str, bytes]:
        """Return the model as files: a name and what is in it, numbers as JSON, trees as LightGBM's text."""

    def degenerate(self) -> str | None:
        """Say why the model says nothing (constant, a single class, no coefficient), or None."""


class Family(Protocol):
    """How a model of one kind is read back."""

    @property
    def name(self) -> str:
        """The word that the command line, the card and model_runs know it by."""

    def load(self, files: Mapping[str, bytes]) -> Fitted:
        """Read a model back; refuse files that are not of this family."""


class Calibrator(Protocol):
    """A monotone function from a model's probability to a better one, fitted on days later than the model's."""

    @property
    def method(self) -> str:
        """The word that the table calibrators knows it by."""

    def apply(self, p: Floats) -> Floats:
        """Return calibrated probabilities [N] in [0, 1], in the order of p."""

    def document(self) -> dict[str, object]:
        """Return the numbers of the calibrator as JSON has them, its method among them."""
