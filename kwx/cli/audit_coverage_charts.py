"""The chart of `kwx audit coverage`: a field for each city, table and day, coloured by what became of it."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.audits.coverage.run import Coverage
from kwx.plots.coverage import coverage_chart
from kwx.plots.theme import Chart


def cities_chart(audit: Coverage) -> Chart:
    """Draw a panel for each city."""
    cities = audit.cells["city"].unique(maintain_order=True).to_list()
    panels = [
        coverage_chart(_named(audit.cells.filter(pl.col("city") == city)), title=f"{city}, snapshot {audit.snapshot}")
        for city in cities
    ]
    return panels[0] if len(panels) == 1 else alt.vconcat(*panels)


def _named(cells: pl.DataFrame) -> pl.DataFrame:
    """Return cells by the name of their row: the table, and the source where it has several."""
    row = pl.when(pl.col("source") == "").then("table").otherwise(pl.col("table") + " " + pl.col("source"))
    return cells.select(row.alias("row"), "event_date", "state", "have", "due", "unit")
