"""What the fit of one window hands on: the model, what it said of the test dates, and how good that was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from kwx.models.contract import Calibrator, Fitted
from kwx.models.windows import Window
from warehouse.lake.tables.research import SETTLEMENT_HORIZON

NOT_JUDGED = "not judged"
"""How the note begins by which a fit says that too few dates could tell whether it is better than its prior."""

EVERY_BRACKET = "all"
"""Where a model speaks of every bracket of an event at once."""

PREDICTED = {
    "city": pl.String(),
    "event_date": pl.Date(),
    "market_ticker": pl.String(),
    "ts_utc": pl.Datetime("us", "UTC"),
    "p_model": pl.Float64(),
    "p_calibrated": pl.Float64(),
    "outcome": pl.Boolean(),
}
"""The columns of an artifact's predictions; outcome is null where it is not known yet."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Artifact:
    """One fitted window.

    bracket: the strike type that the model speaks of, or `all`. horizon: as in the table predictions. params: what the
    search chose. metrics: of the test dates, with their counts. config: all that was asked, as JSON has it.
    """

    family: str
    city: str
    bracket: str
    horizon: str
    window: Window
    fitted: Fitted
    calibrator: Calibrator | None
    predictions: pl.DataFrame
    params: Mapping[str, Any]
    metrics: Mapping[str, Any]
    config: Mapping[str, Any]
    seed: int
    snapshot: int
    notes: tuple[str, ...] = field(default=())

    @property
    def model_id(self) -> str:
        """How predictions name the model: kind, city, bracket and window."""
        return f"{kind_of(self.family, self.horizon)}_{self.city}_{self.bracket}_{self.window.name}"


def kind_of(family: str, horizon: str) -> str:
    """Return what tells models of one city, bracket and window apart: the family, and what is not the settlement."""
    return family if horizon == SETTLEMENT_HORIZON else f"{family}-{horizon}"
