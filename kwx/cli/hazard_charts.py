"""Charts of the hazard: a law, a day as it went, sums, and forecasts of mornings against what came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from kwx.plots.reliability import reliability_chart
from kwx.plots.theme import (
    ALARM,
    BAND,
    LINE,
    MARKET,
    TRUTH,
    WIDTH,
    Chart,
    bracket_colours,
    event_dates,
    inline,
    legend_below,
)  # fmt: skip

if TYPE_CHECKING:
    from kwx.hazard.scored.diagnostics import Sums, Trace
    from kwx.hazard.scored.evaluation import Evaluation

_PANEL = 240
_OURS = "ours"


def fit_chart(rows: pl.DataFrame) -> Chart:
    """Draw the innovations by time of day and the spread of the day bias by lead, of each city and baseline."""
    panels = [
        alt.Chart(inline(rows.filter(pl.col("kind") == kind)), title=title)
        .mark_line(point=True)
        .encode(
            x=alt.X("bucket:N", title=None, sort=None, axis=alt.Axis(labelAngle=-45)),
            y=alt.Y("value_f:Q", title="°F"),
            color=alt.Color("law:N", title=None, legend=legend_below(2)),
        )
        .properties(width=WIDTH // 2 - 40, height=220)
        for kind, title in (("sigma", "innovation per step, by local standard time"), ("bias", "day bias: sd by lead"))
    ]
    return alt.hconcat(*panels)


def trace_chart(trace: Trace) -> Chart:
    """Draw one day: the brackets' chances, the hazards and the running maximum, with the time of the high."""
    rows = trace.rows
    shown = alt.Scale(domain=[float(rows["hour_lst"].min() or 0), 24.0])  # type: ignore[arg-type]
    hour = alt.X("hour_lst:Q", title="hour LST", axis=alt.Axis(values=list(range(-18, 25, 3))), scale=shown)
    chances = rows.unpivot(trace.brackets, index="hour_lst", variable_name="bracket", value_name="p")
    hazards = rows.rename({"hazard_next_5m": "5 min", "hazard_next_60m": "60 min"}).unpivot(
        ["5 min", "60 min"], index="hour_lst", variable_name="within", value_name="p"
    )
    ladder = dict(zip(trace.brackets, bracket_colours(len(trace.brackets)), strict=True))
    spans = {"5 min": MARKET, "60 min": LINE}
    title = f"{trace.city} {trace.event_date}: {trace.source}"
    panels = [
        _lines(chances, hour, "bracket", y_title="chance", title=title, colours=ladder),
        _lines(hazards.drop_nulls(), hour, "within", y_title="chance", title="a new maximum", colours=spans),
        _temperatures(rows, hour),
    ]
    drawn = [alt.layer(panel, *_high_mark(trace)).properties(width=WIDTH, height=170) for panel in panels]
    return alt.vconcat(*drawn).resolve_scale(color="independent")


def _lines(rows: pl.DataFrame, hour: alt.X, by: str, *, y_title: str, title: str, colours: dict[str, str]) -> Chart:
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    drawn = alt.Chart(inline(rows), title=title).mark_line(interpolate="step-after")
    y = alt.Y("p:Q", title=y_title, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))
    return drawn.encode(x=hour, y=y, color=alt.Color(f"{by}:N", title=by, scale=scale))


def _temperatures(rows: pl.DataFrame, hour: alt.X) -> Chart:
    base = alt.Chart(inline(rows.select("hour_lst", "m_run_lo_f", "m_run_hi_f", "m_run_temp_f", "expected_f")))
    y = alt.Y("m_run_lo_f:Q", title="°F", scale=alt.Scale(zero=False))
    band = base.mark_area(interpolate="step-after", color=BAND, opacity=0.7).encode(x=hour, y=y, y2="m_run_hi_f:Q")
    so_far = base.mark_line(interpolate="step-after", color=LINE).encode(x=hour, y="m_run_temp_f:Q")
    expected = base.mark_line(interpolate="step-after", strokeDash=[4, 3], color=TRUTH).encode(x=hour, y="expected_f:Q")
    return alt.layer(band, so_far, expected, title="running maximum, what it can mean, and (dashed) the expected high")


