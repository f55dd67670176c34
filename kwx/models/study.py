"""Pooled or per city: one family, fitted both ways on the same windows, is judged on the same rows of later dates.

The pooled fit is made once a window, for the city `all`; the other once for each city. Both speak of every test row;
what one of them leaves out counts for neither.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from kwx.models.artifact import PREDICTED
from kwx.models.contract import Floats
from kwx.models.windows import Window
from kwx.scoring.contracts import brier, log_loss
from kwx.scoring.paired import compare
from kwx.scoring.resampling import LEAST_BLOCKS
from warehouse.errors import Refused
from warehouse.lake.tables.contract import ALL_CITIES

POOLED, PER_CITY, NO_DIFFERENCE = "pooled", "per city", "no difference"
TOO_FEW = "too few dates"
_KEYS = ("city", "event_date", "market_ticker", "ts_utc")


@dataclass(frozen=True, kw_only=True, eq=False)
class Said:
    """What the fit of one window, of one city or of `all`, says of its test dates."""

    city: str
    window: Window
    predictions: pl.DataFrame


@dataclass(frozen=True, kw_only=True)
class Paired:
    """A mean score both ways, and the difference pooled − per city with its interval; NaN bounds on too few dates."""

    pooled: float
    per_city: float
    difference: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, kw_only=True)
class StudyLine:
    """What one city, or `all`, says: both scores both ways, on how many rows of how many dates."""

    city: str
    log_loss: Paired
    brier: Paired
    rows: int
    dates: int

    @property
    def generalises(self) -> str:
        """Which way has the lower log loss on later dates beyond chance."""
        if math.isnan(self.log_loss.high):
            return TOO_FEW
        if self.log_loss.high < 0:
            return POOLED
        return PER_CITY if self.log_loss.low > 0 else NO_DIFFERENCE


@dataclass(frozen=True, kw_only=True)
class Study:
    """One family and bracket on some windows: all cities together first, then each."""

    family: str
    bracket: str
    snapshot: int
    windows: tuple[Window, ...]
    lines: tuple[StudyLine, ...]
    level: float
    notes: tuple[str, ...]

    def of(self, city: str) -> StudyLine:
        """Return what a city says."""
        return next(line for line in self.lines if line.city == city)


def study(
    said: Sequence[Said],
    cities: Sequence[str],
    *,
    family: str,
    bracket: str,
    snapshot: int,
    notes: Sequence[str] = (),
    level: float = 0.95,
    seed: int = 0,
) -> Study:
    """Compare what a family says of the same test rows, fitted for all cities together and for each of some.

    notes: which fits were refused, and why.
    """
    both = _both_ways(said, cities)
    if both.is_empty():
        raise Refused(
            "no test row was predicted both ways: " + ("; ".join(notes) or "nothing has settled yet"),
            hint="other windows, other cities, or more days",
        )
    there = [city for city in cities if city in set(both["city"])]
    parts = [both, *(both.filter(pl.col("city") == city) for city in there)]
    return Study(
        family=family, bracket=bracket, snapshot=snapshot, windows=tuple(sorted({one.window for one in said})),
        lines=tuple(
            _line(city, part, level=level, seed=seed) for city, part in zip((ALL_CITIES, *there), parts, strict=True)
        ),
        level=level, notes=tuple(notes),
    )  # fmt: skip


def _both_ways(said: Sequence[Said], cities: Sequence[str]) -> pl.DataFrame:
    """Return the settled test rows that both ways speak of; where windows overlap the later one's."""
    pooled, own = (
        _rows([one for one in said if (one.city == ALL_CITIES) is is_pooled], name)
        for is_pooled, name in ((True, POOLED), (False, PER_CITY))
    )
    both = pooled.filter(pl.col("city").is_in(list(cities))).join(
        own.drop("outcome"), on=[*_KEYS, "window"], how="inner"
    )
    return both.sort("window", *_KEYS).unique(_KEYS, keep="last", maintain_order=True).sort(_KEYS)


def _rows(said: Sequence[Said], name: str) -> pl.DataFrame:
    """Return what some fits say of settled rows, calibrated where they are."""
    empty = pl.DataFrame(schema=PREDICTED).with_columns(window=pl.lit(None, pl.String))
    told = [one.predictions.select(list(PREDICTED)).with_columns(window=pl.lit(one.window.name)) for one in said]
    settled = pl.concat([empty, *told]).filter(pl.col("outcome").is_not_null())
    return settled.select(*_KEYS, "window", "outcome", pl.coalesce("p_calibrated", "p_model").alias(name))


def _line(city: str, rows: pl.DataFrame, *, level: float, seed: int) -> StudyLine:
    came = rows["outcome"].to_numpy()
    pooled, own = rows[POOLED].to_numpy(), rows[PER_CITY].to_numpy()
    dates = rows["event_date"].to_numpy()
    return StudyLine(
        city=city,
        log_loss=_paired(log_loss(pooled, hit=came), log_loss(own, hit=came), dates, level=level, seed=seed),
        brier=_paired(brier(pooled, hit=came), brier(own, hit=came), dates, level=level, seed=seed),
        rows=rows.height,
        dates=rows["event_date"].n_unique(),
    )


def _paired(pooled: Floats, own: Floats, dates: np.ndarray, *, level: float, seed: int) -> Paired:
    """Compare two scores of the same rows, dates drawn whole."""
    if len(np.unique(dates)) < LEAST_BLOCKS:
        means = float(pooled.mean()), float(own.mean())
        nothing = {"low": math.nan, "high": math.nan, "p_value": math.nan}
        return Paired(pooled=means[0], per_city=means[1], difference=means[0] - means[1], **nothing)
    found = compare(pooled, reference=own, dates=dates, dates_alike=False, level=level, seed=seed)
    return Paired(
        pooled=found.score, per_city=found.reference, difference=found.difference, low=found.low, high=found.high,
        p_value=found.p_value,
    )  # fmt: skip
