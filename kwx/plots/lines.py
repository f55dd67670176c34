"""Lines of a figure over instants, dates, numbers or names: one for each series."""

from __future__ import annotations

from datetime import datetime, timedelta

import altair as alt
import polars as pl

from kwx.plots.theme import HEIGHT, WIDTH, Chart, inline

_FEW_DAYS = timedelta(days=5)


def lines_chart(
    rows: pl.DataFrame,
    *,
    y_title: str,
    x_title: str | None = None,
    title: str | list[str] = "",
    width: int = WIDTH,
    height: int = HEIGHT,
) -> Chart:
    """Draw rows of x, y and, where there are several, series; a point for each row where there are few."""
    several = "series" in rows.columns
    few = rows.height <= 60 * (rows["series"].n_unique() if several else 1)
    drawn = (
        alt.Chart(inline(rows))
        .mark_line(point=few)
        .encode(x=axis_of(rows["x"], title=x_title), y=alt.Y("y:Q", title=y_title, scale=alt.Scale(zero=False)))
        .properties(width=width, height=height, title=title)
    )
    if not several:
        return drawn
    names = rows["series"].unique(maintain_order=True).to_list()
    return drawn.encode(color=alt.Color("series:N", title=None, sort=names))


def axis_of(values: pl.Series, *, title: str | None) -> alt.X:
    """Return the axis that suits what stands on it: time in UTC, a place for each date or name, or numbers."""
    if isinstance(values.dtype, pl.Datetime):
        axis = alt.Axis(format=_shown(values), labelOverlap=True, tickCount=8)
        return alt.X("x:T", title=title, scale=alt.Scale(type="utc"), axis=axis)
    if values.dtype.is_numeric():
        return alt.X("x:Q", title=title, scale=alt.Scale(zero=False))
    return alt.X("x:O", title=title, sort=None, axis=alt.Axis(labelOverlap=True, labelAngle=-45))


def _shown(instants: pl.Series) -> str:
    """Return how instants are told: with the time of day within a few days, else by their dates."""
    first, last = instants.min(), instants.max()
    within = isinstance(first, datetime) and isinstance(last, datetime) and last - first <= _FEW_DAYS
    return "%b %d %H:%M" if within else "%b %d"
