"""Bars of named figures."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import polars as pl

from kwx.plots.theme import WIDTH, Chart, inline, legend_below

_BAR = 20


def bars_chart(
    rows: pl.DataFrame,
    *,
    value_title: str,
    by: str | None = None,
    colours: Mapping[str, str] | None = None,
    value_format: str = "",
    title: str | list[str] = "",
    width: int = WIDTH,
    height: int | None = None,
) -> Chart:
    """Draw rows of name and value, a bar for each in the order in which they come.

    With `by`, a column, the bars of a name follow each other in one, in the colours of its values.
    """
    names = rows["name"].unique(maintain_order=True).to_list()
    drawn = (
        alt.Chart(inline(rows))
        .mark_bar()
        .encode(
            x=alt.X("value:Q", title=value_title, axis=alt.Axis(format=value_format) if value_format else alt.Axis()),
            y=alt.Y("name:N", title=None, sort=names),
        )
        .properties(width=width, height=alt.Step(_BAR) if height is None else height, title=title)
    )
    return drawn if by is None else drawn.encode(color=_colour(rows, by, colours))


def _colour(rows: pl.DataFrame, by: str, colours: Mapping[str, str] | None) -> alt.Color:
    """Return the colours of what is there: as said, or the theme's in the order in which they come."""
    kinds = rows[by].unique(maintain_order=True).to_list()
    scale = alt.Scale(domain=kinds, range=[colours[kind] for kind in kinds]) if colours else alt.Scale(domain=kinds)
    return alt.Color(f"{by}:N", title=None, scale=scale, legend=legend_below(4))
