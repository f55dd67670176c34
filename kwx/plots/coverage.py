"""What became of each day of each thing that is due: a field for each, coloured by its state."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.plots.theme import ALARM, LINE, MARKET, MODEL, WIDTH, Chart, event_dates, inline

_RUNNING = "#c8c8c8"
"""Paler than what is idle elsewhere, which many do not tell from the colour of what is stale."""
STATE_COLOURS = {"whole": LINE, "running": _RUNNING, "thin": MARKET, "stale": MODEL, "missing": ALARM}
_WIDEST_DAY = 24


def coverage_chart(
    rows: pl.DataFrame, *, title: str | list[str] = "", width: int = WIDTH, height: int | None = None
) -> Chart:
    """Draw rows of row, event_date, state, have, due and unit; rows in the order in which they come."""
    scale = alt.Scale(domain=list(STATE_COLOURS), range=list(STATE_COLOURS.values()))
    told = rows.with_columns(
        said=pl.format("{} {}: {}, {} of {} {}", "row", "event_date", "state", "have", "due", "unit")
    )
    return (
        alt.Chart(inline(told), title=title)
        .mark_rect(stroke="white")
        .encode(
            x=event_dates(),
            y=alt.Y("row:N", title=None, sort=rows["row"].unique(maintain_order=True).to_list()),
            color=alt.Color("state:N", title=None, scale=scale),
            description="said:N",
        )
        .properties(
            width=min(width, _WIDEST_DAY * rows["event_date"].n_unique()),
            height=alt.Step(15) if height is None else height,
        )
    )
