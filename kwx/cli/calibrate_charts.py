"""The chart of `kwx calibrate`: each city's and family's reliability before and after, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt

from kwx.plots.reliability import reliability_chart
from kwx.plots.theme import Chart

if TYPE_CHECKING:
    from kwx.models.calibration.run import Calibrated, CalibrateRun
    from kwx.scoring.reliability import Reliability

_PANEL = 300


def before_and_after_chart(done: CalibrateRun) -> Chart:
    """Draw a line of two curves for each calibrator: of the model as it is, and of what was chosen."""
    return alt.vconcat(*(_before_and_after(one) for one in done.calibrated))


def _before_and_after(one: Calibrated) -> Chart:
    name = f"{one.stored.city} {one.stored.model_type}, {one.stored.horizon} to {one.stored.until}"
    before = _curve(f"{name}: as it is", one.choice.before)
    return alt.hconcat(before, _curve(f"{name}: {one.choice.method}", one.choice.after))


def _curve(title: str, found: Reliability) -> Chart:
    """Draw how often what was said came true, inside the band that calibrated forecasts leave seldom."""
    where = "inside" if found.inside else "leaves"
    told = [title, f"{where} its {found.level:.0%} band"]
    return reliability_chart(found.curve(), forecast_title="said", title=told, width=_PANEL, height=_PANEL)
