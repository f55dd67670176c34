"""Folding the hot area in: its rows as parsers give them, and the files that may go once they are published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.payload import Parsed
from warehouse.lake.hot import HotArea
from warehouse.lake.layout import LakePaths
from warehouse.lake.tables import BOOKS, TRADES

HOT_TABLES = (BOOKS, TRADES)


@dataclass(frozen=True, kw_only=True)
class Folded:
    """Rows of one table, and the files that hold them until they are published."""

    parsed: Parsed
    files: tuple[Path, ...]


def is_empty(paths: LakePaths) -> bool:
    """Tell whether nothing waits to be folded in."""
    area = HotArea(paths)
    return not any(area.files(table) for table in HOT_TABLES)


def fold_hot(paths: LakePaths, *, run_id: str) -> Iterator[Folded]:
    """Yield all hot rows, some files at a time. Nothing is removed: a publish that fails loses nothing."""
    area = HotArea(paths)
    for table in HOT_TABLES:
        for part in area.rows(table, run_id=run_id):
            yield Folded(parsed=Parsed(table=table, frame=part.frame), files=part.files)


def remove_folded(paths: LakePaths, files: Iterable[Path]) -> None:
    """Remove files whose rows a snapshot holds now."""
    HotArea(paths).remove(files)
