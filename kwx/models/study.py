"""Pooled or per city: one family is fitted both ways on the same windows, and judged on the same rows of later dates.

The pooled fit is made once a window, for the city `all`; the other once for each city. Both speak of every test row;
what one of them leaves out counts for neither.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import polars as pl
from scipy.special import xlog1py, xlogy

from kwx.models.artifact import PREDICTED, Artifact
from kwx.models.contract import Floats
from kwx.models.windows import Window
from kwx.scoring.inputs import LOG_FLOOR
from kwx.scoring.paired import compare
from kwx.scoring.resampling import LEAST_BLOCKS
from pipelines.publishing import OnProgress, in_pool
from pipelines.runner import process_pool
from warehouse.errors import Refused
from warehouse.lake.layout import LakePaths
from warehouse.lake.store import Snapshot, opened
from warehouse.lake.tables.contract import ALL_CITIES

POOLED, PER_CITY, NO_DIFFERENCE = "pooled", "per city", "no difference"
TOO_FEW = "too few dates"
_KEYS = ("city", "event_date", "market_ticker", "ts_utc")


class FitWindow(Protocol):
    """How a family is fitted: one window of one city, or of all of them where the city is `all`."""

    def __call__(self, snapshot: Snapshot, city: str, bracket: str, window: Window, recipe: Any, /) -> Artifact:
        """Fit it."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way of fitting a family: a module's `fit_window`, and its recipe; both can be sent to another process."""

    fit_window: FitWindow
    recipe: Any


@dataclass(frozen=True, kw_only=True)
class FitTask:
    """One fit."""

    paths: LakePaths
    snapshot: int
    city: str
    bracket: str
    window: Window
    way: Way

    @property
    def label(self) -> str:
        """What progress says of it."""
        return f"{self.city} {self.window.name}"


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
    snapshot: Snapshot,
    cities: Sequence[str],
    bracket: str,
    windows: Sequence[Window],
    *,
    pooled: Way,
    per_city: Way,
    level: float = 0.95,
    seed: int = 0,
    workers: int = 1,
    on_progress: OnProgress = lambda done, total, what: None,
) -> Study:
    """Fit a family both ways on every window, and compare what the two say of the same test rows."""
    tasks = [
        FitTask(
            paths=snapshot.paths, snapshot=snapshot.number, city=city, bracket=bracket, window=window,
            way=pooled if city == ALL_CITIES else per_city,
        )
        for window in sorted(windows)
        for city in (ALL_CITIES, *cities)
    ]  # fmt: skip
    fitted = _fitted(tasks, workers=workers, on_progress=on_progress)
    notes = tuple(f"{task.label}: {one}" for task, one in zip(tasks, fitted, strict=True) if isinstance(one, str))
    artifacts = [one for one in fitted if not isinstance(one, str)]
    both = _both_ways(artifacts, cities)
    if both.is_empty():
        raise Refused(
            "no test row was predicted both ways: " + ("; ".join(notes) or "nothing has settled yet"),
            hint="other windows, other cities, or more days",
        )
    there = [city for city in cities if city in set(both["city"])]
    parts = [both, *(both.filter(pl.col("city") == city) for city in there)]
    return Study(
        family=artifacts[0].family, bracket=bracket, snapshot=snapshot.number, windows=tuple(sorted(windows)),
        lines=tuple(
            _line(city, part, level=level, seed=seed) for city, part in zip((ALL_CITIES, *there), parts, strict=True)
        ),
        level=level, notes=notes,
    )  # fmt: skip


def _fitted(tasks: Sequence[FitTask], *, workers: int, on_progress: OnProgress) -> list[Artifact | str]:
    if workers == 1:
        return [fit_task(task) for task in tasks]
    with process_pool(min(workers, len(tasks))) as pool:
        return in_pool(fit_task, tasks, pool, "fitting", on_progress)


def fit_task(task: FitTask) -> Artifact | str:
    """Fit one window one way; say why where that was refused."""
    try:
        return task.way.fit_window(
            opened(task.paths, task.snapshot), task.city, task.bracket, task.window, task.way.recipe
        )
    except Refused as refusal:
        return str(refusal)


def _both_ways(artifacts: Sequence[Artifact], cities: Sequence[str]) -> pl.DataFrame:
    """Return the settled test rows that both ways speak of; where windows overlap the later one's."""
    pooled, own = (
        _said([one for one in artifacts if (one.city == ALL_CITIES) is is_pooled], name)
        for is_pooled, name in ((True, POOLED), (False, PER_CITY))
    )
    both = pooled.filter(pl.col("city").is_in(list(cities))).join(
        own.drop("outcome"), on=[*_KEYS, "window"], how="inner"
    )
    return both.sort("window", *_KEYS).unique(_KEYS, keep="last", maintain_order=True).sort(_KEYS)


def _said(artifacts: Sequence[Artifact], name: str) -> pl.DataFrame:
    """Return what some artifacts say of settled rows, calibrated where they are."""
    empty = pl.DataFrame(schema=PREDICTED).with_columns(window=pl.lit(None, pl.String))
    said = [one.predictions.select(list(PREDICTED)).with_columns(window=pl.lit(one.window.name)) for one in artifacts]
    settled = pl.concat([empty, *said]).filter(pl.col("outcome").is_not_null())
    return settled.select(*_KEYS, "window", "outcome", pl.coalesce("p_calibrated", "p_model").alias(name))


def _line(city: str, rows: pl.DataFrame, *, level: float, seed: int) -> StudyLine:
    came = rows["outcome"].to_numpy()
    pooled, own = rows[POOLED].to_numpy(), rows[PER_CITY].to_numpy()
    dates = rows["event_date"].to_numpy()
    return StudyLine(
        city=city,
        log_loss=_paired(_log_loss(pooled, came), _log_loss(own, came), dates, level=level, seed=seed),
        brier=_paired((pooled - came) ** 2, (own - came) ** 2, dates, level=level, seed=seed),
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


def _log_loss(p: Floats, came: np.ndarray) -> Floats:
    kept = np.clip(p, LOG_FLOOR, 1 - LOG_FLOOR)
    loss: Floats = -(xlogy(came, kept) + xlog1py(~came, -kept))
    return loss