def _high_mark(trace: Trace) -> list[Chart]:
    """Return a rule at the time of the high; none where there was no report."""
    if trace.high_utc is None or trace.rows.is_empty():
        return []
    first = trace.rows.row(0, named=True)
    hour_lst = first["hour_lst"] + (trace.high_utc - first["ts_utc"]).total_seconds() / 3600
    base = alt.Chart(inline(pl.DataFrame({"hour_lst": [hour_lst]}))).encode(x="hour_lst:Q")
    mark = base.mark_rule(color=ALARM, strokeWidth=1.5)
    told = base.mark_text(text="the high", align="left", baseline="bottom", dx=2, dy=-1, color=ALARM)
    return [mark, told.encode(y=alt.value(0))]


def days_chart(rows: pl.DataFrame) -> Chart:
    """Draw what became of each day of a backfill."""
    states = rows["state"].unique(maintain_order=True).to_list()
    dates = rows["event_date"].n_unique()
    fields = alt.Chart(inline(rows.select("city", "event_date", "state"))).mark_rect(stroke="white")
    colour = alt.Color("state:N", title=None, scale=alt.Scale(domain=states))
    drawn = fields.encode(x=event_dates(), y=alt.Y("city:N", title=None), color=colour)
    return drawn.properties(width=min(WIDTH, 24 * dates), height=alt.Step(18))


def sums_chart(sums: Sums) -> Chart:
    """Draw how far each event's worst sum is from one."""
    away = sums.rows.with_columns(pl.col("deviation").clip(lower_bound=1e-18))
    points = alt.Chart(inline(away.select("city", "event_date", "deviation"))).mark_point(filled=True, opacity=0.8)
    y = alt.Y("deviation:Q", title="|sum − 1|, the worst", scale=alt.Scale(type="log"), axis=alt.Axis(format="~e"))
    drawn = points.encode(x=event_dates(), y=y, color=alt.Color("city:N", title=None))
    return drawn.properties(width=WIDTH, height=260)


def evaluation_chart(evaluation: Evaluation) -> Chart:
    """Draw the mean scores beside those of the references, and the reliability curve in its band."""
    summary = evaluation.summary
    ours = summary.filter(pl.col("against") == "").select("window", pl.lit(_OURS).alias("by"), "crps", "log_loss")
    theirs = [
        summary.filter(pl.col("against") != "").select(
            "window", pl.col("against").alias("by"), *(_there(summary, score) for score in ("crps", "log_loss"))
        )
    ]
    means = pl.concat([ours, *theirs]).unpivot(["crps", "log_loss"], index=["window", "by"]).drop_nulls()
    order = [_OURS, *means.filter(pl.col("by") != _OURS)["by"].unique(maintain_order=True)]
    bars = [
        _score_bars(means.filter(pl.col("variable") == score), order, title=title)
        for score, title in (("crps", "CRPS, °F"), ("log_loss", "log loss of the brackets, nats"))
    ]
    found = evaluation.reliability
    where = "inside" if found.inside else "outside"
    title = f"reliability: {where} its {found.level:.0%} band"
    return alt.hconcat(*bars, reliability_chart(found.curve(), title=title, width=_PANEL, height=_PANEL))


def _score_bars(means: pl.DataFrame, order: Sequence[str], *, title: str) -> Chart:
    return (
        alt.Chart(inline(means), title=title)
        .mark_bar()
        .encode(
            x=alt.X("window:N", title=None, axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("by:N", sort=list(order)),
            y=alt.Y("value:Q", title=None),
            color=alt.Color("by:N", title=None, sort=list(order), legend=legend_below(2)),
        )
        .properties(width=_PANEL, height=_PANEL)
    )


def _there(summary: pl.DataFrame, score: str) -> pl.Expr:
    """Return the reference's score, null where no reference has it."""
    name = f"{score}_reference"
    return (pl.col(name) if name in summary.columns else pl.lit(None, pl.Float64)).alias(score)
