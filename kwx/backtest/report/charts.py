"""The other drawings of the page: other fills, calibration, edge decay, gates, and the prices of one city-day."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

from kwx.backtest.decay import Decay
from kwx.backtest.report.drawing import (
    BAND,
    BRACKETS,
    GAIN,
    HEIGHT,
    IDLE,
    LINE,
    LOSS,
    WIDTH,
    Chart,
    inline,
    when_utc,
)  # fmt: skip
from kwx.backtest.sensitivity import Sensed
from kwx.scoring.reliability import Reliability

_MICROS_PER_DOLLAR = 1_000_000


def sensitivity_chart(cases: Sequence[Sensed]) -> Chart:
    """Draw what each model of fills and maker's fee came to, with its interval."""
    rows = pl.DataFrame(
        {
            "fills": [one.case.fill.value for one in cases],
            "makers": [one.case.maker_fee.replace("_", " ") for one in cases],
            **{
                name: [getattr(one.net, name) / _MICROS_PER_DOLLAR for one in cases]
                for name in ("value", "low", "high")
            },
        }
    )
    base = alt.Chart(inline(rows)).encode(
        y=alt.Y("fills:N", title="fills by", sort=None), yOffset=alt.YOffset("makers:N"),
        color=alt.Color("makers:N", title="maker fee", scale=alt.Scale(range=[LINE, LOSS]), legend=_below()),
    )  # fmt: skip
    spans = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title="net after fees, $"), x2="high:Q")
    values = base.mark_point(filled=True, size=60, opacity=1).encode(x="value:Q")
    return alt.layer(spans, values).properties(width=WIDTH, height=HEIGHT)


def calibration_chart(found: Reliability) -> Chart:
    """Draw how often brackets paid that were traded at a probability, in the band of a calibrated one."""
    rows = pl.DataFrame({"p": found.forecast, "came": found.observed, "low": found.low, "high": found.high})
    unit = alt.Scale(domain=[0, 1])
    base = alt.Chart(inline(rows)).encode(x=alt.X("p:Q", title="probability acted on", scale=unit))
    band = base.mark_area(color=BAND, opacity=0.5).encode(y=alt.Y("low:Q", title="paid", scale=unit), y2="high:Q")
    line = base.mark_line(color=LINE).encode(y="came:Q")
    ends = alt.InlineData(values=[{"p": 0, "came": 0}, {"p": 1, "came": 1}])
    diagonal = alt.Chart(ends).mark_line(color=IDLE, strokeDash=[4, 4]).encode(x="p:Q", y="came:Q")
    return alt.layer(band, diagonal, line).properties(width=WIDTH, height=HEIGHT)


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
        color=alt.Color("style:N", title=None, scale=alt.Scale(range=[LINE, LOSS]), legend=_below()),
    )  # fmt: skip
    spans = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", title="gained against the mid, ¢"), y2="high:Q")
    values = base.mark_point(filled=True, size=60, opacity=1).encode(y="value:Q")
    return alt.layer(spans, values).properties(width=WIDTH, height=HEIGHT)


def gates_chart(shares: pl.DataFrame) -> Chart:
    """Draw in which share of minutes each gate stood, from rows of gate, share and stopped."""
    rows = shares.select(
        "gate", "share", what=pl.when("stopped").then(pl.lit("wanted, stopped")).otherwise(pl.lit("not stopped"))
    )
    bars = alt.Chart(inline(rows)).mark_bar()
    drawn = bars.encode(
        y=alt.Y("gate:N", title=None, sort=None),
        x=alt.X("share:Q", title="share of minutes", axis=alt.Axis(format="%")),
        color=alt.Color("what:N", title=None, scale=alt.Scale(range=[IDLE, LOSS]), legend=_below()),
    )  # fmt: skip
    return drawn.properties(width=WIDTH - 60, height=16 * rows.height)


def prices_chart(mids: pl.DataFrame, fills: pl.DataFrame, names: Sequence[str]) -> Chart:
    """Draw the mids of a city-day's brackets and the fills upon them: up is bought, down is sold."""
    colour = alt.Color(
        "bracket:N", title=None, sort=list(names), scale=alt.Scale(domain=list(names), range=list(BRACKETS)),
        legend=_below(3),
    )  # fmt: skip
    y = alt.Y("cents:Q", title="¢", scale=alt.Scale(domain=[0, 100]))
    hour = when_utc("%d %H h")
    paths = alt.Chart(inline(mids)).mark_line(strokeWidth=1.2).encode(x=hour, y=y, color=colour)
    marks = alt.Chart(inline(fills)).mark_point(filled=True, size=32, opacity=0.9)
    shape = alt.Shape(
        "side:N", legend=None, scale=alt.Scale(domain=["buy", "sell"], range=["triangle-up", "triangle-down"])
    )
    shown = marks.encode(x=hour, y=y, color=colour, shape=shape)
    return alt.layer(paths, shown).properties(width=WIDTH, height=int(HEIGHT * 1.3))


def days_chart(days: pl.DataFrame) -> Chart:
    """Draw what each event date gained."""
    by_date = days.filter("is_settled").group_by("event_date").agg(pl.col("net_micros").sum()).sort("event_date")
    rows = by_date.select("event_date", net=pl.col("net_micros") / _MICROS_PER_DOLLAR)
    colour = alt.condition("datum.net >= 0", alt.value(GAIN), alt.value(LOSS))
    bars = alt.Chart(inline(rows)).mark_bar().encode(
        x=alt.X("event_date:O", title=None, axis=alt.Axis(labelOverlap=True)),
        y=alt.Y("net:Q", title="net of a date, $"),
        color=colour,
    )  # fmt: skip
    return bars.properties(width=WIDTH, height=HEIGHT)


def _below(columns: int = 2) -> alt.Legend:
    return alt.Legend(orient="bottom", columns=columns)
