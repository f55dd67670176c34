"""A figure of each date in the limits that it leaves seldom while nothing has changed."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.plots.theme import ALARM, BAND, HEIGHT, IDLE, LINE, WIDTH, Chart, event_dates, inline


def control_chart(
    rows: pl.DataFrame,
    *,
    y_title: str,
    title: str | list[str] = "",
    width: int = WIDTH,
    height: int = HEIGHT,
) -> Chart:
    """Draw rows of event_date, value, centre, low and high; points outside their limits stand out.

    A date whose limits are not known is drawn without any, and is judged by none.
    """
    value = pl.col("value")
    told = rows.sort("event_date").with_columns(
        outside=((value < pl.col("low")) | (value > pl.col("high"))).fill_null(value=False)
    )
    base = alt.Chart(inline(told)).encode(x=event_dates())
    band = base.mark_area(color=BAND, opacity=0.25).encode(y=_figure("low", y_title), y2="high:Q")
    centre = base.mark_line(color=IDLE, strokeDash=[4, 4]).encode(y=_figure("centre", y_title))
    line = base.mark_line(color=LINE, strokeWidth=1.3).encode(y=_figure("value", y_title))
    points = base.mark_point(filled=True, size=45, opacity=1).encode(
        y=_figure("value", y_title),
        color=alt.condition("datum.outside", alt.value(ALARM), alt.value(LINE)),
        shape=alt.condition("datum.outside", alt.value("diamond"), alt.value("circle")),
    )
    return alt.layer(band, centre, line, points).properties(width=width, height=height, title=title)


def _figure(column: str, title: str) -> alt.Y:
    return alt.Y(f"{column}:Q", title=title, scale=alt.Scale(zero=False))
