"""Calibration drift: settled predictions of shadow and live runs against what the models' cards promised.

Predictions are counted, not kept: by model and event date, how many said so many thousandths, and how many of these
came true. Counts are whole numbers, so they come to the same in whatever order events settle, and whether a loop has
counted them or they are read back from the lake. A probability is taken to the next thousandth, which moves a Brier
score by less than a thousandth.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.exec.bars.outcomes import outcomes_of
from kwx.models.registry.judged import figure
from kwx.scoring.calibration import ECE_BINS, bins_of
from kwx.scoring.corp import Forecasts, sort_forecasts
from kwx.scoring.inputs import Floats
from kwx.scoring.resampling import Draws, Estimate, draw
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import MODEL_RUNS, PREDICTIONS, SIGNALS

DAYS = 28
"""So many event dates back are judged."""
_GRID = 1_000
_P: Floats = np.arange(_GRID + 1) / _GRID
_RUNS = "select run_id from runs where kind in ('shadow', 'live') and strategy = $strategy"


class Counts(NamedTuple):
    """How many predictions said each thousandth, and how many of them came true: [1001] each."""

    said: NDArray[np.int64]
    came: NDArray[np.int64]


class Trained(NamedTuple):
    """What a model's test dates came to."""

    family: str
    brier: float
    ece: float


@dataclass
class Tally:
    """Counts by model and event date. What no model said is the strategy's own, under its name."""

    counts: dict[tuple[str, date], Counts] = field(default_factory=dict)

    @classmethod
    def of_lake(cls, snapshot: Snapshot, *, strategy: str, until: date, days: int = DAYS) -> Self:
        """Count what a snapshot holds of the settled predictions of a strategy's runs."""
        tally, since = cls(), until - timedelta(days=days - 1)
        with snapshot.connect() as con:
            runs = con.sql(_RUNS, params={"strategy": strategy}).pl()["run_id"]
        rows = snapshot.scan(SIGNALS, since=since, until=until).filter(pl.col("run_id").is_in(runs.to_list()))
        said = rows.select("city", "event_date", "market_ticker", "p_model", "p_fair", "model_id").collect()
        cities = said["city"].unique().sort().to_list()
        if not cities:
            return tally
        outcomes = outcomes_of(snapshot, cities=cities, since=since, until=until)
        for (day,), own in said.partition_by("event_date", as_dict=True).items():
            tally.add(day, own, outcomes, strategy=strategy)
        return tally

    def add(self, event_date: date, said: pl.DataFrame, outcomes: pl.DataFrame, *, strategy: str) -> None:
        """Count what was said of the markets of an event date, of those whose outcome is known."""
        settled = outcomes.filter(pl.col("settled_yes").is_not_null()).select("market_ticker", "settled_yes")
        p = pl.when(pl.col("model_id").is_null()).then("p_fair").otherwise("p_model")
        told = said.with_columns(p=p, model=pl.col("model_id").fill_null(strategy)).drop_nulls("p")
        rows = told.join(settled, on="market_ticker", how="inner")
        for (model,), own in rows.partition_by("model", as_dict=True).items():
            place = np.rint(own["p"].to_numpy() * _GRID).astype(np.int64)
            hit = own["settled_yes"].to_numpy()
            before = self.counts.get((str(model), event_date), Counts(*np.zeros((2, _GRID + 1), np.int64)))
            self.counts[str(model), event_date] = Counts(
                before.said + np.bincount(place, minlength=_GRID + 1),
                before.came + np.bincount(place[hit], minlength=_GRID + 1),
            )

    def forget(self, before: date) -> None:
        """Drop the event dates before one."""
        self.counts = {key: counts for key, counts in self.counts.items() if key[1] >= before}


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How far the settled predictions of a family are from its cards.

    brier, ece: of these predictions, with intervals by event date. trained_*: what the cards say, each model weighing
    by its rows here; None where a card says nothing. excess: by how much the Brier score is more than what predictions
    claim themselves, p (1 − p); its interval are the control limits: above 0 altogether, they are too sure.
    """

    family: str
    rows: int
    dates: int
    brier: Estimate
    excess: Estimate
    ece: Estimate
    trained_brier: float | None
    trained_ece: float | None

    @property
    def brier_drift(self) -> float:
        """The Brier score less the cards', or less what was claimed where there is no card."""
        return self.excess.value if self.trained_brier is None else self.brier.value - self.trained_brier

    @property
    def ece_drift(self) -> float:
        """The calibration error less the cards', or what chance leaves of it where there is no card."""
        floor = self.ece.low if np.isfinite(self.ece.low) else self.ece.value
        return floor if self.trained_ece is None else self.ece.value - self.trained_ece


def drifts_of(
    tally: Tally, trained: Mapping[str, Trained], *, level: float = 0.95, seed: int = 0
) -> list[Drift]:  # fmt: skip
    """Return the drift of each family of models, by name; a model without a card is a family of its own."""
    families: dict[str, list[str]] = {}
    for model in sorted({model for model, _ in tally.counts}):
        families.setdefault(trained[model].family if model in trained else model, []).append(model)
    return [_drift(family, models, tally, trained, level, seed) for family, models in sorted(families.items())]


