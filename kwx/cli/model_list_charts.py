"""The charts of `kwx models list`: the losses of each window beside the market's, and how much each state held."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.cli.charts import WIDTH, Chart, inline


def held_chart(rows: pl.DataFrame) -> Chart:
    """Draw the log loss of every window against the market's on the same rows; below the diagonal the model is better.

    Windows that the market did not speak of are left out.
    """
    judged = rows.filter(pl.col("log_loss").is_not_null() & pl.col("market_log_loss").is_not_null())
    named = judged.with_columns(models=pl.concat_str("city", "bracket", "family", separator=" ")).select(
        "model", "models", "log_loss", "market_log_loss"
    )
    most = max(named["log_loss"].max() or 1.0, named["market_log_loss"].max() or 1.0)
    ends = pl.DataFrame({"market_log_loss": [0.0, most], "log_loss": [0.0, most]})
    axes = {
        "x": alt.X("market_log_loss:Q", title="log loss of the market"),
        "y": alt.Y("log_loss:Q", title="of the model"),
    }
    diagonal = alt.Chart(inline(ends)).mark_line(color="gray", strokeDash=[4, 4]).encode(**axes)
    points = (
        alt.Chart(inline(named))
        .mark_point(filled=True)
        .encode(**axes, color=alt.Color("models:N", title=None), tooltip="model:N")
    )
    return alt.layer(diagonal, points).properties(width=WIDTH // 2, height=WIDTH // 2)


def states_chart(rows: pl.DataFrame) -> Chart:
    """Draw how many windows each state held; the current one is darker."""
    told = rows.select("number", "windows", "action", "current")
    shade = alt.condition("datum.current", alt.value("#1f5f8b"), alt.value("#9ec9e2"))
    return (
        alt.Chart(inline(told))
        .mark_bar()
        .encode(
            x=alt.X("number:O", title="state"), y=alt.Y("windows:Q", title="windows"), color=shade,
            tooltip=["action:N", "windows:Q"],
        )
        .properties(width=WIDTH // 2, height=200)
    )  # fmt: skip
