"""A window on a snapshot: some days of some cities are judged, the days around them are there as context only.

A publish of one day must not pay for a year, and a year need not lie in memory at once: both look through windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import duckdb
import polars as pl

from warehouse.lake.catalog import build_in_memory
from warehouse.lake.manifest import Change
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import ALL_CITIES, Partition

CONTEXT_DAYS = 2  # a market opens on the eve, and the eve's first minutes lean on the day before it
ROWS_AT_ONCE = 20_000_000


@dataclass(frozen=True)
class Window:
    """The judged days of a snapshot."""

    snapshot: Snapshot
    judged: frozenset[Partition]

    def locations(self, name: str) -> list[Path]:
        """Return the files of one table that the window shows: judged days, their context, and what has no day."""
        shown = self._shown
        paths = zip(self.snapshot.files(name), self.snapshot.locations(name), strict=True)
        return [path for entry, path in paths if entry.partition in shown or entry.partition.event_date is None]

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a connection with every view, over the files of the window alone."""
        return build_in_memory({name: self.locations(name) for name in self.snapshot.manifest.tables})

    def judge(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Keep the rows that speak of judged days; what the context lacks of its own context is nobody's finding."""
        if not {"city", "event_date"} <= set(rows.columns):
            return rows
        days = pl.DataFrame([(p.city, p.event_date) for p in self.judged], schema=_DAY, orient="row")
        return rows.join(days, on=["city", "event_date"], how="semi", maintain_order="left")

    @cached_property
    def _shown(self) -> set[Partition]:
        span = range(-CONTEXT_DAYS, CONTEXT_DAYS + 1)
        return {
            Partition(p.city, p.event_date + timedelta(days=offset))
            for p in self.judged
            if p.event_date is not None
            for offset in span
        }


_DAY = {"city": pl.String, "event_date": pl.Date}


def windows(snapshot: Snapshot, changes: Sequence[Change] | None = None) -> list[Window] | None:
    """Return the windows through which a snapshot is to be judged; None where it is small enough to be seen at once.

    Of a few changes only their days are judged; a change without a day may concern any, so then all are.
    """
    changed = [Partition.from_path(change.partition) for change in changes or ()]
    if changed and all(partition.event_date is not None for partition in changed):
        days = sum(len(snapshot.files(name)) for name in snapshot.manifest.tables)
        if len(changed) < days / 2:
            return [Window(snapshot, frozenset(changed))]
    if sum(entry.rows for entry in snapshot.manifest.tables.values()) <= ROWS_AT_ONCE:
        return None
    return [Window(snapshot, frozenset(days)) for days in _days_by_city(snapshot)]


def _days_by_city(snapshot: Snapshot) -> Iterator[set[Partition]]:
    found = {partition for name in snapshot.manifest.tables for partition in snapshot.partitions(name)}
    dated = {partition for partition in found if partition.event_date is not None}
    for city in sorted({partition.city for partition in dated} - {ALL_CITIES}):
        yield {partition for partition in dated if partition.city == city}
