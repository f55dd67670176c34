"""The other drawings of the page: other fills, calibration, edge decay, gates, and the prices of one city-day."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

from kwx.backtest.decay import Decay
from kwx.backtest.sensitivity import Sensed
from kwx.plots.bars import bars_chart
from kwx.plots.intervals import intervals_chart
from kwx.plots.reliability import reliability_chart
from kwx.plots.theme import (
    GAIN,
    HEIGHT,
    IDLE,
    LINE,
    LOSS,
    NARROW,
    Chart,
    bracket_colours,
    event_dates,
    inline,
    legend_below,
    when_utc,
)  # fmt: skip
from kwx.scoring.reliability import Reliability

_MICROS_PER_DOLLAR = 1_000_000
_STOPPED, _NOT_STOPPED = "wanted, stopped", "not stopped"


def sensitivity_chart(cases: Sequence[Sensed]) -> Chart:
    """Draw what each model of fills and maker's fee came to, with its interval."""
    rows = pl.DataFrame(
        {
            "name": [f"fills by {one.case.fill.value}" for one in cases],
            "makers": [one.case.maker_fee.replace("_", " ") for one in cases],
            **{
                name: [getattr(one.net, name) / _MICROS_PER_DOLLAR for one in cases]
                for name in ("value", "low", "high")
            },
        }
    )
    return intervals_chart(
        rows, x_title="net after fees, $", by="makers", by_title="maker fee", width=NARROW, height=HEIGHT
    )


def calibration_chart(found: Reliability) -> Chart:
    """Draw how often brackets paid that were traded at a probability, in the band of a calibrated one."""
    return reliability_chart(
        found.curve(), forecast_title="probability acted on", came_title="paid", width=NARROW, height=HEIGHT
    )


def decay_chart(decay: Sequence[Decay]) -> Chart:
    """Draw what a contract had gained against the mid so many minutes after its fill, by style."""
    rows = pl.DataFrame(
        {
            "style": [one.style for one in decay],
            "minutes": [one.minutes for one in decay],
            **{name: [getattr(one.gained_cents, name) for one in decay] for name in ("value", "low", "high")},
        }
    ).filter(pl.col("value").is_not_nan())
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("minutes:O", title="minutes after the fill", axis=alt.Axis(labelAngle=0)), xOffset="style:N",
        color=alt.Color("style:N", title=None, scale=alt.Scale(range=[LINE, LOSS]), legend=legend_below()),
    )  # fmt: skip
    spans = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", title="gained against the mid, ¢"), y2="high:Q")
    values = base.mark_point(filled=True, size=60, opacity=1).encode(y="value:Q")
    return alt.layer(spans, values).properties(width=NARROW, height=HEIGHT)


def gates_chart(shares: pl.DataFrame) -> Chart:
    """Draw in which share of minutes each gate stood, from rows of gate, share and stopped."""
    what = pl.when("stopped").then(pl.lit(_STOPPED)).otherwise(pl.lit(_NOT_STOPPED))
    return bars_chart(
        shares.select(name="gate", value="share", what=what), value_title="share of minutes", value_format="%",
        by="what", colours={_STOPPED: LOSS, _NOT_STOPPED: IDLE}, width=NARROW - 60,
    )  # fmt: skip


def prices_chart(mids: pl.DataFrame, fills: pl.DataFrame, names: Sequence[str]) -> Chart:
    """Draw the mids of a city-day's brackets and the fills upon them: up is bought, down is sold."""
    colour = alt.Color(
        "bracket:N", title=None, sort=list(names), legend=legend_below(3),
        scale=alt.Scale(domain=list(names), range=bracket_colours(len(names))),
    )  # fmt: skip
    y = alt.Y("cents:Q", title="¢", scale=alt.Scale(domain=[0, 100]))
    hour = when_utc("%d %H h")
    paths = alt.Chart(inline(mids)).mark_line(strokeWidth=1.2).encode(x=hour, y=y, color=colour)
    marks = alt.Chart(inline(fills)).mark_point(filled=True, size=32, opacity=0.9)
    shape = alt.Shape(
        "side:N", legend=None, scale=alt.Scale(domain=["buy", "sell"], range=["triangle-up", "triangle-down"])
    )
    shown = marks.encode(x=hour, y=y, color=colour, shape=shape)
    return alt.layer(paths, shown).properties(width=NARROW, height=int(HEIGHT * 1.3))


def days_chart(days: pl.DataFrame) -> Chart:
    """Draw what each event date gained."""
    by_date = days.filter("is_settled").group_by("event_date").agg(pl.col("net_micros").sum()).sort("event_date")
    rows = by_date.select("event_date", net=pl.col("net_micros") / _MICROS_PER_DOLLAR)
    colour = alt.condition("datum.net >= 0", alt.value(GAIN), alt.value(LOSS))
    bars = alt.Chart(inline(rows)).mark_bar()
    drawn = bars.encode(x=event_dates(), y=alt.Y("net:Q", title="net of a date, $"), color=colour)
    return drawn.properties(width=NARROW, height=HEIGHT)
