"""Finished days that wait for their publish, under the hash of all they were made of: a run that was killed goes on.

They are not made durable: after a crash of the machine a torn one is run again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from warehouse.errors import FileBroken
from warehouse.lake.files import naming_a_full_disk, read_json, remove_tree
from warehouse.lake.layout import LakePaths
from warehouse.lake.tables import PMF_DEGREES, PMF_MINUTE, Table

_ENDING = ".parquet-draft"
_NOTES = "notes.json"
_KEPT = timedelta(days=7)


@dataclass(frozen=True, kw_only=True, eq=False)
class Finished:
    """One finished day: its rows, and what was refused on the way."""

    degrees: pl.DataFrame
    minutes: pl.DataFrame
    notes: list[str]


@dataclass(frozen=True)
class Drafts:
    """The drafts of one lake. They end in no name that a reader of tables would look at."""

    paths: LakePaths

    @property
    def folder(self) -> Path:
        """Where all of them lie."""
        return self.paths.root / "drafts" / "hazard"

    def keep(self, inputs_sha256: str, day: Finished, *, of: str) -> None:
        """Keep a finished day, and by which name it goes: whole, or not at all."""
        folder = self.folder / inputs_sha256
        begun = folder.with_name(f"{inputs_sha256}.{os.getpid()}")
        with naming_a_full_disk(self.paths.root):
            begun.mkdir(parents=True, exist_ok=True)
            for table, frame in ((PMF_DEGREES, day.degrees), (PMF_MINUTE, day.minutes)):
                frame.write_parquet(_file(begun, table), compression="lz4")
            (begun / _NOTES).write_text(json.dumps({"of": of, "notes": day.notes}))
            try:
                begun.rename(folder)
            except OSError:  # another run has just finished the same day
                remove_tree(begun)

    def find(self, inputs_sha256: str) -> Finished | None:
        """Return a finished day; None where there is none that can be read."""
        folder = self.folder / inputs_sha256
        if not folder.is_dir():
            return None
        try:
            degrees, minutes = (pl.read_parquet(_file(folder, table)) for table in (PMF_DEGREES, PMF_MINUTE))
            notes = read_json(folder / _NOTES)["notes"]
        except (pl.exceptions.PolarsError, OSError, FileBroken, TypeError, KeyError):
            # Whatever is wrong with a draft, the day can be run again.
            remove_tree(folder)
            return None
        return Finished(degrees=degrees, minutes=minutes, notes=notes)

    def drop(self, inputs_sha256: Sequence[str]) -> None:
        """Remove drafts by their hash."""
        for one in inputs_sha256:
            shutil.rmtree(self.folder / one, ignore_errors=True)

    def remove(self, of: Set[str], *, at_utc: datetime) -> None:
        """Remove the drafts of days by their names, whatever they were made of, and all drafts of a week ago.

        A run that was stopped leaves drafts under the hash of what they were made of. When the days were fitted again
        before the next run, or had been published already, nobody asks for that hash any more.
        """
        for folder in self.folder.glob("*"):
            if _is_before(folder, at_utc - _KEPT) or _name_in(folder) in of:
                shutil.rmtree(folder, ignore_errors=True)


def name_of(city: str, event_date: date, mc_version: str) -> str:
    """Return by which name a day goes in one recipe, whatever it is made of."""
    return f"{city} {event_date} {mc_version}"


def _is_before(folder: Path, at_utc: datetime) -> bool:
    try:
        return datetime.fromtimestamp(folder.stat().st_mtime, UTC) < at_utc
    except OSError:  # another run has removed it
        return False


def _name_in(folder: Path) -> str | None:
    """Return the name of the day in a draft; None where it does not say, as while it is being written."""
    try:
        return str(read_json(folder / _NOTES)["of"])
    except (OSError, FileBroken, TypeError, KeyError):
        return None


def _file(folder: Path, table: Table) -> Path:
    return folder / f"{table.name}{_ENDING}"
