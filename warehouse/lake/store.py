"""Reading the lake: a snapshot is resolved once, and everything read through it is of one state."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path

import duckdb
import polars as pl

from warehouse.errors import FileBroken, NoSnapshot
from warehouse.lake.catalog import CATALOG, build_in_memory, open_catalog, sql_sha256
from warehouse.lake.layout import LakePaths, lake_root
from warehouse.lake.ledger import Ledger
from warehouse.lake.manifest import Change, FileEntry, Manifest, load_changes, load_file_list
from warehouse.lake.tables import Partition, Table

logger = logging.getLogger(__name__)


class Snapshot:
    """One complete, read-only state of the lake."""

    def __init__(self, paths: LakePaths, number: int, *, folder: Path | None = None) -> None:
        self.paths = paths
        self.number = number
        self.folder = folder or paths.snapshot(number)
        self._files: dict[str, list[FileEntry]] = {}
        self._places: dict[str, dict[str, FileEntry]] = {}
        self._locations: dict[str, list[Path]] = {}

    @cached_property
    def manifest(self) -> Manifest:
        """What the snapshot says of itself."""
        return Manifest.load(self.folder / "manifest.json")

    def files(self, name: str) -> list[FileEntry]:
        """Return the files of one table; none when the table was never written."""
        entry = self.manifest.tables.get(name)
        if entry is None:
            return []
        if name not in self._files:
            self._files[name] = load_file_list(self.paths.file_list(name, entry.version))
        return self._files[name]

    def _by_partition(self, name: str) -> dict[str, FileEntry]:
        if name not in self._places:
            self._places[name] = {file.path.rpartition("/")[0]: file for file in self.files(name)}
        return self._places[name]

    def changes(self) -> list[Change]:
        """Return what this snapshot wrote or dropped."""
        return load_changes(self.folder / "changes.json")

    def locations(self, name: str) -> list[Path]:
        """Return where the files of one table lie."""
        entry = self.manifest.tables.get(name)
        if entry is None:
            return []
        if name not in self._locations:
            folder = self.paths.version(name, entry.version)
            self._locations[name] = [folder / file.path for file in self.files(name)]
        return self._locations[name]

    def partitions(self, name: str) -> list[Partition]:
        """Return the partitions that a table has, in order."""
        return sorted(entry.partition for entry in self.files(name))

    def read(self, contract: Table, partition: Partition, *, columns: Sequence[str] = ()) -> pl.DataFrame:
        """Return one partition, straight from its file; no rows when it was never written.

        With `columns` only these are read, and nothing that the path says stands beside them.
        """
        entry = self._by_partition(contract.name).get(partition.path)
        if entry is None:
            whole = with_path(contract.empty(), contract, partition)
            return whole.select(columns) if columns else whole
        path = self.paths.version(contract.name, self.manifest.tables[contract.name].version) / entry.path
        try:
            frame = pl.read_parquet(path, columns=list(columns) or None, hive_partitioning=False)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise FileBroken(
                f"{path} cannot be read: {error}",
                hint="kwx lake check names every broken file; kwx lake rollback goes back",
            ) from error
        return frame.select(columns) if columns else with_path(frame, contract, partition)

    def scan(
        self, contract: Table, *, cities: Sequence[str] = (), since: date | None = None, until: date | None = None
    ) -> pl.LazyFrame:
        """Return a lazy frame over the partitions of some cities and dates (all of them when not said)."""
        return self.scan_files(
            contract, [file for file in self.files(contract.name) if is_wanted(file.partition, cities, since, until)]
        )

    def scan_files(self, contract: Table, files: Sequence[FileEntry]) -> pl.LazyFrame:
        """Return a lazy frame over some files of a table."""
        version = self.manifest.tables.get(contract.name)
        if version is None or not files:
            return with_path(contract.empty(), contract, Partition("", None)).lazy()
        folder = self.paths.version(contract.name, version.version)
        on_path = {"city": pl.String()} | ({"date": pl.Date()} if "event_date" in contract.path_columns else {})
        lazy = pl.scan_parquet([folder / file.path for file in files], hive_partitioning=True, hive_schema=on_path)
        return lazy.rename({"date": "event_date"}, strict=False).select(*contract.path_columns, *contract.schema)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection with every view, pinned to this snapshot, read-only and in UTC.

        A catalog that other code wrote may lack a view of today, so its views are made anew over the same files.
        """
        if self.manifest.root == str(self.paths.root) and self.manifest.sql_sha256 == sql_sha256():
            try:
                return open_catalog(self.folder / CATALOG)
            except duckdb.Error as error:
                # A damaged catalog hides nothing: what it says can be said again from the manifest.
                logger.warning("%s cannot be opened (%s); kwx lake check tells more", self.folder / CATALOG, error)
        try:
            return build_in_memory({name: self.locations(name) for name in self.manifest.tables})
        except duckdb.Error as error:
            raise FileBroken(
                f"snapshot {self.number} is not whole: {str(error).splitlines()[0]}",
                hint="kwx lake check names what is missing",
            ) from error


