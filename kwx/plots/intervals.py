"""Named figures with their intervals, against the line of no difference."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.plots.theme import IDLE, LINE, WIDTH, Chart, inline, legend_below

_ROW = 26


def intervals_chart(
    rows: pl.DataFrame,
    *,
    x_title: str,
    by: str | None = None,
    by_title: str | None = None,
    title: str | list[str] = "",
    width: int = WIDTH,
    height: int | None = None,
) -> Chart:
    """Draw rows of name, value, low and high in the order in which they come.

    With `by`, a column, the intervals of a name lie below each other in colours of their own. A figure without an
    interval is a point.
    """
    names = rows["name"].unique(maintain_order=True).to_list()
    base = alt.Chart(inline(rows)).encode(y=alt.Y("name:N", title=None, sort=names))
    if by is None:
        base = base.encode(color=alt.value(LINE))
    else:
        kinds = [str(kind) for kind in rows[by].unique(maintain_order=True)]
        base = base.encode(
            yOffset=alt.YOffset(f"{by}:N", sort=kinds),
            color=alt.Color(f"{by}:N", title=by_title, sort=kinds, legend=legend_below()),
        )
    spans = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title=x_title), x2="high:Q")
    points = base.mark_point(filled=True, size=55, opacity=1).encode(x=alt.X("value:Q", title=x_title))
    zero = alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(strokeDash=[4, 4], color=IDLE).encode(x="zero:Q")
    steps = _ROW * (1 if by is None else rows[by].n_unique())
    shown = alt.Step(steps, **{"for": "position"}) if height is None else height
    return alt.layer(zero, spans, points).properties(width=width, height=shown, title=title)
