"""Charts of what is asked about backtests: a sweep, two sides, a run's gates, a minute's payoffs, all runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from kwx.cli.charts import WIDTH, Chart, inline

if TYPE_CHECKING:
    from kwx.backtest.compare import Compared
    from kwx.backtest.explain.explained import Explained
    from kwx.backtest.sweep.run import Swept
    from kwx.backtest.why import Why

_MICROS_PER_DOLLAR = 1_000_000


def sweep_chart(done: Swept) -> Chart:
    """Draw each set's gain on the dates that rank against its gain on those held out."""
    told = done.board.rows.select(
        "set", ranked=pl.col("net_micros") / _MICROS_PER_DOLLAR,
        held_out=pl.col("held_out_net_micros") / _MICROS_PER_DOLLAR, p="p_better",
    ).with_row_index("place", offset=1)  # fmt: skip
    base = alt.Chart(inline(told)).encode(
        x=alt.X("ranked:Q", title="net on the dates that rank, $"),
        y=alt.Y("held_out:Q", title="net on the dates held out, $"),
    )
    points = base.mark_circle(opacity=0.6).encode(tooltip=["set:Q", "place:Q", "p:Q"])
    best = base.transform_filter("datum.place == 1").mark_point(shape="diamond", size=160, color="#c0392b")
    zero = alt.Chart(inline(pl.DataFrame({"zero": [0]}))).mark_rule(strokeDash=[3, 3])
    drawn = alt.layer(zero.encode(x="zero:Q"), zero.encode(y="zero:Q"), points, best)
    return drawn.properties(width=WIDTH, height=360, title=f"{told.height} sets; the diamond ranks first")


def compared_chart(found: Compared) -> Chart:
    """Draw the difference of net gains by city with its interval, all cities last."""
    rows = pl.DataFrame([line._asdict() for line in found.by_city]).with_columns(pl.col(pl.Float64).fill_nan(None))
    base = alt.Chart(inline(rows)).encode(y=alt.Y("what:N", title=None, sort=None))
    title = f"net of {found.sides[0].word} less {found.sides[1].word}, $"
    interval = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title=title), x2="high:Q")
    point = base.mark_point(filled=True, size=60).encode(x=alt.X("difference:Q", title=title))
    zero = alt.Chart(inline(pl.DataFrame({"zero": [0]}))).mark_rule(strokeDash=[3, 3]).encode(x="zero:Q")
    return alt.layer(zero, interval, point).properties(width=WIDTH, height=alt.Step(24))


def gates_chart(found: Why) -> Chart:
    """Draw the share of each gate in the minutes of each city."""
    order = found.gates["gate"].to_list()
    return (
        alt.Chart(inline(found.by_city))
        .mark_bar()
        .encode(
            x=alt.X("share:Q", title="share of minutes", axis=alt.Axis(format="%"), stack="zero"),
            y=alt.Y("city:N", title=None),
            color=alt.Color("gate:N", title="gate", sort=order, scale=alt.Scale(scheme="tableau20")),
        )
        .properties(width=WIDTH, height=alt.Step(26))
    )


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
            color=alt.Color("when:N", title=None, sort=["before", "after"]),
        )
        .properties(width=WIDTH, height=260, title=f"{found.market.city} {found.market.event_date}")
    )


def runs_chart(rows: pl.DataFrame) -> Chart:
    """Draw what each run gained after fees, the newest first."""
    told = rows.select("run_id", "strategy", net=pl.col("net_micros") / _MICROS_PER_DOLLAR)
    return (
        alt.Chart(inline(told))
        .mark_bar()
        .encode(
            x=alt.X("net:Q", title="net after fees, $"),
            y=alt.Y("run_id:N", title=None, sort=None, axis=alt.Axis(labelLimit=400)),
            color=alt.Color("strategy:N", title="strategy"),
        )
        .properties(width=WIDTH, height=alt.Step(20))
    )
