"""The charts of `kwx models list`: the losses of each window beside the market's, and how much each state held."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.plots.theme import BAND, IDLE, LINE, WIDTH, Chart, inline

_SIDE = WIDTH // 2


def held_chart(rows: pl.DataFrame) -> Chart:
    """Draw the log loss of every window against the market's on the same rows; below the diagonal the model is better.

    Windows that the market did not speak of are left out.
    """
    judged = rows.filter(pl.col("log_loss").is_not_null() & pl.col("market_log_loss").is_not_null())
    named = judged.with_columns(models=pl.concat_str("city", "bracket", "family", separator=" ")).select(
        "model", "models", "log_loss", "market_log_loss"
    )
    both = pl.concat([named["log_loss"], named["market_log_loss"]])
    least, most = (float(both.min() or 0.0), float(both.max() or 1.0))  # type: ignore[arg-type]
    edge = 0.05 * (most - least) or 0.05
    shown = alt.Scale(domain=[max(0.0, least - edge), most + edge], nice=False)
    axes = {
        "x": alt.X("market_log_loss:Q", title="log loss of the market, nats", scale=shown),
        "y": alt.Y("log_loss:Q", title="of the model, nats; below the line it is better", scale=shown),
    }
    ends = pl.DataFrame({"market_log_loss": [0.0, most + edge], "log_loss": [0.0, most + edge]})
    diagonal = alt.Chart(inline(ends)).mark_line(color=IDLE, strokeDash=[4, 4], clip=True).encode(**axes)
    points = alt.Chart(inline(named)).mark_point(filled=True, size=50, opacity=0.8)
    drawn = points.encode(**axes, color=alt.Color("models:N", title=None), description="model:N")
    return alt.layer(diagonal, drawn).properties(width=_SIDE, height=_SIDE)


def states_chart(rows: pl.DataFrame) -> Chart:
    """Draw how many windows each state held; the current one is darker."""
    told = rows.select("number", "windows", "action", "current")
    shade = alt.condition("datum.current", alt.value(LINE), alt.value(BAND))
    return (
        alt.Chart(inline(told), title="windows in use by state; the current one is darker")
        .mark_bar()
        .encode(
            x=alt.X("number:O", title="state", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            y=alt.Y("windows:Q", title="windows", axis=alt.Axis(tickMinStep=1)),
            color=shade,
        )
        .properties(width=max(120, min(WIDTH, 40 * told.height)), height=200)
    )
