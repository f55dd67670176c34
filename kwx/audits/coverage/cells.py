"""One cell of coverage: a city-day of a table, what it holds, what it should hold, and what that makes of it."""

from __future__ import annotations

from enum import StrEnum

import polars as pl

MEASURED = {
    "city": pl.String(),
    "event_date": pl.Date(),
    "table": pl.String(),
    "source": pl.String(),
    "have": pl.Float64(),
    "due": pl.Float64(),
    "unit": pl.String(),
    "least_share": pl.Float64(),
}
"""What is counted of a city-day. source: of a table of several vendors, else empty. least_share: less is thin."""

CELLS = {**MEASURED, "share": pl.Float64(), "state": pl.String(), "why": pl.String()}
KEYS = ("city", "event_date", "table", "source")


class State(StrEnum):
    """What became of a city-day of a table."""

    WHOLE = "whole"
    RUNNING = "running"
    THIN = "thin"
    STALE = "stale"
    MISSING = "missing"


WRONG = (State.MISSING, State.STALE, State.THIN)
"""The states that are findings, the worst first."""

ORDER = (*WRONG, State.RUNNING, State.WHOLE)
"""The worst first."""


def measured(rows: pl.LazyFrame, *, table: str, unit: str, least_share: float, due: pl.Expr) -> pl.DataFrame:
    """Return counted rows, which say `have`, as they are judged."""
    said = {
        "table": pl.lit(table), "unit": pl.lit(unit), "least_share": pl.lit(least_share),
        "due": due,
    }  # fmt: skip
    frame = rows.with_columns(**said).collect()
    columns = (pl.col(name) if name in frame.columns else pl.lit("").alias(name) for name in MEASURED)
    return frame.select(one.cast(MEASURED[one.meta.output_name()]) for one in columns)
