"""Folding the hot area in: its rows as parsers give them, and the files that may go once they are published."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.kalshi.recordings import RECORDERS
from pipelines.payload import Parsed, Payload, refusal, refused_frame
from warehouse.lake.hot import HotArea
from warehouse.lake.layout import LakePaths
from warehouse.lake.tables import BOOKS, TABLES, TRADES

HOT_TABLES = (BOOKS, TRADES)
STREAM = "stream"
"""Where the raw archive keeps what was recorded live."""


@dataclass(frozen=True, kw_only=True)
class Folded:
    """Rows of one table, and the files that hold them until they are published."""

    parsed: Parsed
    files: tuple[Path, ...]


def is_empty(paths: LakePaths) -> bool:
    """Tell whether nothing waits to be folded in."""
    area = HotArea(paths)
    has_recorder = any((paths.hot / RECORDERS).glob("*.lock"))  # one that died has a gap to be marked
    return not has_recorder and not any(area.files(table) for table in HOT_TABLES)


def fold_hot(paths: LakePaths, *, run_id: str) -> Iterator[Folded]:
    """Yield all hot rows, some files at a time. Nothing is removed: a publish that fails loses nothing."""
    area = HotArea(paths)
    for table in HOT_TABLES:
        for part in area.rows(table, run_id=run_id):
            yield Folded(parsed=Parsed(table=table, frame=part.frame), files=part.files)


def keep_folded(paths: LakePaths, files: Iterable[Path]) -> None:
    """Move files whose rows a snapshot holds now to the raw archive: a stream cannot be fetched again.

    One that a recorder merged in the meantime is gone; the file that it went into is folded in by the next publish.
    """
    for path in files:
        kept = paths.raw / STREAM / path.parent.name / path.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            path.replace(kept)


def parse_stream_rows(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Read such files back; `asked` names the table."""
    for payload in payloads:
        contract = TABLES[payload.asked["table"]]
        try:
            frame = pl.read_parquet(io.BytesIO(payload.body))
        except pl.exceptions.PolarsError as error:
            refused = refused_frame([refusal(payload.origin, f"no Parquet: {error}", "")])
            yield Parsed(table=contract, frame=pl.DataFrame(schema=contract.schema), refused=refused)
            continue
        yield Parsed(table=contract, frame=frame)
