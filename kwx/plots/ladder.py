"""The chances of the brackets of an event: beside each other by source, and through a day."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.plots.theme import HEIGHT, WIDTH, Chart, bracket_colours, inline, source_scale, when_utc


def ladder_chart(rows: pl.DataFrame, *, title: str | list[str] = "", width: int = WIDTH, height: int = HEIGHT) -> Chart:
    """Draw rows of bracket, bracket_order, source and p: a group of bars for each bracket, a bar for each source."""
    sources = rows["source"].unique(maintain_order=True).to_list()
    return (
        alt.Chart(inline(rows))
        .mark_bar()
        .encode(
            x=alt.X("bracket:N", title="°F", sort=_ordered(rows), axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("source:N", sort=sources),
            y=_chance(),
            color=alt.Color("source:N", title=None, scale=source_scale(sources)),
        )
        .properties(width=width, height=height, title=title)
    )


def ladder_day_chart(
    rows: pl.DataFrame, *, title: str | list[str] = "", width: int = WIDTH, height: int = HEIGHT
) -> Chart:
    """Draw rows of ts_utc, bracket, bracket_order and p: the brackets on top of each other, the coldest lowest."""
    brackets = _ordered(rows)
    scale = alt.Scale(domain=brackets, range=bracket_colours(len(brackets)))
    return (
        alt.Chart(inline(rows))
        .mark_area(interpolate="step-after")
        .encode(
            x=when_utc("%d %H:%M"),
            y=alt.Y("p:Q", title="chance", stack="zero", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%")),
            color=alt.Color("bracket:N", title="°F", scale=scale, sort=brackets[::-1]),
            order=alt.Order("bracket_order:Q", sort="ascending"),
        )
        .properties(width=width, height=height, title=title)
    )


def _ordered(rows: pl.DataFrame) -> list[str]:
    return rows.sort("bracket_order")["bracket"].unique(maintain_order=True).to_list()


def _chance() -> alt.Y:
    return alt.Y("p:Q", title="chance", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))
