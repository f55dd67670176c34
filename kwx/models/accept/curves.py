"""Report 03: whether what the last window of each kind said came true as often as it said."""

from __future__ import annotations

from dataclasses import dataclass

from kwx.models.accept.charts import curve_chart, svg_of
from kwx.models.accept.evidence import Evidence, WindowScores
from kwx.models.accept.parts import Check, Grid, Part, Picture, Report, Text
from kwx.models.registry.places import Group
from kwx.scoring.calibration import largest_calibration_error
from kwx.scoring.corp import sort_forecasts
from kwx.scoring.reliability import Reliability, reliability

LEVEL = 0.99
"""A calibrated model fails one time in a hundred; there may be dozens of kinds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """The reliability of a window, with its largest error in any bin."""

    group: Group
    window: WindowScores
    found: Reliability
    largest: float


def calibration_analysis(evidence: Evidence) -> Report:
    """Return the report: a curve for each kind, ECE and maximum error."""
    curves = [curve_of(one.group, one.last) for one in evidence.groups if one.last is not None]
    parts: list[Part] = [
        Text(
            words="The last window of each kind that has settled. ECE is the mean, the maximum error the largest gap"
            " between forecast and share in bins of equal mass; both have a floor of chance. The curve is judged by the"
            f" band in which a calibrated forecast stays everywhere with probability {LEVEL:.0%}, whole dates drawn: a"
            " window of few dates has a wide band, and proves little."
        ),
        Grid(headers=_HEADERS, rows=tuple(_row(curve) for curve in curves)),
    ]
    parts += [
        Picture(
            name=f"curve_{str(curve.group).replace('/', '_')}",
            words=f"Reliability of {curve.group}, {curve.window.card.window.name}.",
            svg=svg_of(curve_chart(curve.found, title=f"{curve.group} {curve.window.card.window.name}")),
        )
        for curve in curves
    ]
    checks = [
        Check(
            name=f"{curve.group} is calibrated as far as its last window can tell",
            passed=curve.found.inside,
            told=f"p = {curve.found.p_value:.3f} over {curve.found.rows:,} rows of {curve.found.dates} dates",
        )
        for curve in curves
    ]
    return Report(number=3, title="Calibration analysis", parts=tuple(parts), checks=tuple(checks))


_HEADERS = ("models", "window", "rows", "dates", "ECE", "maximum error", "miscalibration", "p", "inside the band")


def curve_of(group: Group, window: WindowScores) -> Curve:
    """Return how reliable a window was."""
    judged = window.judged
    forecasts = sort_forecasts(judged.p)
    return Curve(
        group=group,
        window=window,
        found=reliability(judged.p, hit=judged.hit, dates=judged.dates, level=LEVEL),
        largest=largest_calibration_error(forecasts, forecasts.hits(judged.hit)),
    )


def _row(curve: Curve) -> tuple[object, ...]:
    found = curve.found
    return (
        str(curve.group), curve.window.card.window.name, found.rows, found.dates, found.ece, curve.largest,
        found.brier.miscalibration, found.p_value, found.inside,
    )  # fmt: skip
