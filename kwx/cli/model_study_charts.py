"""Charts of how models are fitted and used: pooled against per city, and the blend with the market by its weight."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.cli.charts import Chart, inline


def study_chart(rows: pl.DataFrame) -> Chart:
    """Draw the log loss pooled minus per city with its interval, city by city; left of zero pooled is better."""
    base = alt.Chart(inline(rows)).encode(y=alt.Y("city:N", title=None))
    bars = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("log_loss_low:Q", title="log loss, pooled minus per city"), x2="log_loss_high:Q"
    )
    points = base.mark_point(filled=True, size=60).encode(x="log_loss_difference:Q", color=alt.Color("generalises:N"))
    zero = alt.Chart(inline(pl.DataFrame({"at": [0.0]}))).mark_rule(strokeDash=[4, 4]).encode(x="at:Q")
    panels = [
        alt.layer(zero, *(part.transform_filter(alt.datum.family == family) for part in (bars, points)), title=family)
        for family in rows["family"].unique(maintain_order=True)
    ]
    return alt.hconcat(*panels)


def blend_chart(rows: pl.DataFrame) -> Chart:
    """Draw the Brier score of each weight against the market alone, with intervals; below zero the blend is better."""
    base = alt.Chart(inline(rows.filter(~pl.col("fitted")))).encode(
        x=alt.X("weight:Q", title="the model's weight"), color=alt.Color("pool:N", title=None)
    )
    band = base.mark_area(opacity=0.2).encode(
        y=alt.Y("on_market_low:Q", title="Brier score on the market's"), y2="on_market_high:Q"
    )
    line = base.mark_line(point=True).encode(y="on_market:Q")
    chart: Chart = (
        alt.layer(band, line).properties(width=260, height=180).facet(column=alt.Column("name:N", title=None))
    )
    return chart
