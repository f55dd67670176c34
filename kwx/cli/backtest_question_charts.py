"""Charts of what is asked about backtests: a sweep, two sides, a run's gates, a minute's payoffs, all runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from kwx.plots.bars import bars_chart
from kwx.plots.intervals import intervals_chart
from kwx.plots.theme import ALARM, IDLE, LINE, WIDTH, Chart, inline

if TYPE_CHECKING:
    from kwx.backtest.compare import Compared
    from kwx.backtest.explain.explained import Explained
    from kwx.backtest.sweep.run import Swept
    from kwx.backtest.why import Why

_MICROS_PER_DOLLAR = 1_000_000
_DARK_FROM = 0.5


def sweep_chart(done: Swept) -> Chart:
    """Draw each set's gain on the dates that rank against its gain on those held out."""
    told = done.board.rows.select(
        "set", ranked=pl.col("net_micros") / _MICROS_PER_DOLLAR,
        held_out=pl.col("held_out_net_micros") / _MICROS_PER_DOLLAR, p="p_better",
    ).with_row_index("place", offset=1).with_columns(
        said=pl.format("set {}, place {}, p {}", "set", "place", pl.col("p").round(4))
    )  # fmt: skip
    base = alt.Chart(inline(told)).encode(
        x=alt.X("ranked:Q", title="net on the dates that rank, $"),
        y=alt.Y("held_out:Q", title="net on the dates held out, $"),
    )
    points = base.mark_circle(opacity=0.6, color=LINE).encode(description="said:N")
    best = base.transform_filter("datum.place == 1").mark_point(shape="diamond", size=160, color=ALARM)
    zero = alt.Chart(inline(pl.DataFrame({"zero": [0]}))).mark_rule(strokeDash=[4, 4], color=IDLE)
    drawn = alt.layer(zero.encode(x="zero:Q"), zero.encode(y="zero:Q"), points, best)
    return drawn.properties(width=WIDTH, height=360, title=f"{told.height} sets; the diamond ranks first")


def compared_chart(found: Compared) -> Chart:
    """Draw the difference of net gains by city with its interval, all cities last."""
    rows = pl.DataFrame([line._asdict() for line in found.by_city])
    title = f"net of {found.sides[0].word} less {found.sides[1].word}, $"
    return intervals_chart(rows.select("low", "high", name="what", value="difference"), x_title=title)


def gates_chart(found: Why) -> Chart:
    """Draw the share of each gate in the minutes of each city, as a field: there are more gates than colours."""
    gates = found.gates["gate"].to_list()
    told = found.by_city.with_columns(
        said=(100 * pl.col("share")).round(1).cast(pl.String) + " %", is_dark=pl.col("share") > _DARK_FROM
    )
    base = alt.Chart(inline(told), title="share of the minutes of brackets, by city and gate").encode(
        x=alt.X("city:N", title=None, axis=alt.Axis(labelAngle=0, orient="top")),
        y=alt.Y("gate:N", title=None, sort=gates),
    )
    fields = base.mark_rect(stroke="white").encode(
        color=alt.Color("share:Q", legend=None, scale=alt.Scale(domain=[0, 1], scheme="blues"))
    )
    words = base.mark_text(fontSize=10).encode(
        text="said:N", color=alt.condition("datum.is_dark", alt.value("white"), alt.value("#333333"))
    )
    return alt.layer(fields, words).properties(width=alt.Step(90), height=alt.Step(20))


def payoffs_chart(found: Explained) -> Chart:
    """Draw what the event pays if it ends in each bracket, before the minute and after it."""
    told = found.payoffs.rename({"before_micros": "before", "after_micros": "after"})
    order = told["outcome"].to_list()
    rows = told.unpivot(["before", "after"], index="outcome", variable_name="when", value_name="micros")
    base = alt.Chart(inline(rows.with_columns(dollars=pl.col("micros") / _MICROS_PER_DOLLAR)))
    return (
        base.mark_bar()
        .encode(
            x=alt.X("outcome:N", title="if it is, °F", sort=order, axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("when:N", sort=["before", "after"]),
            y=alt.Y("dollars:Q", title="the event pays, $"),
            color=alt.Color("when:N", title=None, scale=alt.Scale(domain=["before", "after"], range=[IDLE, LINE])),
        )
        .properties(width=WIDTH, height=260, title=f"{found.market.city} {found.market.event_date}")
    )


def runs_chart(rows: pl.DataFrame) -> Chart:
    """Draw what each run gained after fees, the newest first."""
    told = rows.select("strategy", name="run_id", value=pl.col("net_micros") / _MICROS_PER_DOLLAR)
    return bars_chart(told, value_title="net after fees, $", by="strategy")
