"""What the daily high may be, through a day: its quantiles as a fan, with what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import altair as alt
import polars as pl

from kwx.plots.theme import ALARM, BAND, HEIGHT, LINE, TRUTH, WIDTH, Chart, inline, when_utc

_TALL = int(HEIGHT * 1.4)
_DOTTED = [2, 2]
"""As the temperature has the same colour, for both were measured."""


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

    Upon it, where it is given: temp_f as a line, the running maximum as dotted steps at run_max_lo_f, which was
    reached at least, with a band up to run_max_hi_f where that is more, and the high as a rule.
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
    """Draw the running maximum; a band of no height shows nothing, so the steps below it do."""
    base = alt.Chart(inline(rows)).encode(x=when_utc("%d %H:%M"))
    area = base.mark_area(color=TRUTH, opacity=0.25, interpolate="step-after")
    steps = base.mark_line(color=TRUTH, strokeWidth=2, strokeDash=_DOTTED, interpolate="step-after")
    drawn = [area.encode(y=_degrees("run_max_lo_f"), y2="run_max_hi_f:Q"), steps.encode(y=_degrees("run_max_lo_f"))]
    return alt.layer(*drawn, *_so_far(rows.drop_nulls()))


def _so_far(rows: pl.DataFrame) -> Iterator[Chart]:
    """Yield the words of the last running maximum, above its end: the margin is the high's."""
    if rows.is_empty():
        return
    last = rows.tail(1).with_columns(words=pl.lit(f"max so far {_told(rows.row(-1, named=True))} °F"))
    words = alt.Chart(inline(last)).mark_text(color=TRUTH, align="right", baseline="bottom", dy=-3)
    yield words.encode(x=when_utc("%d %H:%M"), y=_degrees("run_max_hi_f"), text="words:N")


def _told(row: dict[str, Any]) -> str:
    low_f, high_f = (f"{round(row[name], 1):g}" for name in ("run_max_lo_f", "run_max_hi_f"))
    return low_f if low_f == high_f else f"{low_f}–{high_f}"


def _high(high_f: float) -> Chart:
    mark = alt.Chart(alt.InlineData(values=[{"high_f": high_f, "words": f"high {high_f:g} °F"}]))
    rule = mark.mark_rule(color=ALARM, strokeDash=[6, 3]).encode(y=_degrees("high_f"))
    words = mark.mark_text(color=ALARM, align="left", baseline="middle", dx=5).encode(
        x=alt.value("width"), y=_degrees("high_f"), text="words:N"
    )
    return alt.layer(rule, words)


def _degrees(column: str) -> alt.Y:
    return alt.Y(f"{column}:Q", title="°F", scale=alt.Scale(zero=False))
