"""The kept scores: a small Parquet file for each event date, replaced as a whole when the date reads otherwise."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl

from kwx.nightly.scores.daily import SCHEMA, scoring_sha256
from warehouse.lake.files import sync_folder, write_new
from warehouse.lake.layout import DRAFT
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import (
    CALIBRATORS,
    MARKETS,
    MODEL_RUNS,
    PMF_DEGREES,
    PMF_MINUTE,
    PREDICTIONS,
    PROMOTIONS,
    SETTLEMENTS,
)

_OF_DATE = (MARKETS, PMF_DEGREES, PMF_MINUTE, PREDICTIONS, SETTLEMENTS)
_OF_MODELS = (CALIBRATORS, MODEL_RUNS, PROMOTIONS)


def score_path(folder: Path, event_date: date) -> Path:
    """Return the file of a date."""
    return folder / f"{event_date.isoformat()}.parquet"


def made_of(snapshot: Snapshot, dates: Sequence[date], cities: Sequence[str]) -> dict[date, str]:
    """Return for each date the hash of all that its scores would be made of now.

    That is its files and, where models spoke, what is in use of them.
    """
    said: dict[date, list[str]] = {day: [] for day in dates}
    spoke = set[date]()
    for table in _OF_DATE:
        for entry in snapshot.files(table.name):
            day = entry.partition.event_date
            if day in said and entry.partition.city in cities:
                said[day].append(f"{table.name} {entry.partition} {entry.sha256}")
                spoke |= {day} if table is PREDICTIONS else set()
    models = [f"{one.name} {held.sha256}" for one in _OF_MODELS if (held := snapshot.manifest.tables.get(one.name))]
    return {
        day: hashlib.sha256("\n".join([*words, *(models if day in spoke else [])]).encode()).hexdigest()
        for day, words in said.items()
    }


def keep_scores(folder: Path, event_date: date, rows: pl.DataFrame) -> None:
    """Write the scores of a date, in the place of what was there."""
    buffer = io.BytesIO()
    rows.write_parquet(buffer, compression="zstd")
    path = score_path(folder, event_date)
    draft = path.with_name(path.name + DRAFT)
    write_new(draft, buffer.getvalue())
    draft.replace(path)
    sync_folder(folder)


def kept_scores(folder: Path, dates: Sequence[date]) -> pl.DataFrame:
    """Return the scores of some dates, of those that have any that can be read, in the order of the dates."""
    held = [rows for day in sorted(dates) if (rows := _held(folder, day)) is not None]
    return pl.concat([pl.DataFrame(schema=SCHEMA), *held])


def drop_scores(folder: Path, event_date: date) -> None:
    """Remove the scores of a date of which nothing is left to be scored."""
    path = score_path(folder, event_date)
    if path.exists():
        path.unlink()
        sync_folder(folder)


def torn_scores(folder: Path, dates: Sequence[date]) -> set[date]:
    """Return the dates whose file is there and cannot be read, or was made by other code: they are scored again."""
    there = [day for day in dates if score_path(folder, day).is_file()]
    return {day for day in there if _held(folder, day) is None}


def _held(folder: Path, event_date: date) -> pl.DataFrame | None:
    """Return the scores of a date; None where there are none, their file is no such file, or other code made them."""
    path = score_path(folder, event_date)
    try:
        rows = pl.read_parquet(path) if path.is_file() else None
    except (OSError, pl.exceptions.PolarsError):
        return None
    is_ours = rows is not None and rows.schema == pl.Schema(SCHEMA) and set(rows["scored_by"]) == {scoring_sha256()}
    return rows if is_ours else None


def is_kept(folder: Path, event_date: date, made: str) -> bool:
    """Tell whether a date's scores are there and made of what they would be made of now."""
    rows = _held(folder, event_date)
    return rows is not None and set(rows["made_of"]) == {made}
