"""The chart of `kwx calibrate`: each city's and family's reliability before and after, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from kwx.cli.charts import Chart, inline

if TYPE_CHECKING:
    from kwx.models.calibration.run import Calibrated, CalibrateRun
    from kwx.scoring.reliability import Reliability

_CURVE_COLOUR, _BAND_COLOUR, _DIAGONAL_COLOUR = "#1f5f8b", "#9ec9e2", "#888888"
_PANEL = 260


def reliability_chart(done: CalibrateRun) -> Chart:
    """Draw a line of two curves for each calibrator: of the model as it is, and of what was chosen."""
    return alt.vconcat(*(_before_and_after(one) for one in done.calibrated))


def _before_and_after(one: Calibrated) -> Chart:
    name = f"{one.stored.city} {one.stored.model_type}, {one.stored.horizon} to {one.stored.until}"
    before = _curve(f"{name}: as it is", one.choice.before)
    return alt.hconcat(before, _curve(f"{name}: {one.choice.method}", one.choice.after))


def _curve(title: str, found: Reliability) -> Chart:
    """Draw how often what was said came true, inside the band that calibrated forecasts leave seldom."""
    rows = pl.DataFrame({"p": found.forecast, "came": found.observed, "low": found.low, "high": found.high})
    unit = alt.Scale(domain=[0, 1])
    base = alt.Chart(inline(rows)).encode(x=alt.X("p:Q", title="said", scale=unit))
    band = base.mark_area(color=_BAND_COLOUR, opacity=0.7).encode(
        y=alt.Y("low:Q", title="came true", scale=unit), y2="high:Q"
    )
    line = base.mark_line(color=_CURVE_COLOUR, point=True).encode(y="came:Q")
    ends = alt.Chart(inline(pl.DataFrame({"p": [0.0, 1.0]})))
    diagonal = ends.mark_line(color=_DIAGONAL_COLOUR, strokeDash=[4, 3]).encode(x="p:Q", y="p:Q")
    where = "inside" if found.inside else "leaves"
    shown = alt.layer(band, diagonal, line, title=[title, f"{where} its {found.level:.0%} band"])
    return shown.properties(width=_PANEL, height=_PANEL)
