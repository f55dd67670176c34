"""Charts of the hazard, and what all charts share: saved as SVG, PNG or as a page that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import altair as alt
import polars as pl

if TYPE_CHECKING:
    from kwx.hazard.scored.diagnostics import Sums, Trace
    from kwx.hazard.scored.evaluation import Evaluation

Chart = Any
"""One of Altair's charts: its types tell layers and facets apart where a drawing need not."""

WIDTH = 720
_LEVEL_COLOUR, _BAND_COLOUR, _MARK_COLOUR = "#1f5f8b", "#9ec9e2", "#c0392b"


def save_chart(chart: Chart, path: Path) -> None:
    """Write a chart in the form that the file's ending says; the page carries all scripts that it needs."""
    import vl_convert

    spec = chart.to_json(indent=None)
    if path.suffix == ".png":
        path.write_bytes(vl_convert.vegalite_to_png(spec, scale=2))
    elif path.suffix == ".html":
        path.write_text(vl_convert.vegalite_to_html(spec, bundle=True))
    else:
        path.write_text(vl_convert.vegalite_to_svg(spec))


def fit_chart(rows: pl.DataFrame) -> Chart:
    """Draw the innovations by time of day and the spread of the day bias by lead, of each city and baseline."""
    panels = [
        alt.Chart(inline(rows.filter(pl.col("kind") == kind)), title=title)
        .mark_line(point=True)
        .encode(
            x=alt.X("bucket:N", title=None, sort=None),
            y=alt.Y("value_f:Q", title="°F"),
            color=alt.Color("law:N", title=None),
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
    panels = [
        _lines(
            chances, hour, "bracket", title=f"{trace.city} {trace.event_date}: {trace.source}", order=trace.brackets
        ),
        _lines(hazards.drop_nulls(), hour, "within", title="a new maximum", order=("5 min", "60 min")),
        _temperatures(rows, hour),
    ]
    drawn = [alt.layer(panel, *_high_mark(trace)).properties(width=WIDTH, height=170) for panel in panels]
    return alt.vconcat(*drawn).resolve_scale(color="independent")


def _lines(rows: pl.DataFrame, hour: alt.X, by: str, *, title: str, order: Sequence[str]) -> Chart:
    colour = alt.Color(f"{by}:N", title=by, sort=list(order), scale=alt.Scale(scheme="turbo"))
    drawn = alt.Chart(inline(rows), title=title).mark_line(interpolate="step-after")
    return drawn.encode(x=hour, y=alt.Y("p:Q", scale=alt.Scale(domain=[0, 1])), color=colour)


def _temperatures(rows: pl.DataFrame, hour: alt.X) -> Chart:
    base = alt.Chart(inline(rows.select("hour_lst", "m_run_lo_f", "m_run_hi_f", "m_run_temp_f", "expected_f")))
    y = alt.Y("m_run_lo_f:Q", title="°F", scale=alt.Scale(zero=False))
    band = base.mark_area(interpolate="step-after", color=_BAND_COLOUR, opacity=0.7).encode(
        x=hour, y=y, y2="m_run_hi_f:Q"
    )
    so_far = base.mark_line(interpolate="step-after", color=_LEVEL_COLOUR).encode(x=hour, y="m_run_temp_f:Q")
    expected = base.mark_line(strokeDash=[4, 3], color="black").encode(x=hour, y="expected_f:Q")
    return alt.layer(band, so_far, expected, title="running maximum, what it can mean, and (dashed) the expected high")


def _high_mark(trace: Trace) -> list[Chart]:
    """Return a rule at the time of the high; none where there was no report."""
    if trace.high_utc is None or trace.rows.is_empty():
        return []
    first = trace.rows.row(0, named=True)
    hour_lst = first["hour_lst"] + (trace.high_utc - first["ts_utc"]).total_seconds() / 3600
    mark = alt.Chart(inline(pl.DataFrame({"hour_lst": [hour_lst]}))).mark_rule(color=_MARK_COLOUR, strokeWidth=1.5)
    told = alt.Chart(inline(pl.DataFrame({"hour_lst": [hour_lst]}))).mark_text(
        text="the high", align="left", baseline="top", dx=4, color=_MARK_COLOUR
    )
    return [mark.encode(x="hour_lst:Q"), told.encode(x="hour_lst:Q", y=alt.value(2))]


def days_chart(rows: pl.DataFrame) -> Chart:
    """Draw what became of each day of a backfill."""
    return (
        alt.Chart(inline(rows.select("city", "event_date", "state")))
        .mark_rect(stroke="white")
        .encode(
            x=alt.X("event_date:O", title=None), y=alt.Y("city:N", title=None), color=alt.Color("state:N", title=None)
        )
        .properties(width=WIDTH)
    )


def sums_chart(sums: Sums) -> Chart:
    """Draw how far each event's worst sum is from one."""
    away = sums.rows.with_columns(pl.col("deviation").clip(lower_bound=1e-18))
    points = alt.Chart(inline(away.select("city", "event_date", "deviation"))).mark_point()
    drawn = points.encode(
        x=alt.X("event_date:T", title=None),
        y=alt.Y("deviation:Q", title="|sum − 1|, the worst", scale=alt.Scale(type="log")),
        color=alt.Color("city:N", title=None),
    )
    return drawn.properties(width=WIDTH, height=260)


def evaluation_chart(evaluation: Evaluation) -> Chart:
    """Draw the mean scores beside those of the references, and the reliability curve in its band."""
    summary = evaluation.summary
    ours = summary.filter(pl.col("against") == "").select("window", pl.lit("ours").alias("by"), "crps", "log_loss")
    theirs = [
        summary.filter(pl.col("against") != "").select(
            "window", pl.col("against").alias("by"), *(_there(summary, score) for score in ("crps", "log_loss"))
        )
    ]
    means = pl.concat([ours, *theirs]).unpivot(["crps", "log_loss"], index=["window", "by"]).drop_nulls()
    window = alt.X("window:N", title=None, axis=alt.Axis(labelAngle=0))
    bars = [
        alt.Chart(inline(means.filter(pl.col("variable") == score)), title=title)
        .mark_bar()
        .encode(x=window, xOffset="by:N", y=alt.Y("value:Q", title=None), color=alt.Color("by:N", title=None))
        .properties(width=WIDTH // 3, height=240)
        for score, title in (("crps", "CRPS, °F"), ("log_loss", "log loss of the brackets"))
    ]
    return alt.hconcat(*bars, _reliability(evaluation))


def _there(summary: pl.DataFrame, score: str) -> pl.Expr:
    """Return the reference's score, null where no reference has it."""
    name = f"{score}_reference"
    return (pl.col(name) if name in summary.columns else pl.lit(None, pl.Float64)).alias(score)


def _reliability(evaluation: Evaluation) -> Chart:
    found = evaluation.reliability
    curve = pl.DataFrame({"p": found.forecast, "came": found.observed, "low": found.low, "high": found.high})
    base = alt.Chart(inline(curve)).encode(x=alt.X("p:Q", title="forecast"))
    band = base.mark_area(color=_BAND_COLOUR, opacity=0.7).encode(y=alt.Y("low:Q", title="came true"), y2="high:Q")
    line = base.mark_line(color=_LEVEL_COLOUR, point=True).encode(y="came:Q")
    where = "inside" if found.inside else "outside"
    drawn = alt.layer(band, line, title=f"reliability: {where} its {found.level:.0%} band")
    return drawn.properties(width=WIDTH // 3, height=240)


def inline(rows: pl.DataFrame) -> Any:
    """Return rows as a drawing carries them: instants and dates as text, whatever their number."""
    temporal = [name for name, dtype in rows.schema.items() if dtype.is_temporal()]
    return alt.InlineData(values=rows.with_columns(pl.col(name).cast(pl.String) for name in temporal).to_dicts())
