"""What a snapshot says of itself: which version of every table, how many rows, from which sources, made by what."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from warehouse.errors import FileBroken
from warehouse.lake.files import read_json, write_json
from warehouse.lake.tables import Partition


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """One Parquet file of one version: where, how much, and the hash of its bytes."""

    path: str
    rows: int
    bytes: int
    sha256: str
    first: str | None = None
    last: str | None = None

    @cached_property
    def partition(self) -> Partition:
        """The partition that the file holds: every scan asks for it again."""
        return Partition.from_path(self.path.rsplit("/", 1)[0])


@dataclass(frozen=True, kw_only=True)
class TableEntry:
    """One table in a snapshot: its version, and the sums over its files."""

    version: int
    files: int
    rows: int
    bytes: int
    sha256: str
    since: str | None
    until: str | None

    @classmethod
    def of(cls, version: int, files: Sequence[FileEntry]) -> TableEntry:
        """Sum up a list of files."""
        days = [str(day) for entry in files if (day := entry.partition.event_date)]
        digest = hashlib.sha256("".join(f"{f.path} {f.sha256}\n" for f in files).encode()).hexdigest()
        return cls(
            version=version,
            files=len(files),
            rows=sum(entry.rows for entry in files),
            bytes=sum(entry.bytes for entry in files),
            sha256=digest,
            since=min(days, default=None),
            until=max(days, default=None),
        )


@dataclass(frozen=True, kw_only=True)
class Change:
    """One partition that a snapshot wrote or dropped (then without rows and hash)."""

    table: str
    partition: str
    rows: int | None
    sha256: str | None


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One snapshot: its tables, where they came from, and what it changed.

    judged_by: the hash of the checks that it passed before it was published, and its parents each in their turn; ""
    where one of them was published without a gate, or behind other checks.
    """

    number: int
    parent: int | None
    created_utc: str
    run_id: str
    purpose: str
    root: str
    code_version: str
    code_sha256: str
    sql_sha256: str
    sources: dict[str, str]
    config: dict[str, Any]
    config_sha256: str
    tables: dict[str, TableEntry]
    judged_by: str = ""

    def save(self, path: Path) -> None:
        """Write the manifest durably."""
        write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Read a manifest back."""
        said = read_json(path)
        try:
            said["tables"] = {name: TableEntry(**entry) for name, entry in said["tables"].items()}
            return cls(**said)
        except (TypeError, KeyError) as error:
            raise FileBroken(
                f"{path} is of another version of kwx: {error}",
                hint="build the lake anew, in another folder: --lake DIR",
            ) from error


def save_file_list(path: Path, files: Sequence[FileEntry]) -> None:
    """Write the files of one version durably."""
    write_json(path, [asdict(entry) for entry in files])


def load_file_list(path: Path) -> list[FileEntry]:
    """Read the files of one version."""
    return [FileEntry(**entry) for entry in read_json(path)]


def save_changes(path: Path, changes: Sequence[Change]) -> None:
    """Write what a snapshot changed, beside its manifest: a whole year is too long for what every reader opens."""
    write_json(path, [asdict(change) for change in changes])


def load_changes(path: Path) -> list[Change]:
    """Read what a snapshot changed."""
    return [Change(**change) for change in read_json(path)]


def config_sha256(config: dict[str, Any]) -> str:
    """Hash a configuration independently of the order of its keys."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
