"""The ledger: one line for each partition that was ever written, by which run, in which snapshot.

Resume reads it here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from warehouse.lake.manifest import Change, Manifest

_SCHEMA = """
create table if not exists written (
    snapshot integer not null, table_name text not null, partition text not null, run_id text not null,
    purpose text not null, at_utc text not null, rows integer, sha256 text,
    primary key (snapshot, table_name, partition)
) without rowid;
create table if not exists snapshots (
    snapshot integer primary key, run_id text not null, at_utc text not null, sources text not null
);
"""


@dataclass(frozen=True, kw_only=True)
class Written:
    """One line of the ledger; no rows means that the partition was dropped."""

    snapshot: int
    table: str
    partition: str
    run_id: str
    purpose: str
    at_utc: str
    rows: int | None
    sha256: str | None


class Ledger:
    """The ledger of one lake, in SQLite: a line is there wholly or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def exists(self) -> bool:
        """Tell whether a ledger can be read; a damaged one is set aside, to be refilled from manifests."""
        if not self._path.exists():
            return False
        try:
            with self._open() as db:
                db.execute("select count(*) from snapshots")
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            self._path.replace(self._path.with_name(f"{self._path.name}.damaged"))
        return self._path.exists()

    def record(self, manifest: Manifest, changes: Sequence[Change]) -> None:
        """Write the lines of one snapshot; doing it twice changes nothing."""
        lines = [
            (
                manifest.number,
                change.table,
                change.partition,
                manifest.run_id,
                manifest.purpose,
                manifest.created_utc,
                change.rows,
                change.sha256,
            )
            for change in changes
        ]
        with self._open() as db:
            db.executemany("insert or replace into written values (?, ?, ?, ?, ?, ?, ?, ?)", lines)
            db.execute(
                "insert or replace into snapshots values (?, ?, ?, ?)",
                (manifest.number, manifest.run_id, manifest.created_utc, json.dumps(manifest.sources, sort_keys=True)),
            )

    def snapshots(self) -> set[int]:
        """Return the numbers of the snapshots that the ledger knows; none where there is no ledger."""
        if not self.exists:
            return set()
        with self._open() as db:
            return {number for (number,) in db.execute("select snapshot from snapshots")}

    def last_written(self, table: str) -> dict[str, int]:
        """Return the snapshot that wrote each partition of a table last."""
        if not self.exists:
            return {}
        question = "select partition, max(snapshot) from written where table_name = ? group by partition"
        with self._open() as db:
            return dict(db.execute(question, (table,)).fetchall())

    def lines(self, table: str) -> list[Written]:
        """Return everything written to one table, oldest first."""
        with self._open() as db:
            found = db.execute(
                "select snapshot, table_name, partition, run_id, purpose, at_utc, rows, sha256"
                " from written where table_name = ? order by snapshot, partition",
                (table,),
            ).fetchall()
        names = ("snapshot", "table", "partition", "run_id", "purpose", "at_utc", "rows", "sha256")
        return [Written(**dict(zip(names, line, strict=True))) for line in found]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._path, timeout=30)
        try:
            db.executescript(_SCHEMA)
            with db:
                yield db
        finally:
            db.close()
