"""What the daily high may be, through a day: its quantiles as a fan, with what was measured."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.plots.theme import ALARM, BAND, HEIGHT, LINE, TRUTH, WIDTH, Chart, inline, when_utc

_TALL = int(HEIGHT * 1.4)


def fan_chart(
    rows: pl.DataFrame,
    *,
    temperature: pl.DataFrame | None = None,
    running: pl.DataFrame | None = None,
    high_f: float | None = None,
    title: str | list[str] = "",
    width: int = WIDTH,
    height: int = _TALL,
) -> Chart:
    """Draw rows of ts_utc and q05_f … q95_f: the middle nine tenths, the middle half, and the median.

    Upon it, where it is given: temp_f as a line, run_max_lo_f … run_max_hi_f as a band, and the high as a rule.
    """
    base = alt.Chart(inline(rows)).encode(x=when_utc("%d %H:%M"))
    layers = [
        base.mark_area(color=BAND, opacity=0.35, interpolate="step-after").encode(y=_degrees("q05_f"), y2="q95_f:Q"),
        base.mark_area(color=BAND, opacity=0.8, interpolate="step-after").encode(y=_degrees("q25_f"), y2="q75_f:Q"),
        base.mark_line(color=LINE, interpolate="step-after").encode(y=_degrees("q50_f")),
    ]
    if running is not None:
        layers.append(_running(running))
    if temperature is not None:
        measured = alt.Chart(inline(temperature)).encode(x=when_utc("%d %H:%M"))
        layers.append(measured.mark_line(color=TRUTH, strokeWidth=1.2).encode(y=_degrees("temp_f")))
    if high_f is not None:
        layers.append(_high(high_f))
    return alt.layer(*layers).properties(width=width, height=height, title=title)


def _running(rows: pl.DataFrame) -> Chart:
    base = alt.Chart(inline(rows)).encode(x=when_utc("%d %H:%M"))
    area = base.mark_area(color=TRUTH, opacity=0.25, interpolate="step-after")
    return area.encode(y=_degrees("run_max_lo_f"), y2="run_max_hi_f:Q")


def _high(high_f: float) -> Chart:
    mark = alt.Chart(alt.InlineData(values=[{"high_f": high_f, "words": f"high {high_f:g} °F"}]))
    rule = mark.mark_rule(color=ALARM, strokeDash=[6, 3]).encode(y=_degrees("high_f"))
    words = mark.mark_text(color=ALARM, align="left", baseline="middle", dx=5).encode(
        x=alt.value("width"), y=_degrees("high_f"), text="words:N"
    )
    return alt.layer(rule, words)


def _degrees(column: str) -> alt.Y:
    return alt.Y(f"{column}:Q", title="°F", scale=alt.Scale(zero=False))
