"""What a feature is: a number for each row of a panel, declared with the columns that it reads.

A panel's columns describe a row's own minute and are known by then (the views promise it), so an expression over one
row cannot see the future. A column is missing where the panel has null; then the feature is NaN, and the model says
what it does with that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from warehouse.errors import Refused

Floats = NDArray[np.float64]

NEVER_READ = (
    "label_f", "label_source", "label_known_utc", "settled_yes", "p_model", "p_calibrated", "p_served", "model_id",
    "wf_window",
)  # fmt: skip
"""How an event ended, and what models said of it: no feature reads these."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Feature:
    """One column of numbers.

    sources: the columns of the panel that `value` reads, and no other. known: when, in words.
    """

    name: str
    meaning: str
    sources: tuple[str, ...]
    value: pl.Expr
    unit: str = ""
    known: str = "ts_utc"

    def __post_init__(self) -> None:
        read = set(self.value.meta.root_names())
        if read != set(self.sources):
            raise ValueError(f"feature {self.name} declares {sorted(self.sources)} and reads {sorted(read)}")
        if told := read.intersection(NEVER_READ):
            raise ValueError(f"feature {self.name} reads {sorted(told)}, which says how the event ended or was judged")


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureSet:
    """Features under a name, in the order in which a model sees them."""

    name: str
    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"features {self.name} has two of one name: {sorted(self.names)}")

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are built."""
        return tuple(feature.name for feature in self.features)

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns of the panel that are read."""
        return tuple(dict.fromkeys(name for feature in self.features for name in feature.sources))

    def build(self, panel: pl.DataFrame) -> pl.DataFrame:
        """Return one row of numbers for each row of the panel, in its order; NaN where nothing is known."""
        self._require(panel)
        columns = [one.value.cast(pl.Float64).fill_null(float("nan")).alias(one.name) for one in self.features]
        # Lazily what several features share is computed once; the in-memory engine keeps the order of rows.
        return panel.lazy().select(columns).collect(engine="in-memory")

    def matrix(self, panel: pl.DataFrame) -> Floats:
        """Return the features as numbers [rows, features]."""
        matrix: Floats = self.build(panel).to_numpy()
        return matrix

    def without(self, names: Sequence[str], *, name: str) -> FeatureSet:
        """Return the set without some of its features, under another name."""
        return FeatureSet(name=name, features=tuple(one for one in self.features if one.name not in names))

    def _require(self, panel: pl.DataFrame) -> None:
        missing = [name for name in self.sources if name not in panel.columns]
        if missing:
            raise Refused(
                f"features {self.name}: the panel lacks {', '.join(missing)}",
                hint="read it with read_panel, which brings every column of minute_panel_labeled",
            )
