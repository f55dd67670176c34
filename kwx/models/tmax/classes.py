"""What the models tell: how many whole °F above the base a day settles, cut at −2 and +10; and what lies beyond.

The outermost classes are open. What is beyond them is shared out by the law of the forecast's error, fitted on the same
days: the chance of a degree beyond is in proportion to that of its distance from the forecast high.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtr

from kwx.features.tmax.snapshots import DEEPEST_F

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LOWEST, HIGHEST = DEEPEST_F, 10
CLASSES = HIGHEST - LOWEST + 1
ERROR_REACH_F = 30
"""Errors of forecasts are told apart up to so many degrees."""
_ASSUMED_DAYS = 10.0
"""So many days' weight has the normal law to which the counts of errors are added."""
_LEAST_SD_F = 1.0
_FAR, _FALLS_F = 1e-6, 1.5
"""Far from the forecast the chance falls by 1/e every so many degrees."""


def class_of(label_f: Ints, base_f: Ints) -> Ints:
    """Return [N] the class that a settlement is of, from 0 for −2 or less to 12 for +10 or more."""
    classes: Ints = np.clip(label_f - base_f, LOWEST, HIGHEST) - LOWEST
    return classes


def first_class(rows: pl.DataFrame) -> Ints:
    """Return [N] the lowest class that can still happen: 0 where the base is a forecast."""
    lowest = (pl.col("lowest_f") - pl.col("base_f") - LOWEST).fill_null(0).clip(0, CLASSES - 1)
    first: Ints = rows.select(lowest.cast(pl.Int64)).to_series().to_numpy()
    return first


@dataclass(frozen=True, kw_only=True, eq=False)
class ErrorLaw:
    """p: [2, 61] chances of settlement minus forecast high, −30 … +30; on the eve, and on the day."""

    p: Floats

    @classmethod
    def fit(cls, rows: pl.DataFrame) -> ErrorLaw:
        """Count the errors of the forecasts of labelled snapshots, each event once, onto a normal law of their own."""
        told = rows.filter(pl.col("forecast_high_f").is_not_null() & pl.col("label_f").is_not_null())
        error = pl.col("label_f") - (pl.col("forecast_high_f") + 0.5).floor()
        each = 1 / pl.len().over("city", "event_date", "is_eve")
        counted = told.select("is_eve", error.cast(pl.Int64).alias("error"), each.alias("weight"))
        return cls(p=np.array([_law(counted.filter(pl.col("is_eve") == is_eve)) for is_eve in (True, False)]))

    def at(self, error_f: Ints, is_eve: NDArray[np.bool_]) -> Floats:
        """Return the chance of each error [N, W] in the part of the day that each row [N] is of; it never ends."""
        held = np.clip(error_f, -ERROR_REACH_F, ERROR_REACH_F)
        chance: Floats = self.p[np.where(is_eve, 0, 1)[:, None], held + ERROR_REACH_F]
        fall: Floats = np.exp(-np.abs(error_f - held) / _FALLS_F)
        return chance * fall


def _law(counted: pl.DataFrame) -> Floats:
    error = np.clip(counted["error"].to_numpy(), -ERROR_REACH_F, ERROR_REACH_F)
    weight = counted["weight"].to_numpy()
    days = weight.sum()
    mean_f = float(error @ weight / days) if days else 0.0
    variance = float((error - mean_f) ** 2 @ weight / days) if days else 9.0
    # A few days say little of how wide the law is, so it is never narrow, and it never ends.
    sd_f = max(_LEAST_SD_F, variance**0.5) * (1 + 1 / max(days, 1.0))
    edges = np.arange(-ERROR_REACH_F - 0.5, ERROR_REACH_F + 1)
    far = _FAR * np.exp(-np.abs(np.arange(-ERROR_REACH_F, ERROR_REACH_F + 1) - mean_f) / _FALLS_F)
    normal = np.diff(ndtr((edges - mean_f) / sd_f)) + far
    counts = np.bincount(error + ERROR_REACH_F, weights=weight, minlength=2 * ERROR_REACH_F + 1)
    law: Floats = counts + _ASSUMED_DAYS * normal / normal.sum()
    law /= law.sum()
    return law
