"""Report 03: whether what the last window of each kind said came true as often as it said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kwx.models.accept.bins import LEVEL, Binned, binned
from kwx.models.accept.charts import curve_chart
from kwx.models.accept.evidence import Evidence, WindowScores
from kwx.models.accept.parts import Check, Grid, Part, Picture, Report, Text
from kwx.models.registry.places import Group


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """The reliability of a window."""

    group: Group
    window: WindowScores
    found: Binned

    @property
    def name(self) -> str:
        """What it is of."""
        return f"{self.group} {self.window.card.window.name}"


def calibration_analysis(evidence: Evidence) -> Report:
    """Return the report: for each kind ECE, maximum error, and its bins with their band, as a table and drawn."""
    curves = [
        Curve(group=one.group, window=one.last, found=binned(one.last.judged))
        for one in evidence.groups
        if one.last is not None
    ]
    parts: list[Part] = [
        Text(
            words="The last window of each kind that has settled, in bins of as many rows each. ECE is the mean gap"
            " between forecast and share of a bin, the maximum error the largest; both have a floor of chance. The bins"
            " are judged by a band in which a calibrated forecast has all of them at once with probability"
            f" {LEVEL:.0%}, whole dates drawn: a window of few dates has a wide band, and proves little."
        ),
        Grid(headers=_HEADERS, rows=tuple(_row(curve) for curve in curves)),
    ]
    for curve in curves:
        parts += [_picture(curve), _bins(curve)]
    return Report(
        number=3, title="Calibration analysis", parts=tuple(parts), checks=tuple(_check(curve) for curve in curves)
    )


_HEADERS = ("models", "window", "rows", "dates", "ECE", "maximum error", "bins", "outside the band")


def _row(curve: Curve) -> tuple[object, ...]:
    found = curve.found
    return (
        str(curve.group), curve.window.card.window.name, curve.window.rows, found.dates, found.ece, found.largest,
        len(found.rows), int(found.outside.sum()),
    )  # fmt: skip


def _picture(curve: Curve) -> Picture:
    return Picture(
        name=f"curve_{str(curve.group).replace('/', '_')}",
        words=f"Reliability of {curve.name}, with the band of {LEVEL:.0%}.",
        chart=curve_chart(curve.found, title=curve.name),
    )


def _bins(curve: Curve) -> Grid:
    """Return the bins as a table."""
    found = curve.found
    headers = ("forecasts", "rows", "mean forecast", "came true", "band from", "to", "")
    rows = [
        (
            _span(found.least[at], found.most[at]), int(found.rows[at]), float(found.forecast[at]),
            float(found.came[at]), float(found.low[at]), float(found.high[at]), "OUTSIDE" if outside else "inside",
        )
        for at, outside in enumerate(found.outside)
    ]  # fmt: skip
    return Grid(headers=headers, rows=tuple(rows))


def _check(curve: Curve) -> Check:
    found = curve.found
    named = [
        f"{_span(found.least[at], found.most[at])} came true {found.came[at]:.3f},"
        f" band {found.low[at]:.3f} … {found.high[at]:.3f}"
        for at in np.flatnonzero(found.outside)
    ]
    where = f"{len(named)} of {len(found.rows)} bins outside the {LEVEL:.0%} band: {'; '.join(named)}"
    if not named:
        where = f"all {len(found.rows)} bins inside the {LEVEL:.0%} band"
    return Check(
        name=f"{curve.group} is calibrated as far as its last window can tell",
        passed=not named,
        told=f"{where}; ECE {found.ece:.4f}, maximum error {found.largest:.4f},"
        f" over {curve.window.rows:,} rows of {found.dates} dates",
    )


def _span(least: float, most: float) -> str:
    return f"{least:.3f}" if least == most else f"{least:.3f} … {most:.3f}"
