"""What is missing, thin or stale of the dates that the page judges, and the commands that mend it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl

from kwx.audits.coverage.cells import ORDER, State
from kwx.audits.coverage.run import Coverage, audit_coverage
from kwx.audits.repair import Repairs
from kwx.audits.scope import Scope
from kwx.monitor.look import Look
from kwx.monitor.told import Told, missing, picture, texts
from kwx.plots.coverage import coverage_chart
from kwx.plots.page import Folded, Grid, Part, Section, Tile
from warehouse.errors import Refused

_TITLE = "Coverage"
DATES = 14
_FINDINGS_SHOWN = 12


def coverage(look: Look) -> Told:
    """Tell what is there of each table on each of the last dates, the worst city speaking for all."""
    since = max(look.since, look.event_date - timedelta(days=DATES - 1))
    try:
        found = audit_coverage(
            Scope(snapshot=look.whole, since=since, until=look.event_date), Repairs.of(look.whole, look.wish.lake_said)
        )
    except Refused as nothing:
        return missing("coverage", _TITLE, f"There is nothing to look at: {nothing}", nothing.hint)
    cells = found.cells
    counts = dict(cells["state"].value_counts().iter_rows())
    told = ", ".join(f"{counts[state]:,} {state}" for state in map(str, ORDER) if state in counts)
    words = (
        f"{cells.height:,} cells (a city, an event date and a table or source) of {since} … {look.event_date}: {told}."
        " A field of the drawing is as bad as its worst city. kwx audit coverage tells each of them."
    )
    parts: list[Part] = [*texts(words)]
    if cells.height:
        parts.append(picture(coverage_chart(_worst(cells)), "Each table and source, day by day."))
    parts += _findings(found)
    return Told(
        name="coverage", section=Section(title=_TITLE, parts=parts), tiles=[_tile(found, cells)],
        figures={"since": since, "cells": counts, "findings": [_plain(one) for one in found.findings]},
    )  # fmt: skip


def _worst(cells: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each table and date: the state of the worst city, and all that cities have and owe."""
    rank = pl.col("state").replace_strict({str(one): place for place, one in enumerate(ORDER)}, return_dtype=pl.Int64)
    row = pl.when(pl.col("source") == "").then("table").otherwise(pl.format("{} {}", "table", "source"))
    return (
        cells.with_columns(row=row)
        .group_by("row", "event_date", maintain_order=True)
        .agg(pl.col("state").sort_by(rank).first(), pl.col("have", "due").sum(), pl.col("unit").first())
    )


def _findings(found: Coverage) -> list[Part]:
    if found.passed:
        return texts("Nothing is missing, thin or stale.")
    rows = [(one.what, one.where, f"{one.found}", one.example, one.repair) for one in found.findings]
    headers = ("what", "where", "days", "for example", "what mends it")
    first = Grid(headers=headers, rows=rows[:_FINDINGS_SHOWN])
    rest = rows[_FINDINGS_SHOWN:]
    return [first, Folded(title=f"{len(rest)} more", parts=[Grid(headers=headers, rows=rest)])] if rest else [first]


def _tile(found: Coverage, cells: pl.DataFrame) -> Tile:
    wrong = len(found.findings)
    if not wrong:
        return Tile(label="coverage", value="whole", note=f"{cells.height:,} cells of {DATES} dates", state="ok")
    gone = cells.filter(pl.col("state") == str(State.MISSING)).height
    return Tile(
        label="coverage", value=f"{wrong} findings", note=f"{gone} of {cells.height:,} cells missing", state="warn"
    )


def _plain(one: Any) -> dict[str, Any]:
    return {"what": one.what, "where": one.where, "found": one.found, "repair": one.repair}
