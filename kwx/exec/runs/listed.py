"""The runs that a lake keeps, one line each: what was asked, over which days, and what it came to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from kwx.exec.runs.kept import runs_of
from warehouse.lake.store import Snapshot

_FIGURES = {"events": pl.Int64, "net_micros": pl.Int64, "fees_micros": pl.Int64, "fills": pl.Int64}


def runs_listed(
    snapshot: Snapshot, *, cities: Sequence[str] = (), since: date | None = None, until: date | None = None
) -> pl.DataFrame:
    """Return a row for each run that traded any of some cities on any of some dates, the newest first.

    A run whose events were not settled when it was kept has no figures.
    """
    rows = runs_of(snapshot).filter(
        pl.lit(not cities) | pl.col("cities").list.set_intersection(list(cities)).list.len().gt(0),
        pl.col("until_date") >= (since or date.min),
        pl.col("since_date") <= (until or date.max),
    )
    figures = pl.DataFrame([_figures(json.loads(one)) for one in rows["summary_json"]], schema=_FIGURES)
    asked = rows.select(
        "run_id", "kind", "strategy", "fill_model", pl.col("cities").list.join(" "), "since_date", "until_date",
        "seed", "snapshot", "made_utc",
    )  # fmt: skip
    return pl.concat([asked, figures], how="horizontal")


def _figures(summary: Mapping[str, Any]) -> dict[str, int | None]:
    metrics = summary.get("metrics")
    if metrics is None:
        return dict.fromkeys(_FIGURES)
    fills = metrics["maker"]["fills"] + metrics["taker"]["fills"]
    return {**{name: metrics[name] for name in ("events", "net_micros", "fees_micros")}, "fills": fills}
