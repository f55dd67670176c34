"""The drawings of the reports, as SVG: they need no network and no script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from kwx.models.accept.evidence import GroupEvidence
from kwx.scoring.reliability import Reliability

Chart = Any
"""One of Altair's charts."""

_WIDTH, _HEIGHT = 640, 240
_LINE_COLOUR, _BAND_COLOUR = "#1f5f8b", "#9ec9e2"


def svg_of(chart: Chart) -> str:
    """Return a drawing as SVG."""
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(chart.to_json(indent=None))
    return drawn


def losses_chart(groups: Sequence[GroupEvidence]) -> Chart:
    """Draw the log loss of every window over the rows that the market spoke of too, the market's dashed."""
    rows = [
        {"window": str(window.card.test_since), "models": str(one.group), "of": of, "log loss": value}
        for one in groups
        for window in one.windows
        for of, value in (("model", window.losses.model), ("market", window.losses.market))
        if value is not None
    ]
    return (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(point=True)
        .encode(
            x=alt.X("window:O", title="first test date"), y=alt.Y("log loss:Q", scale=alt.Scale(zero=False)),
            color=alt.Color("models:N", title=None), strokeDash=alt.StrokeDash("of:N", title=None, sort=["model"]),
        )
        .properties(width=_WIDTH, height=_HEIGHT)
    )  # fmt: skip


def curve_chart(found: Reliability, *, title: str) -> Chart:
    """Draw a reliability curve in its band, beside the diagonal."""
    rows = [
        {"p": p, "came": came, "low": low, "high": high}
        for p, came, low, high in zip(
            *(x.tolist() for x in (found.forecast, found.observed, found.low, found.high)), strict=True
        )
    ]
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=alt.X("p:Q", title="forecast"))
    band = base.mark_area(color=_BAND_COLOUR, opacity=0.7).encode(y=alt.Y("low:Q", title="came true"), y2="high:Q")
    line = base.mark_line(color=_LINE_COLOUR, point=True).encode(y="came:Q")
    ends = alt.InlineData(values=[{"p": 0, "came": 0}, {"p": 1, "came": 1}])
    diagonal = alt.Chart(ends).mark_line(color="gray", strokeDash=[4, 4]).encode(x="p:Q", y="came:Q")
    return alt.layer(band, diagonal, line, title=title).properties(width=_HEIGHT * 1.3, height=_HEIGHT)
