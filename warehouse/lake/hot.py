"""The hot area: rows of the running day in small files that only grow in number, until a publish has folded them in.

A file is a draft, then on the disk, then named; a name is never used twice. Whoever reads skips nothing silently: what
is torn or foreign is set aside in quarantine with the reason.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from warehouse.errors import FileBroken
from warehouse.lake.files import naming_a_full_disk, sync_folder, write_new
from warehouse.lake.layout import DRAFT, LakePaths
from warehouse.lake.quarantine import put_in_quarantine
from warehouse.lake.tables import Table

FILES_AT_ONCE = 500
SET_ASIDE = "set-aside"


@dataclass(frozen=True, kw_only=True)
class HotRows:
    """Rows of one table with their path columns, and the files in which they lie."""

    table: Table
    frame: pl.DataFrame
    files: tuple[Path, ...]


class HotArea:
    """The hot area of one lake. Any number of processes may append to it, each under names of its own."""

    def __init__(self, paths: LakePaths) -> None:
        self.paths = paths

    def folder(self, table: Table) -> Path:
        """Where the files of a table lie."""
        return self.paths.hot / table.name

    def files(self, table: Table, *, prefix: str = "") -> list[Path]:
        """Return the finished files of a table, oldest name first."""
        return sorted(self.folder(table).glob(f"{prefix}*.parquet"))

    def append(self, table: Table, frame: pl.DataFrame, *, name: str) -> Path:
        """Add rows as a file of their own; when this returns they are on the disk."""
        _require_shape(table, frame, name)
        path = self.folder(table) / f"{name}.parquet"
        if path.exists():
            raise FileBroken(f"{path} is there already", hint="names in the hot area are used once")
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        draft = path.with_name(path.name + DRAFT)
        try:
            with naming_a_full_disk(self.paths.root):
                write_new(draft, buffer.getvalue())
                draft.replace(path)
                sync_folder(path.parent)
        except BaseException:
            draft.unlink(missing_ok=True)  # on a full disk half a draft is in the way of the next attempt
            raise
        return path

    def rows(self, table: Table, *, run_id: str, prefix: str = "") -> Iterator[HotRows]:
        """Yield the rows of all files of a table, some files at a time; set aside what cannot be read.

        A file that was merged into another in the meantime is read there; rows may then come twice, word for word.
        """
        seen: set[Path] = set()
        while found := [path for path in self.files(table, prefix=prefix) if path not in seen]:
            seen.update(found)
            vanished = False
            for place in range(0, len(found), FILES_AT_ONCE):
                part = self._read(table, found[place : place + FILES_AT_ONCE], run_id=run_id)
                vanished |= len(part.files) < len(found[place : place + FILES_AT_ONCE])
                if part.files:
                    yield part
            if not vanished:
                return

    def merge(self, table: Table, *, prefix: str, name: str, run_id: str) -> None:
        """Make one file of those whose names begin so. Killed half-way, rows are there twice and none is missing."""
        for place, part in enumerate(self.rows(table, run_id=run_id, prefix=prefix)):
            if len(part.files) > 1:
                self.append(table, part.frame, name=f"{name}-{place}")
                self.remove(part.files)

    def remove(self, files: Iterable[Path]) -> None:
        """Remove files whose rows are safe elsewhere."""
        for path in files:
            path.unlink(missing_ok=True)

    def remove_drafts(self, table: Table, *, prefix: str) -> None:
        """Remove what a writer that is gone did not finish."""
        self.remove(self.folder(table).glob(f"{prefix}*{DRAFT}"))

    def _read(self, table: Table, files: Sequence[Path], *, run_id: str) -> HotRows:
        frames, whole = [], []
        for path in files:
            try:
                frames.append(_frame(table, path))
                whole.append(path)
            except FileNotFoundError:
                continue
            except FileBroken as error:
                self._set_aside(table, path, str(error), run_id=run_id)
        empty = pl.DataFrame(schema={**table.path_columns, **table.schema})
        return HotRows(table=table, frame=pl.concat([empty, *frames]), files=tuple(whole))

    def _set_aside(self, table: Table, path: Path, reason: str, *, run_id: str) -> None:
        folder = self.paths.quarantine / table.name / SET_ASIDE
        folder.mkdir(parents=True, exist_ok=True)
        path.replace(folder / path.name)
        refused = pl.DataFrame({"subject": [path.name], "rule": [reason], "record_json": [f"{SET_ASIDE}/{path.name}"]})
        put_in_quarantine(self.paths, table=table.name, run_id=run_id, refused=refused)


def _frame(table: Table, path: Path) -> pl.DataFrame:
    content = path.read_bytes()
    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise FileBroken(f"the file is not whole: {str(error).splitlines()[0]}") from error
    _require_shape(table, frame, path.name)
    return frame.select(*table.path_columns, *table.schema)


def _require_shape(table: Table, frame: pl.DataFrame, name: str) -> None:
    if dict(frame.schema) == {**table.path_columns, **table.schema}:  # in any order
        return
    raise FileBroken(
        f"{name} has other columns than {table.name}: {', '.join(frame.columns) or 'none'}",
        hint="the hot area holds whole rows of its tables, with city and event_date",
    )
