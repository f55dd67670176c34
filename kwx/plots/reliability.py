"""How often what was said came true, in the band that a calibrated forecast leaves seldom."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.plots.theme import ALARM, BAND, IDLE, LINE, Chart, inline

_SIDE = 250
_FEW = 20
"""Up to so many points each is seen with its span; of a curve in more of them only those that stand out."""
_TINY = 1e-9  # rounding puts nothing outside


def reliability_chart(
    rows: pl.DataFrame,
    *,
    forecast_title: str = "forecast",
    came_title: str = "came true",
    title: str | list[str] = "",
    width: int = _SIDE,
    height: int = _SIDE,
) -> Chart:
    """Draw rows of p, came, low and high beside the diagonal; points outside their band stand out."""
    below, above = pl.col("came") < pl.col("low") - _TINY, pl.col("came") > pl.col("high") + _TINY
    told = rows.sort("p").with_columns(outside=below | above)
    unit = alt.Scale(domain=[0, 1])
    base = alt.Chart(inline(told)).encode(x=alt.X("p:Q", title=forecast_title, scale=unit))
    came = alt.Y("came:Q", title=came_title, scale=unit)
    band = base.mark_area(color=BAND, opacity=0.5, clip=True).encode(
        y=alt.Y("low:Q", title=came_title, scale=unit), y2="high:Q"
    )
    few = told.height <= _FEW
    spans = base.mark_rule(color=BAND, clip=True).encode(y=alt.Y("low:Q", title=came_title, scale=unit), y2="high:Q")
    line = base.mark_line(color=LINE).encode(y=came)
    seen = base if few else base.transform_filter("datum.outside")
    points = seen.mark_point(filled=True, size=40, opacity=1).encode(
        y=came, color=alt.condition("datum.outside", alt.value(ALARM), alt.value(LINE))
    )
    layers = [band, *([spans] if few else []), _diagonal(), line, points]
    return alt.layer(*layers).properties(width=width, height=height, title=title)


def _diagonal() -> Chart:
    ends = alt.Chart(alt.InlineData(values=[{"p": 0, "came": 0}, {"p": 1, "came": 1}]))
    return ends.mark_line(color=IDLE, strokeDash=[4, 4]).encode(x="p:Q", y="came:Q")