def _drift(
    family: str, models: list[str], tally: Tally, trained: Mapping[str, Trained], level: float, seed: int
) -> Drift:  # fmt: skip
    dates = sorted({day for model, day in tally.counts if model in models})
    said, came = np.zeros((2, len(dates), _GRID + 1), np.int64)
    rows_of = dict.fromkeys(models, 0)
    for (model, day), counts in tally.counts.items():
        if model in rows_of:
            said[dates.index(day)] += counts.said
            came[dates.index(day)] += counts.came
            rows_of[model] += int(counts.said.sum())
    draws = draw(np.array(dates), rows=len(dates), level=level, seed=seed)
    rows = said.sum(axis=1).astype(np.float64)
    brier: Floats = (said * _P**2 - 2 * came * _P + came).sum(axis=1)
    claimed: Floats = (said * _P * (1 - _P)).sum(axis=1)
    return Drift(
        family=family, rows=int(rows.sum()), dates=len(dates), brier=_ratio(draws, brier, rows),
        excess=_ratio(draws, brier - claimed, rows), ece=_ece(draws, said, came),
        trained_brier=_weighed(rows_of, {m: t.brier for m, t in trained.items()}),
        trained_ece=_weighed(rows_of, {m: t.ece for m, t in trained.items()}),
    )  # fmt: skip


def _ratio(draws: Draws, values: Floats, rows: Floats) -> Estimate:
    return draws.percentile(float(values.sum() / rows.sum()), draws.totals(values) / draws.totals(rows))


def _ece(draws: Draws, said: NDArray[np.int64], came: NDArray[np.int64]) -> Estimate:
    """Return the calibration error over bins of equal mass, as `kwx.scoring.calibration` has it."""
    total = said.sum(axis=0)
    which = np.zeros(_GRID + 1, np.int64)
    which[total > 0] = bins_of(_forecasts(total))
    gap: Floats = came - said * _P
    by_bin: Floats = np.stack([np.bincount(which, weights=row, minlength=ECE_BINS) for row in gap])
    value = float(np.abs(by_bin.sum(axis=0)).sum() / total.sum())
    rows = draws.totals(said.sum(axis=1).astype(np.float64))
    drawn = np.abs(np.stack([draws.totals(by_bin[:, place]) for place in range(ECE_BINS)], axis=1)).sum(axis=1)
    return draws.pivoted(value, drawn / rows, centre=value)


def _forecasts(said: NDArray[np.int64]) -> Forecasts:
    return sort_forecasts(np.repeat(_P, said))


def _weighed(rows_of: Mapping[str, int], told: Mapping[str, float]) -> float | None:
    """Return the mean over rows of what models' cards say; None where one of them says nothing."""
    if not rows_of or any(model not in told for model in rows_of):
        return None
    return sum(rows * told[model] for model, rows in rows_of.items()) / sum(rows_of.values())


def trained_of(snapshot: Snapshot, models: Iterable[str]) -> dict[str, Trained]:
    """Return what models' test dates came to: by the card, else by what the lake holds of their predictions."""
    asked = sorted(set(models))
    newest = (
        snapshot.scan(MODEL_RUNS)
        .filter(pl.col("model_id").is_in(asked))
        .sort("fitted_utc", "run_id")
        .group_by("model_id", maintain_order=True)
        .last()
        .collect()
    )
    told = {}
    for row in newest.iter_rows(named=True):
        metrics = json.loads(row["metrics_json"])
        brier, ece = figure(metrics, "brier"), figure(metrics, "ece")
        if brier is None or ece is None:
            brier, ece = _judged(snapshot, row["model_id"], row["run_id"])
        if brier is not None and ece is not None:
            told[row["model_id"]] = Trained(row["family"], brier, ece)
    return told


def _judged(snapshot: Snapshot, model: str, run_id: str) -> tuple[float | None, float | None]:
    """Judge what a fit said of its test dates, which stand in its name."""
    since, until = (date.fromisoformat(word) for word in model.rpartition("_win_")[2].split("_"))
    ours = (pl.col("run_id") == run_id) & (pl.col("horizon") == "day")
    said = snapshot.scan(PREDICTIONS, since=since, until=until).filter(ours).collect()
    if said.is_empty():
        return None, None
    outcomes = outcomes_of(snapshot, cities=said["city"].unique().to_list(), since=since, until=until)
    tally = Tally()
    rows = said.with_columns(p_model=pl.coalesce("p_calibrated", "p_model"), p_fair=pl.lit(None, pl.Float64))
    for (day,), own in rows.partition_by("event_date", as_dict=True).items():
        tally.add(day, own, outcomes, strategy=model)
    found = drifts_of(tally, {})
    return (found[0].brier.value, found[0].ece.value) if found else (None, None)
