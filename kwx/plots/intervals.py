"""Named figures with their intervals, against the line of no difference."""

from __future__ import annotations

from collections.abc import Sequence

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
    colour_by: str | None = None,
    colours: Sequence[str] = (),
    title: str | list[str] = "",
    width: int = WIDTH,
    height: int | None = None,
) -> Chart:
    """Draw rows of name, value, low and high in the order in which they come.

    With `by`, a column, the intervals of a name lie below each other in colours of their own; with `colour_by` the
    column says the colour alone, of the kinds in `colours` or those there are. A figure without an interval is a point.
    """
    names = rows["name"].unique(maintain_order=True).to_list()
    base = alt.Chart(inline(rows)).encode(y=alt.Y("name:N", title=None, sort=names), color=alt.value(LINE))
    if (kind := by or colour_by) is not None:
        kinds = list(colours) or [str(one) for one in rows[kind].unique(maintain_order=True)]
        scale = alt.Scale(domain=kinds)
        base = base.encode(color=alt.Color(f"{kind}:N", title=by_title, scale=scale, legend=legend_below()))
    if by is not None:
        base = base.encode(yOffset=alt.YOffset(f"{by}:N", sort=kinds))
    spans = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title=x_title), x2="high:Q")
    points = base.mark_point(filled=True, size=55, opacity=1).encode(x=alt.X("value:Q", title=x_title))
    zero = alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(strokeDash=[4, 4], color=IDLE).encode(x="zero:Q")
    step = _ROW * (1 if by is None else rows[by].n_unique())
    shown = alt.Step(step, **{"for": "position"}) if height is None else height
    return alt.layer(zero, spans, points).properties(width=width, height=shown, title=title)
