"""The drawings of the reports, as SVG: they need no network and no script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from kwx.models.accept.bins import Binned
from kwx.models.accept.evidence import GroupEvidence

Chart = Any
"""One of Altair's charts."""

_WIDTH, _HEIGHT = 640, 240
_LINE_COLOUR, _BAND_COLOUR, _OUTSIDE_COLOUR = "#1f5f8b", "#9ec9e2", "#c0392b"


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
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("window:O", title="first test date"),
        y=alt.Y("log loss:Q", scale=alt.Scale(zero=False)),
        color=alt.Color("models:N", title=None),
    )
    lines = base.mark_line().encode(strokeDash=alt.StrokeDash("of:N", title=None, sort=["model"]))
    # Points apart from lines, of which one alone is none; detail keeps the two series of a colour apart.
    points = base.mark_point(filled=True, opacity=1).encode(detail="of:N")
    return alt.layer(lines, points).properties(width=_WIDTH, height=_HEIGHT)


def curve_chart(found: Binned, *, title: str) -> Chart:
    """Draw the share of every bin in its band, beside the diagonal; what is outside is a red point."""
    columns = (found.forecast, found.came, found.low, found.high, found.outside)
    rows = [
        {"p": p, "came": came, "low": low, "high": high, "outside": outside}
        for p, came, low, high, outside in zip(*(x.tolist() for x in columns), strict=True)
    ]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("p:Q", title="mean forecast", scale=alt.Scale(domain=[0, 1]))
    )
    band = base.mark_area(color=_BAND_COLOUR, opacity=0.7).encode(
        y=alt.Y("low:Q", title="came true", scale=alt.Scale(domain=[0, 1])), y2="high:Q"
    )
    bars = base.mark_rule(color=_BAND_COLOUR).encode(y="low:Q", y2="high:Q")
    line = base.mark_line(color=_LINE_COLOUR).encode(y="came:Q")
    colour = alt.condition("datum.outside", alt.value(_OUTSIDE_COLOUR), alt.value(_LINE_COLOUR))
    points = base.mark_point(filled=True, size=45, opacity=1).encode(y="came:Q", color=colour)
    ends = alt.InlineData(values=[{"p": 0, "came": 0}, {"p": 1, "came": 1}])
    diagonal = alt.Chart(ends).mark_line(color="gray", strokeDash=[4, 4]).encode(x="p:Q", y="came:Q")
    layers = alt.layer(band, bars, diagonal, line, points, title=title)
    return layers.properties(width=_HEIGHT * 1.3, height=_HEIGHT)
