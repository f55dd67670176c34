"""Charts of how models are fitted and used: pooled against per city, and the blend with the market by its weight."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.plots.intervals import intervals_chart
from kwx.plots.theme import IDLE, WIDTH, Chart, inline

_GENERALISES, _DOES_NOT = "the pooled one generalises", "it does not"


def study_chart(rows: pl.DataFrame) -> Chart:
    """Draw the log loss pooled minus per city with its interval, city by city; left of zero pooled is better."""
    verdict = pl.when("generalises").then(pl.lit(_GENERALISES)).otherwise(pl.lit(_DOES_NOT))
    told = rows.select(
        "family", name="city", value="log_loss_difference", low="log_loss_low", high="log_loss_high", verdict=verdict
    )
    panels = [
        intervals_chart(
            part, x_title="log loss, nats: pooled minus per city", colour_by="verdict",
            colours=(_GENERALISES, _DOES_NOT), title=str(family), width=WIDTH // 2,
        )
        for (family,), part in told.partition_by("family", as_dict=True, maintain_order=True).items()
    ]  # fmt: skip
    return alt.concat(*panels, columns=2)


def blend_chart(rows: pl.DataFrame) -> Chart:
    """Draw the Brier score of each weight against the market alone, with intervals; below zero the blend is better."""
    told = inline(rows.filter(~pl.col("fitted")))
    base = alt.Chart(told).encode(
        x=alt.X("weight:Q", title="the model's weight"),
        color=alt.Color("pool:N", title=None, legend=alt.Legend(symbolOpacity=1)),
    )
    band = base.mark_area(opacity=0.2).encode(
        y=alt.Y("on_market_low:Q", title="Brier score minus the market's"), y2="on_market_high:Q"
    )
    line = base.mark_line(point=True).encode(y="on_market:Q")
    zero = alt.Chart(told).mark_rule(color=IDLE, strokeDash=[4, 4]).encode(y=alt.datum(0))
    panel = alt.layer(band, zero, line).properties(width=260, height=180)
    chart: Chart = panel.facet(facet=alt.Facet("name:N", title=None), columns=3)
    return chart
