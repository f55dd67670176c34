"""Drift while a loop runs: begun from what the lake holds, gone on with as its own event dates settle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

import numpy as np
import polars as pl

from kwx.live.health.drift import DAYS, Drift, Tally, Trained, drifts_of, trained_of
from kwx.live.health.watched import Watched
from kwx.live.journal.recorded import Recorded
from warehouse.lake.store import Snapshot


@dataclass(kw_only=True)
class RunningDrift:
    """What settled predictions came to so far. A date that is told twice counts once, as it was told last."""

    strategy: str
    tally: Tally
    trained: dict[str, Trained]

    @classmethod
    def of_lake(cls, snapshot: Snapshot, *, strategy: str, until: date) -> Self:
        """Begin with what a snapshot holds."""
        tally = Tally.of_lake(snapshot, strategy=strategy, until=until)
        return cls(
            strategy=strategy, tally=tally, trained=trained_of(snapshot, {model for model, _ in tally.counts})
        )  # fmt: skip

    def settled(self, recorded: Recorded, snapshot: Snapshot) -> None:
        """Count a date of which the journal tells who was paid, and forget those of long ago."""
        day, outcomes = recorded.event_date, _outcomes(recorded)
        self.tally.counts = {key: counts for key, counts in self.tally.counts.items() if key[1] != day}
        self.tally.add(day, _said(recorded), outcomes, strategy=self.strategy)
        self.tally.forget(day - timedelta(days=DAYS - 1))
        unknown = {model for model, _ in self.tally.counts} - self.trained.keys()
        self.trained |= trained_of(snapshot, unknown)

    def drifts(self) -> list[Drift]:
        """Return the drift of each family."""
        return drifts_of(self.tally, self.trained)

    def show(self, watched: Watched) -> None:
        """Put it among the numbers of the loop, where alerts see it."""
        for one in self.drifts():
            watched.brier_drift.set(one.brier_drift, model=one.family)
            watched.ece_drift.set(one.ece_drift, model=one.family)


def _said(recorded: Recorded) -> pl.DataFrame:
    """Return what was said of every market in every minute in which it traded."""
    parts, tickers = [], recorded.last.tickers.ravel()
    for kept in recorded.of_minutes:
        p_fair = pl.Series("p_fair", kept.minute.p_fair.ravel().astype(np.float64)).fill_nan(None)
        own = pl.DataFrame({"market_ticker": tickers, "p_fair": p_fair}).filter(pl.Series(kept.minute.open.ravel()))
        parts.append(own.with_columns(ts_utc=pl.lit(kept.minute_utc)))
    rows, signals = pl.concat(parts), recorded.signals()
    if signals.is_empty():
        return rows.with_columns(p_model=pl.lit(None, pl.Float64), model_id=pl.lit(None, pl.String))
    told = signals.select("market_ticker", "ts_utc", "p_model", pl.col("model_id").cast(pl.String))
    instants = pl.col("ts_utc").cast(told.schema["ts_utc"])
    return rows.with_columns(instants).join(told, on=["market_ticker", "ts_utc"], how="left")


def _outcomes(recorded: Recorded) -> pl.DataFrame:
    """Return the markets of the cities that were paid, and whether each was the one."""
    rows: list[tuple[str, bool]] = []
    tickers = recorded.last.tickers
    for kept in recorded.settlements:
        for city in np.flatnonzero(kept.minute.winner[:, 0] >= 0):
            paid = int(kept.minute.winner[city, 0])
            rows += [(str(name), place == paid) for place, name in enumerate(tickers[:, city, 0]) if name]
    return pl.DataFrame(rows, schema={"market_ticker": pl.String, "settled_yes": pl.Boolean}, orient="row")
