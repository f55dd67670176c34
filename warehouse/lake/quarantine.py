"""Quarantine: refused rows are kept with the rule that they broke.

Nothing is lost, and a better parser can try again.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from warehouse.lake.files import naming_a_full_disk, write_new
from warehouse.lake.layout import DRAFT, LakePaths


@dataclass(frozen=True, kw_only=True)
class Refusals:
    """How many rows of one table one run refused, by rule."""

    table: str
    run_id: str
    rule: str
    rows: int


def put_in_quarantine(paths: LakePaths, *, table: str, run_id: str, refused: pl.DataFrame) -> Path:
    """Keep refused rows (a frame with a `rule` column) under the name of the run that met them."""
    folder = paths.quarantine / table
    # The process is in the name, because several of one run may refuse rows at the same time.
    mine = f"{run_id}-{os.getpid()}"
    path = folder / f"{mine}-{len(list(folder.glob(f'{mine}-*.parquet'))):04d}.parquet"
    buffer = io.BytesIO()
    refused.write_parquet(buffer)
    draft = path.with_name(path.name + DRAFT)
    with naming_a_full_disk(paths.root):
        write_new(draft, buffer.getvalue())
        draft.replace(path)
    return path


def refusals(paths: LakePaths, *, run_id: str = "") -> list[Refusals]:
    """Count what lies in quarantine, by table, run and rule: all of it, or what one run put there."""
    found = []
    for path in sorted(paths.quarantine.glob(f"*/{run_id}*.parquet")):
        run_id = path.stem.rsplit("-", 2)[0]
        counts = _rules(path)
        found += [
            Refusals(table=path.parent.name, run_id=run_id, rule=rule, rows=rows) for rule, rows in counts.iter_rows()
        ]
    return found


def _rules(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path, columns=["rule"])["rule"].value_counts(sort=True)
    except (pl.exceptions.PolarsError, OSError) as error:
        return pl.DataFrame({"rule": [f"{path.name} cannot be read: {error}"], "count": [0]})
