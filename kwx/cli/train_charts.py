"""The chart of a training: each window's log loss beside the market's."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.plots.theme import MARKET, MODEL, Chart, inline


def trained_chart(rows: pl.DataFrame) -> Chart:
    """Draw for each city and type of bracket the log loss of model and market, window by window."""
    told = rows.filter(pl.col("log_loss").is_not_null()).rename({"log_loss": "model", "market_log_loss": "market"})
    long = told.unpivot(
        ["model", "market"], index=["city", "bracket", "window"], variable_name="who", value_name="loss"
    )
    scale = alt.Scale(domain=["model", "market"], range=[MODEL, MARKET])
    return (
        alt.Chart(inline(long.drop_nulls("loss")))
        .mark_line(point=True)
        .encode(
            x=alt.X("window:N", title=None, axis=alt.Axis(labelAngle=-45)),
            y=alt.Y("loss:Q", title="log loss, nats", scale=alt.Scale(zero=False)),
            color=alt.Color("who:N", title=None, scale=scale),
        )
        .properties(width=220, height=140)
        .facet(row=alt.Row("city:N", title=None), column=alt.Column("bracket:N", title=None))
    )
