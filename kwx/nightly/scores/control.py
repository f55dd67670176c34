"""Drift: whether the last dates' scores lie outside the limits that the dates before them set.

Judged is the mean over the last dates, each counting once. Its limits are those within which the mean of so many dates
would lie were they like the dates before: their mean, give or take some standard errors. Two scores are judged, each
comparable from day to day: the excess of the Brier score over what the probabilities claim themselves, either way, and
the calibration error, upward alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from kwx.config.nightly import DriftFields
from warehouse.lake.tables.contract import ALL_CITIES

EXCESS, ECE = "excess", "ece"


@dataclass(frozen=True, kw_only=True)
class Control:
    """One score of one source against its limits; no limits where too few dates set them."""

    source: str
    score: str
    value: float
    dates: int
    centre: float | None
    low: float | None
    high: float | None
    limit_dates: int

    @property
    def has_drifted(self) -> bool:
        """Whether the last dates lie outside the limits."""
        if self.low is None or self.high is None:
            return False
        return self.value > self.high or (self.score == EXCESS and self.value < self.low)

    def __str__(self) -> str:
        limits = "without limits" if self.low is None else f"limits {self.low:.4f} … {self.high:.4f}"
        return (
            f"{self.score} of {self.source} is {self.value:.4f} over {self.dates} dates,"
            f" {limits} of {self.limit_dates} dates before"
        )


def controls_of(scores: pl.DataFrame, fields: DriftFields) -> list[Control]:
    """Return every source's scores against their limits; scores are those of all cities together."""
    whole = scores.filter(pl.col("city") == ALL_CITIES).with_columns(excess=pl.col("brier") - pl.col("claimed"))
    by_source = whole.sort("event_date").partition_by("source", as_dict=True)
    return [one for (source,), rows in sorted(by_source.items()) for one in _of_source(str(source), rows, fields)]


def _of_source(source: str, rows: pl.DataFrame, fields: DriftFields) -> Iterator[Control]:
    recent = min(fields.recent_dates, rows.height)
    for score in (EXCESS, ECE):
        values = rows[score].to_numpy()
        last, before = values[-recent:], values[:-recent][-fields.limit_dates :]
        centre = low = high = None
        if len(before) >= fields.least_dates:
            centre = float(before.mean())
            reach = fields.sigmas * float(before.std(ddof=1)) / np.sqrt(recent)
            low, high = centre - reach, centre + reach
        yield Control(
            source=source, score=score, value=float(last.mean()), dates=recent, centre=centre, low=low, high=high,
            limit_dates=len(before),
        )  # fmt: skip
