"""Runs in the lake: kept beside all others, replaced by themselves when they are made again, and read back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from typing import Any, Protocol

import polars as pl

from kwx.exec.ledger.ledger import Ledger
from kwx.models.registry.plain import plain
from pipelines.publishing import Built, publish_built
from warehouse.clock import Clock, utc_now
from warehouse.errors import Usage
from warehouse.lake.staging import Staged
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import ALL_CITIES, DECISIONS, EQUITY, FILLS, ORDERS, RUNS, SIGNALS, Partition, Table
from warehouse.lake.writer import Writer, write

SENSITIVITY = "sensitivity"
"""The part of a summary that a run may be made without."""
_EVERY_CITY = Partition(ALL_CITIES)
_WAIT_SECONDS = 60.0


class Question(Protocol):
    """A run by its name: a backtest that was asked for, or days that were lived."""

    @property
    def kind(self) -> str:
        """Backtest, shadow or live."""
        ...

    @property
    def run_id(self) -> str:
        """The name."""
        ...

    def row(self) -> dict[str, Any]:
        """Return the row of runs as far as it is known before the run is made."""
        ...


@contextmanager
def keeping(
    lake: Lake, asked: Question, *, clock: Clock = utc_now, wait_seconds: float = _WAIT_SECONDS
) -> Iterator[Keeper]:  # fmt: skip
    """Keep a run: its ledgers as they come, chunk by chunk, then its row; nothing is seen before `finish`."""
    started = time.perf_counter()
    with write(lake, purpose=asked.kind, clock=clock, wait_seconds=wait_seconds) as writer:
        yield Keeper(writer=writer, snapshot=lake.snapshot(), asked=asked, started=started)


@dataclass(kw_only=True)
class Keeper:
    """One run on its way into the lake."""

    writer: Writer
    snapshot: Snapshot
    asked: Question
    started: float
    staged: list[Staged] = field(default_factory=list)
    gates: list[pl.DataFrame] = field(default_factory=list)

    def put(self, ledger: Ledger, *, signals: pl.DataFrame | None = None) -> None:
        """Stage the rows of whole city-days, each in one ledger, and what a run that lived them said of its markets."""
        self.gates.append(ledger.gates)
        days = {Partition(city, day) for city, day in ledger.equity.select("city", "event_date").unique().iter_rows()}
        said = [] if signals is None else [(SIGNALS, signals)]
        for table, frame in (*ledger.tables(), *said):
            rows = dict(table.split(frame))
            for day in sorted(days | rows.keys()):
                self._put_day(table, day, rows.get(day, table.empty()))

    def _put_day(self, table: Table, day: Partition, rows: pl.DataFrame) -> None:
        held = self.snapshot.read(table, day).select(table.schema.names())
        others = held.filter(pl.col("run_id") != self.asked.run_id)
        if len(others) or len(rows):
            self.staged.append(self.writer.staging.stage(table, pl.concat([others, rows]), day))
        elif len(held):
            self.writer.drop(table, day)

    def finish(self, summary: Mapping[str, Any]) -> Built:
        """Publish all of the run behind the checks; made again with the same answer, nothing changes.

        Neither does it where the run was kept with its sensitivity before, and is made again without.
        """
        held = self.snapshot.read(RUNS, _EVERY_CITY).select(RUNS.schema.names())
        is_ours = pl.col("run_id") == self.asked.run_id
        before = held.filter(is_ours).to_dicts()
        told = {"gates": self._gates_by_date()}
        if before and not summary.get(SENSITIVITY):
            told |= _sensitivity_of(before[0])
        row = self.asked.row() | {
            "made_utc": self.writer.clock(),
            "summary_json": json.dumps(plain({**summary, **told}), sort_keys=True, allow_nan=False),
        }
        # When a run was first made, and of which snapshot, stays: made again it is the same run.
        first = {name: row_before[name] for row_before in before for name in ("snapshot", "made_utc")}
        rows = pl.DataFrame([row | first], schema=RUNS.schema)
        self.staged.append(
            self.writer.staging.stage(RUNS, pl.concat([held.filter(~is_ours), rows]), _EVERY_CITY)
        )  # fmt: skip
        return publish_built(
            self.writer, self.staged, before=self.snapshot.number, started=self.started,
            config={"run_id": self.asked.run_id},
        )  # fmt: skip

    def _gates_by_date(self) -> dict[str, list[Any]]:
        """Return the gates, in whatever pieces they came."""
        if not self.gates:
            return {}
        return pl.concat(self.gates).sort("event_date", "city", "gate").to_dict(as_series=False)


def _sensitivity_of(row: Mapping[str, Any]) -> dict[str, Any]:
    summary = json.loads(row["summary_json"])
    return {name: summary[name] for name in (SENSITIVITY,) if name in summary}


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """A run as the lake has it: its row of runs, its summary, and its ledger."""

    row: Mapping[str, Any]
    summary: Mapping[str, Any]
    ledger: Ledger

    @property
    def run_id(self) -> str:
        """The name of the run."""
        return str(self.row["run_id"])

    @property
    def config(self) -> Mapping[str, Any]:
        """Every setting of it, city by city."""
        told: Mapping[str, Any] = json.loads(self.row["config_json"])
        return told

    @property
    def cities(self) -> tuple[str, ...]:
        """The cities that it traded."""
        return tuple(self.row["cities"])

    @property
    def dates(self) -> tuple[date, date]:
        """Its first and its last event date."""
        return self.row["since_date"], self.row["until_date"]


def runs_of(snapshot: Snapshot) -> pl.DataFrame:
    """Return the rows of runs, the newest first."""
    return snapshot.read(RUNS, _EVERY_CITY).drop("city").sort("made_utc", "run_id", descending=[True, False])


def run_of(snapshot: Snapshot, run_id: str) -> Kept:
    """Read a run back; a name that begins one run alone is enough."""
    row = _row_of(runs_of(snapshot), run_id)
    span = {"cities": row["cities"], "since": row["since_date"], "until": row["until_date"]}
    frames = {
        table.name: snapshot.scan(table, **span)
        .filter(pl.col("run_id") == row["run_id"])
        .collect()
        .sort("event_date", "city", *table.key)
        for table in (ORDERS, FILLS, DECISIONS, EQUITY)
    }
    summary = json.loads(row["summary_json"])
    return Kept(row=row, summary=summary, ledger=Ledger(**frames, gates=_gates(summary)))


def _row_of(runs: pl.DataFrame, run_id: str) -> dict[str, Any]:
    found = runs.filter(pl.col("run_id") == run_id)
    found = found if len(found) else runs.filter(pl.col("run_id").str.starts_with(run_id))
    if len(found) != 1:
        near = get_close_matches(run_id, runs["run_id"].to_list(), n=3, cutoff=0.0)
        raise Usage(
            f"{run_id!r} names {len(found) or 'no'} run{'s' if len(found) > 1 else ''} of this lake",
            hint=f"did you mean {' or '.join(near)}?" if near else "kwx backtest keeps one",
        )
    return found.row(0, named=True)


def _gates(summary: Mapping[str, Any]) -> pl.DataFrame:
    schema = {"city": pl.String, "event_date": pl.String, "gate": pl.String, "minutes": pl.Int64}
    return pl.DataFrame(summary["gates"], schema=schema).with_columns(pl.col("event_date").str.to_date())
