"""The chart of `kwx audit coverage`: a field for each city, table and day, coloured by what became of it."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.audits.coverage.cells import State
from kwx.audits.coverage.run import Coverage
from kwx.cli.charts import WIDTH, Chart, inline

_COLOURS = {
    State.WHOLE: "#0072b2", State.RUNNING: "#bbbbbb", State.THIN: "#e69f00", State.STALE: "#cc79a7",
    State.MISSING: "#d55e00",
}  # fmt: skip
"""Okabe and Ito's, which colour-blind people tell apart."""


def coverage_chart(audit: Coverage) -> Chart:
    """Draw a panel for each city."""
    cities = audit.cells["city"].unique(maintain_order=True).to_list()
    panels = [
        _panel(audit.cells.filter(pl.col("city") == city), f"{city}, snapshot {audit.snapshot}") for city in cities
    ]
    return panels[0] if len(panels) == 1 else alt.vconcat(*panels)


def _panel(cells: pl.DataFrame, title: str) -> Chart:
    row = pl.when(pl.col("source") == "").then("table").otherwise(pl.col("table") + " " + pl.col("source"))
    rows = cells.select(row.alias("row"), "event_date", "state", "have", "due", "unit")
    dates = rows["event_date"].n_unique()
    colour = alt.Color(
        "state:N", title=None,
        scale=alt.Scale(domain=[str(state) for state in _COLOURS], range=list(_COLOURS.values())),
    )  # fmt: skip
    return (
        alt.Chart(inline(rows), title=title)
        .mark_rect(stroke="white")
        .encode(
            x=alt.X("event_date:O", title=None, axis=alt.Axis(labelOverlap=True)),
            y=alt.Y("row:N", title=None, sort=rows["row"].unique(maintain_order=True).to_list()),
            color=colour,
            tooltip=["row:N", "event_date:N", "state:N", "have:Q", "due:Q", "unit:N"],
        )
        .properties(width=min(WIDTH, 24 * dates), height={"step": 15})
    )
