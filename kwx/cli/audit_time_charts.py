"""The chart of `kwx audit time`: how long after its stamp each source's rows were known, against the model."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.audits.clocks import known
from kwx.audits.clocks.run import TimeAudit
from kwx.plots.theme import ALARM, LINE, WIDTH, Chart, inline

_LEAST_MINUTES = 0.001
_TICKS = [10.0**power for power in range(-3, 7)]


def lags_chart(audit: TimeAudit) -> Chart:
    """Draw for each source the middle nine tenths of its lags, their median, and the lag that is modelled."""
    part = next(part for part in audit.parts if part.name == known.PART)
    source = pl.when(pl.col("source") == "all").then("table").otherwise(pl.col("table") + " " + pl.col("source"))
    minutes = ("p05_minutes", "p50_minutes", "p95_minutes", "model_minutes")
    rows = part.rows.select(
        source.alias("source"), "rows", *(pl.col(name).clip(lower_bound=_LEAST_MINUTES) for name in minutes)
    )
    y = alt.Y("source:N", title=None, sort=rows["source"].to_list())
    scale = alt.Scale(type="log", padding=12, nice=False)
    axis = alt.Axis(values=_TICKS, format="~g")
    base = alt.Chart(inline(rows), title=f"snapshot {audit.snapshot}: from stamp to known; orange is the model")
    spread = base.mark_rule(strokeWidth=5, color=LINE).encode(
        x=alt.X("p05_minutes:Q", title="minutes", scale=scale, axis=axis), x2="p95_minutes:Q", y=y
    )
    middle = base.mark_point(filled=True, size=90, opacity=1, color=LINE).encode(x="p50_minutes:Q", y=y)
    model = base.mark_tick(thickness=3, size=18, opacity=1, color=ALARM).encode(x="model_minutes:Q", y=y)
    return alt.layer(spread, middle, model).properties(width=WIDTH, height={"step": 24})
