"""A snapshot of which only some event dates are seen: what reads it takes as long in a lake of years as of days."""

from __future__ import annotations

from datetime import date

import duckdb

from warehouse.lake.catalog import build_in_memory
from warehouse.lake.manifest import FileEntry
from warehouse.lake.store import Snapshot, is_wanted


class Recent(Snapshot):
    """A snapshot from one event date to another; tables without a day are whole."""

    def __init__(self, base: Snapshot, *, since: date, until: date) -> None:
        super().__init__(base.paths, base.number, folder=base.folder)
        self.since, self.until = since, until
        self.whole = base
        self._kept: dict[str, list[FileEntry]] = {}
        self._con: duckdb.DuckDBPyConnection | None = None

    def files(self, name: str) -> list[FileEntry]:
        """Return the files of one table that are of these dates."""
        if name not in self._kept:
            self._kept[name] = [
                entry for entry in self.whole.files(name) if is_wanted(entry.partition, (), self.since, self.until)
            ]
        return self._kept[name]

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a cursor of one connection with every view over these dates alone."""
        if self._con is None:
            self._con = build_in_memory({name: self.locations(name) for name in self.manifest.tables})
        return self._con.cursor()

    def close(self) -> None:
        """Let go of the connection."""
        if self._con is not None:
            self._con.close()
            self._con = None