@lru_cache(maxsize=4)
def opened(paths: LakePaths, number: int) -> Snapshot:
    """Return a snapshot whose lists of files are read once in a process, however many tasks ask for it."""
    return Snapshot(paths, number)


class Lake:
    """One lake folder: its snapshots and its ledger."""

    def __init__(self, root: Path | str | None = None) -> None:
        self.paths = LakePaths(lake_root(root))

    @property
    def ledger(self) -> Ledger:
        """What was written, by which run."""
        return Ledger(self.paths.ledger)

    def snapshot_numbers(self) -> list[int]:
        """Return the numbers of the complete snapshots, oldest first."""
        found = self.paths.snapshots.glob("[0-9]*/manifest.json")
        return sorted(int(path.parent.name) for path in found if path.parent.name.isdigit())

    def current_number(self) -> int | None:
        """Return the number of the snapshot that `current` names; None on an empty lake."""
        link = self.paths.current
        name = link.readlink().name if link.is_symlink() else None
        if name is not None and not name.isdigit():
            raise NoSnapshot(f"{link} names {name!r}, which is no snapshot", hint=self._way_back())
        return int(name) if name else None

    def snapshot(self, number: int | None = None) -> Snapshot:
        """Return the current snapshot, or the one with that number."""
        wanted = self.current_number() if number is None else number
        if wanted is None and self.snapshot_numbers():
            raise NoSnapshot(
                f"{self.paths.current} is missing: the lake does not say which snapshot holds", hint=self._way_back()
            )
        if wanted is None and not self.paths.root.exists():
            raise NoSnapshot(
                f"there is no lake at {self.paths.root}: the folder does not exist",
                hint="another one with --lake DIR or KWX_LAKE; or build one with: kwx lake build",
            )
        if wanted is None:
            raise NoSnapshot(f"the lake {self.paths.root} is empty", hint="build one with: kwx lake build")
        if not self.paths.snapshot(wanted).is_dir():
            kept = ", ".join(str(kept) for kept in self.snapshot_numbers()) or "none"
            raise NoSnapshot(f"snapshot {wanted} is not in {self.paths.root}", hint=f"snapshots kept: {kept}")
        return Snapshot(self.paths, wanted)

    def snapshots(self) -> Iterator[Snapshot]:
        """Yield every complete snapshot, oldest first."""
        for number in self.snapshot_numbers():
            yield Snapshot(self.paths, number)

    def _way_back(self) -> str:
        return (
            f"name one with: kwx lake rollback --to N; snapshots kept: {', '.join(map(str, self.snapshot_numbers()))}"
        )

    def connect(self, number: int | None = None) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection on a snapshot; on an empty lake every view is there and has no rows."""
        if number is None and self.current_number() is None and not self.snapshot_numbers():
            return build_in_memory({})
        return self.snapshot(number).connect()


def connect(root: Path | str | None = None, *, snapshot: int | None = None) -> duckdb.DuckDBPyConnection:
    """Return a ready DuckDB connection on a lake: read-only, in UTC, pinned to one snapshot."""
    return Lake(root).connect(snapshot)


def is_wanted(partition: Partition, cities: Sequence[str], since: date | None, until: date | None) -> bool:
    """Tell whether a partition is of some cities and dates (any when not said); one without a day is of every date."""
    if cities and partition.city not in cities:
        return False
    day = partition.event_date
    return day is None or ((since is None or day >= since) and (until is None or day <= until))


def with_path(frame: pl.DataFrame, contract: Table, partition: Partition) -> pl.DataFrame:
    """Return a stored frame as readers see it: the columns of its path first."""
    said = {"city": partition.city, "event_date": partition.event_date}
    path = [pl.lit(said[name], dtype).alias(name) for name, dtype in contract.path_columns.items()]
    return frame.select(*path, *contract.schema)
