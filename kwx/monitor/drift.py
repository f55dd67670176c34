"""Whether probabilities are as good as they were: Brier score and calibration error of each event date, in limits.

Every source is scored on the same rows, those of the events that have settled, each hour of the eve and the day. What
shadow and live runs said is held against their models' cards, as the live loop does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from kwx.live.health.drift import Drift, Tally, drifts_of, trained_of
from kwx.monitor.control import controlled
from kwx.monitor.look import Look
from kwx.monitor.money import LIVED
from kwx.scoring.calibration import calibration_error
from kwx.scoring.contracts import brier
from kwx.scoring.corp import sort_forecasts
from kwx.scoring.inputs import Floats
from kwx.scoring.stored.ladders import Ladders, read_ladders
from kwx.scoring.stored.moments import every
from kwx.scoring.stored.scored import contracts_of
from warehouse.lake.tables import RUNS

EVERY_MINUTES = 60
NAMES = {"p_mkt": "market", "p_wx": "weather", "p_fused_norm": "fused"}
"""The sources, in the order in which they are told."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """One source: its Brier score and its ECE over all rows, and of each date in the limits of the dates before."""

    name: str
    brier: float
    ece: float
    brier_by_date: pl.DataFrame
    ece_by_date: pl.DataFrame


@dataclass(frozen=True, kw_only=True, eq=False)
class Drifts:
    """All sources over the same rows: an event and an hour each."""

    sources: tuple[Scored, ...]
    rows: int
    events: int
    dates: int


def drifts_of_sources(look: Look) -> Drifts:
    """Return how each stored source did on the settled events of these dates; refuse a lake that holds none."""
    ladders = read_ladders(look.recent, every(EVERY_MINUTES), until=look.settled_until)
    dates = ladders.rows["event_date"].to_numpy()
    scored = tuple(_scored(ladders, source, dates) for source in NAMES if source in ladders.sources)
    return Drifts(
        sources=scored, rows=ladders.rows.height, events=len(ladders.shapes), dates=len(np.unique(dates)),
    )  # fmt: skip


def _scored(ladders: Ladders, source: str, dates: np.ndarray) -> Scored:
    contracts = contracts_of(ladders, source)
    of_contract = dates[contracts.row]
    errors = brier(contracts.p, hit=contracts.hit)
    by_date = {day: np.flatnonzero(of_contract == day) for day in np.unique(dates)}
    return Scored(
        name=NAMES[source], brier=float(errors.mean()), ece=_ece(contracts.p, contracts.hit),
        brier_by_date=controlled(_dated({day: errors[own].mean() for day, own in by_date.items()})),
        ece_by_date=controlled(
            _dated({day: _ece(contracts.p[own], contracts.hit[own]) for day, own in by_date.items()})
        ),
    )  # fmt: skip


def _ece(p: Floats, hit: np.ndarray) -> float:
    forecasts = sort_forecasts(p)
    return calibration_error(forecasts, forecasts.hits(hit))


def _dated(values: Mapping[np.datetime64, float]) -> dict[date, float]:
    return {day.astype("datetime64[D]").item(): float(value) for day, value in values.items()}


def drifts_of_runs(look: Look) -> list[tuple[str, Drift]]:
    """Return the drift of each family of models in each strategy that was lived on these dates."""
    lived = pl.col("kind").is_in(LIVED) & pl.col("until_date").is_between(look.since, look.event_date)
    runs = look.recent.scan(RUNS).filter(lived).select("strategy").unique().sort("strategy").collect()
    found = []
    for strategy in runs["strategy"]:
        days = (look.event_date - look.since).days + 1
        tally = Tally.of_lake(look.recent, strategy=strategy, until=look.settled_until, days=days)
        trained = trained_of(look.recent, {model for model, _ in tally.counts})
        found += [(strategy, one) for one in drifts_of(tally, trained)]
    return found
