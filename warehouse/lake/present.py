"""The present: a snapshot with some partitions in memory, in front of what its files say of them.

Whatever reads a snapshot reads the present by the same calls. Files are those of one base snapshot and never change;
memory is replaced partition by partition, and what was read before a replacement stays what it was. Rows that are laid
behind a partition wait beside it, and are put into its order when somebody asks for the partition, or at leisure: a
minute costs what came in it, not what the day holds already. Who needs the newest rows alone follows the table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Protocol, Self

import duckdb
import polars as pl

from warehouse.errors import ContractBroken
from warehouse.lake.catalog import build_in_memory, create_relations, relation_over
from warehouse.lake.manifest import FileEntry, Manifest
from warehouse.lake.store import Snapshot, is_wanted, with_path
from warehouse.lake.tables import TABLES, Partition, Table

_IN_MEMORY = "present"
_MOST_PIECES = 64
"""Rows that came piece by piece are made one when there are more of these: every reader goes over all of them."""


class Follower(Protocol):
    """Hears what becomes of the partitions of one table."""

    def put(self, partition: Partition, rows: pl.DataFrame) -> None:
        """Hear that a partition is said anew; rows are without the columns of its path."""

    def laid(self, partition: Partition, rows: pl.DataFrame) -> None:
        """Hear that rows were laid behind a partition."""

    def is_other(self) -> None:
        """Hear that what files say may be something else from now on."""


class Present(Snapshot):
    """A base snapshot, and in front of it the partitions that were put since.

    What a file says is kept in memory once it was read, and a file of event dates before `since` is read each time.
    """

    def __init__(self, base: Snapshot, *, since: date | None = None) -> None:
        super().__init__(base.paths, base.number, folder=base.folder)
        self._base = base
        self._since = since
        self._put: dict[str, dict[Partition, pl.DataFrame]] = {}
        self._read: dict[str, dict[Partition, pl.DataFrame]] = {}
        self._waiting: dict[str, dict[Partition, list[pl.DataFrame]]] = {}
        self._followers: dict[str, list[Follower]] = {}
        self._entries: dict[tuple[str, Partition], FileEntry] = {}
        self._partitions: dict[str, list[Partition]] = {}
        self._con: duckdb.DuckDBPyConnection | None = None
        self._stale: set[str] = set()

    @classmethod
    def over(cls, base: Snapshot, *, since: date | None = None) -> Self:
        """Return the present over a snapshot: so far it says what the snapshot says."""
        return cls(base, since=since)

    def put(self, contract: Table, partition: Partition, rows: pl.DataFrame) -> None:
        """Say one partition anew. Its rows were sifted and sorted by whoever merged them: only their shape is asked."""
        _require_columns(contract, partition, rows)
        self._waiting.get(contract.name, {}).pop(partition, None)
        self._hold(contract, partition, rows)
        for follower in self._followers.get(contract.name, ()):
            follower.put(partition, rows)

    def lay_behind(self, contract: Table, partition: Partition, rows: pl.DataFrame) -> None:
        """Say more rows of one partition, of keys that it does not hold."""
        _require_columns(contract, partition, rows)
        waiting = self._waiting.setdefault(contract.name, {})
        if partition not in waiting:
            self._partitions.pop(contract.name, None)
        waiting.setdefault(partition, []).append(rows)
        for follower in self._followers.get(contract.name, ()):
            follower.laid(partition, rows)

    def tidy(self) -> None:
        """Put the rows that wait beside their partitions into these; it changes nothing that is said."""
        while self.tidy_next():
            pass

    def tidy_next(self) -> bool:
        """Put the rows that wait beside one partition into it; tell whether any waited."""
        for name, waiting in self._waiting.items():
            for partition in waiting:
                self._tidy(TABLES[name], partition)
                return True
        return False

    def follow(self, contract: Table, follower: Follower) -> None:
        """Tell somebody from now on what becomes of a table."""
        self._followers.setdefault(contract.name, []).append(follower)

    def cut(self, since: date) -> None:
        """Forget the event dates before one; where the base has a file of them, that file speaks again."""
        self._since = since
        self._partitions.clear()
        self.tidy()
        for said in (self._put, self._read):
            for name, partitions in said.items():
                old = [place for place in partitions if place.event_date is not None and place.event_date < since]
                for place in old:
                    del partitions[place]
                    self._entries.pop((name, place), None)
                if old and said is self._put:
                    self._stale.add(name)

    def rebase(self, base: Snapshot) -> None:
        """Stand over another snapshot, as one that was published meanwhile; what was put stays in front of it."""
        self.tidy()
        self.close()
        self._base = base
        self.paths, self.number, self.folder = base.paths, base.number, base.folder
        self._read.clear()
        self._partitions.clear()
        for follower in [one for followers in self._followers.values() for one in followers]:
            follower.is_other()

    @property  # not cached: a new base brings a manifest of its own
    def manifest(self) -> Manifest:
        """What the base snapshot says of itself."""
        return self._base.manifest

    def files(self, name: str) -> list[FileEntry]:
        """Return what a table is made of, in order: files, and for a partition in memory the hash of its rows."""
        put = self._tidied(name)
        entries = [entry for entry in self._base.files(name) if entry.partition not in put]
        entries += (self._entry(name, partition) for partition in put)
        return sorted(entries, key=lambda entry: entry.partition)

    def locations(self, name: str) -> list[Path]:
        """Return the files of one table that still speak: those of partitions that are not in memory."""
        entry = self.manifest.tables.get(name)
        if entry is None:
            return []
        folder, put = self.paths.version(name, entry.version), self._tidied(name)
        return [folder / file.path for file in self._base.files(name) if file.partition not in put]

    def partitions(self, name: str) -> list[Partition]:
        """Return the partitions that a table has, in order."""
        if name not in self._partitions:
            self._partitions[name] = sorted({*self._base.partitions(name), *self._tidied(name)})
        return list(self._partitions[name])

    def read(self, contract: Table, partition: Partition, *, columns: Sequence[str] = ()) -> pl.DataFrame:
        """Return one partition from memory, else from its file; with `columns` only these."""
        frame = self._in_memory(contract.name, partition)
        if frame is None:
            if not self._is_kept(partition):
                return self._base.read(contract, partition, columns=columns)
            frame = self._base.read(contract, partition)
            self._read.setdefault(contract.name, {})[partition] = frame
        return frame[list(columns)] if columns else frame

    def scan(
        self, contract: Table, *, cities: Sequence[str] = (), since: date | None = None, until: date | None = None
    ) -> pl.LazyFrame:
        """Return a lazy frame over the partitions of some cities and dates, in the order of the partitions."""
        wanted = [place for place in self.partitions(contract.name) if is_wanted(place, cities, since, until)]
        files = {entry.partition: entry for entry in self._base.files(contract.name)}
        parts: list[pl.LazyFrame] = []
        for in_memory, places in groupby(wanted, lambda place: self._in_memory(contract.name, place) is not None):
            if in_memory:
                parts += (self.read(contract, place).lazy() for place in places)
            else:
                parts.append(self._base.scan_files(contract, [files[place] for place in places]))
        return pl.concat(parts) if parts else self._base.scan_files(contract, [])

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a cursor of one connection with every view; before, tables that changed are said anew to it."""
        self.tidy()
        if self._con is None:
            self._con = build_in_memory({name: self.locations(name) for name in self.manifest.tables})
            self._con.execute(f"create schema {_IN_MEMORY}")
            self._stale = set(self._put)
        for name in sorted(self._stale):
            self._say(self._con, TABLES[name])
        self._stale.clear()
        return self._con.cursor()

    def close(self) -> None:
        """Let go of the connection; the next one who asks gets a new one."""
        if self._con is not None:
            self._con.close()
            self._con = None

    def _say(self, con: duckdb.DuckDBPyConnection, contract: Table) -> None:
        """Make one relation of what files and memory say of a table."""
        columns = [*contract.path_columns, *contract.schema]
        empty = pl.DataFrame(schema={**contract.path_columns, **contract.schema})
        rows = pl.concat([empty, *self._put.get(contract.name, {}).values()])
        con.register("rows_in_memory", rows)
        con.execute(f"create or replace table {_IN_MEMORY}.{contract.name} as select * from rows_in_memory")
        con.unregister("rows_in_memory")
        of_memory = f"select {', '.join(columns)} from {_IN_MEMORY}.{contract.name}"
        on_disk = relation_over(contract, self.locations(contract.name))
        create_relations(con, {contract.name: f"({on_disk}) union all ({of_memory})"})

    def _hold(self, contract: Table, partition: Partition, rows: pl.DataFrame) -> None:
        """Hold the rows of a partition in the place of what was said of it."""
        said = self._put.setdefault(contract.name, {})
        if partition not in said:
            self._partitions.pop(contract.name, None)
        said[partition] = with_path(rows, contract, partition)
        self._entries.pop((contract.name, partition), None)
        self._stale.add(contract.name)

    def _tidied(self, name: str) -> dict[Partition, pl.DataFrame]:
        """Return the partitions of a table that are in memory, nothing waiting beside them."""
        for partition in list(self._waiting.get(name, ())):
            self._tidy(TABLES[name], partition)
        return self._put.get(name, {})

    def _tidy(self, contract: Table, partition: Partition) -> None:
        new = self._waiting.get(contract.name, {}).pop(partition, None)
        if new:
            held = self.read(contract, partition)[contract.schema.names()]
            self._hold(contract, partition, _in_order(contract, held, pl.concat(new)))

    def _in_memory(self, name: str, partition: Partition) -> pl.DataFrame | None:
        if partition in self._waiting.get(name, ()):
            self._tidy(TABLES[name], partition)
        put = self._put.get(name, {}).get(partition)
        return put if put is not None else self._read.get(name, {}).get(partition)

    def _is_kept(self, partition: Partition) -> bool:
        day = partition.event_date
        return day is None or self._since is None or day >= self._since

    def _entry(self, name: str, partition: Partition) -> FileEntry:
        key = (name, partition)
        if key not in self._entries:
            frame = self._put[name][partition]
            self._entries[key] = FileEntry(
                path=f"{partition.path}/{_IN_MEMORY}",
                rows=frame.height,
                bytes=int(frame.estimated_size()),
                sha256=_rows_sha256(frame),
            )
        return self._entries[key]


def _require_columns(contract: Table, partition: Partition, rows: pl.DataFrame) -> None:
    if rows.schema != contract.schema:
        raise ContractBroken(
            f"{contract.name} {partition}: rows in memory have other columns than the table: {dict(rows.schema)}",
            hint=f"the columns of {contract.name}, without those of its path, are {', '.join(contract.schema)}",
        )


def _in_order(contract: Table, held: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Return both in the order of their table; what came last stands last where that is the order of time."""
    order = list(contract.order)
    new = new.sort(order)
    if held.is_empty() or new.is_empty() or held[order].row(-1) < new[order].row(0):
        rows = pl.concat([held, new])
        return rows.rechunk() if rows.n_chunks() > _MOST_PIECES else rows
    return pl.concat([held, new]).sort(order)


def _rows_sha256(frame: pl.DataFrame) -> str:
    """Hash the rows of a frame and their order."""
    digest = hashlib.sha256(str(frame.schema).encode())
    if frame.height:
        digest.update(frame.hash_rows().to_numpy().tobytes())
    return digest.hexdigest()
