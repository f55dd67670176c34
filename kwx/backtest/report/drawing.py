"""What the drawings of the page share: their size, their colours, and how they become SVG that light and dark suit."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

Chart = Any
"""One of Altair's charts."""

WIDTH, HEIGHT = 330, 190
"""Narrow enough for a telephone at full size; wide windows show several beside each other."""

LINE, BAND, GAIN, LOSS, IDLE = "#3b8ec2", "#9ec9e2", "#3a9d5d", "#d1495b", "#9a9a9a"
BRACKETS = ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1", "#76b7b2", "#edc948", "#9c755f")
_INK = "#010203"
"""Stands for the colour of the page's own text, whatever that is."""


def svg_of(chart: Chart) -> str:
    """Return a drawing as SVG, its words and lines in the colour of the text around it."""
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(_inked(chart).to_json(indent=None))
    return drawn.replace(_INK, "currentColor")


def _inked(chart: Chart) -> Chart:
    ink = {"labelColor": _INK, "titleColor": _INK}
    lines = {"domainColor": _INK, "tickColor": _INK, "gridColor": _INK, "gridOpacity": 0.15}
    return (
        chart.configure(background="transparent")
        .configure_axis(**ink, **lines)
        .configure_legend(**ink)
        .configure_title(color=_INK, fontSize=12, anchor="start")
        .configure_view(stroke=None)
    )


def inline(rows: pl.DataFrame) -> Any:
    """Return rows as a drawing carries them: instants as ISO 8601 in UTC, NaN as nothing."""
    instants = [name for name, dtype in rows.schema.items() if dtype == pl.Datetime("us", "UTC")]
    told = rows.with_columns(pl.col(instants).dt.strftime("%Y-%m-%dT%H:%M:%SZ"), pl.selectors.date().cast(pl.String))
    return alt.InlineData(values=told.with_columns(pl.selectors.float().fill_nan(None)).to_dicts())


def when_utc(shown: str = "%b %d") -> alt.X:
    """Return the axis of time, told as `shown`."""
    axis = alt.Axis(format=shown, labelOverlap=True, tickCount=5)
    return alt.X("ts_utc:T", title=None, scale=alt.Scale(type="utc"), axis=axis)
