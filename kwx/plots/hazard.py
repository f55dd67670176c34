"""The chance of a new maximum within so many minutes, through a day."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.plots.theme import HEIGHT, LINE, MARKET, WIDTH, Chart, inline, when_utc


def hazard_chart(rows: pl.DataFrame, *, title: str | list[str] = "", width: int = WIDTH, height: int = HEIGHT) -> Chart:
    """Draw rows of ts_utc, within and p: a line for each `within`."""
    spans = rows["within"].unique(maintain_order=True).to_list()
    scale = alt.Scale(domain=spans, range=[MARKET, LINE][: len(spans)]) if len(spans) <= 2 else alt.Scale()
    return (
        alt.Chart(inline(rows))
        .mark_line(interpolate="step-after")
        .encode(
            x=when_utc("%d %H:%M"),
            y=alt.Y("p:Q", title="a new maximum", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%")),
            color=alt.Color("within:N", title="within", sort=spans, scale=scale),
        )
        .properties(width=width, height=height, title=title)
    )
