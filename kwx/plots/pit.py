"""Where in the forecast distributions the outcomes fell: flat where forecasts are calibrated."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.plots.theme import ALARM, BAND, HEIGHT, LINE, NARROW, TRUTH, Chart, inline


def pit_chart(
    rows: pl.DataFrame,
    *,
    band: tuple[float, float] | None = None,
    title: str | list[str] = "",
    width: int = NARROW,
    height: int = HEIGHT,
) -> Chart:
    """Draw the share of outcomes in each stretch from low to high; bars that leave the band of a flat one stand out."""
    low, high = band or (float("-inf"), float("inf"))
    told = rows.with_columns(outside=~pl.col("share").is_between(low, high))
    bars = (
        alt.Chart(inline(told))
        .mark_rect(stroke="white")
        .encode(
            x=alt.X("low:Q", title="probability below the outcome", scale=alt.Scale(domain=[0, 1])),
            x2="high:Q",
            y=alt.Y("share:Q", title="share of outcomes", axis=alt.Axis(format="%")),
            y2=alt.datum(0),
            color=alt.condition("datum.outside", alt.value(ALARM), alt.value(LINE)),
        )
    )
    layers = [bars] if band is None else [_band(band), bars, _edges(band)]
    return alt.layer(*layers).properties(width=width, height=height, title=title)


def _band(band: tuple[float, float]) -> Chart:
    edges = alt.Chart(alt.InlineData(values=[{"from": 0, "to": 1, "least": band[0], "most": band[1]}]))
    return edges.mark_rect(color=BAND, opacity=0.5).encode(x="from:Q", x2="to:Q", y="least:Q", y2="most:Q")


def _edges(band: tuple[float, float]) -> Chart:
    """Return the ends of the band, which bars would hide."""
    ends = alt.Chart(alt.InlineData(values=[{"share": share} for share in band]))
    return ends.mark_rule(color=TRUTH, strokeDash=[4, 4]).encode(y="share:Q")
