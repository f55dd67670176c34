"""Bars of named figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import altair as alt
import polars as pl

from kwx.plots.theme import LINE, WIDTH, Chart, inline, legend_below

_BAR = 20


def bars_chart(
    rows: pl.DataFrame,
    *,
    value_title: str,
    by: str | None = None,
    colours: Mapping[str, str] | None = None,
    beside: bool = False,
    tall_values: bool = False,
    value_format: str = "",
    title: str | list[str] = "",
    width: int = WIDTH,
    height: int | None = None,
) -> Chart:
    """Draw rows of name and value, a bar for each in the order in which they come.

    With `by`, a column, the bars of a name follow each other in one, in the colours of its values; `beside` puts them
    below each other instead. With `tall_values` ones and millions are seen alike: the axis is a symmetric logarithm.
    """
    names = rows["name"].unique(maintain_order=True).to_list()
    shape = _tall(rows["value"]) if tall_values else {"axis": _axis(value_format)}
    drawn = (
        alt.Chart(inline(rows))
        .mark_bar()
        .encode(
            x=alt.X("value:Q", title=value_title, stack=None if by is None or beside else "zero", **shape),
            y=alt.Y("name:N", title=None, sort=names),
            color=alt.value(LINE),
        )
    )
    several = 1
    if by is not None:
        kinds = rows[by].unique(maintain_order=True).to_list()
        drawn = drawn.encode(color=_colour(by, kinds, colours))
        if beside:
            drawn, several = drawn.encode(yOffset=alt.YOffset(f"{by}:N", sort=kinds)), len(kinds)
    step = alt.Step(_BAR if several == 1 else 12 * several + 6, **{"for": "position"})
    return drawn.properties(width=width, height=step if height is None else height, title=title)


def _axis(value_format: str) -> alt.Axis:
    return alt.Axis(format=value_format, labelOverlap=True) if value_format else alt.Axis(labelOverlap=True)


def _tall(values: pl.Series) -> dict[str, Any]:
    """Return the axis on which every power of ten is as far from the next."""
    most = max(1.0, float(values.max() or 0.0))  # type: ignore[arg-type]
    ticks = [0, *(10**power for power in range(math.ceil(math.log10(most)) + 1))]
    axis = alt.Axis(values=ticks, labelExpr="format(datum.value, '~s')")
    return {"axis": axis, "scale": alt.Scale(type="symlog", domain=[0, most], nice=False)}


def _colour(by: str, kinds: list[str], colours: Mapping[str, str] | None) -> alt.Color:
    """Return the colours of what is there: as said, or the theme's in the order in which they come."""
    scale = alt.Scale(domain=kinds, range=[colours[kind] for kind in kinds]) if colours else alt.Scale(domain=kinds)
    return alt.Color(f"{by}:N", title=None, scale=scale, legend=legend_below(4))
