"""The drawings of the reports: the losses of all windows, and the bins of one."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

from kwx.models.accept.bins import Binned
from kwx.models.accept.evidence import GroupEvidence
from kwx.plots.reliability import reliability_chart
from kwx.plots.theme import HEIGHT, WIDTH, Chart, inline


def losses_chart(groups: Sequence[GroupEvidence]) -> Chart:
    """Draw the log loss of every window over the rows that the market spoke of too, the market's dashed."""
    rows = pl.DataFrame(
        [
            {"window": str(window.card.test_since), "models": str(one.group), "of": of, "log loss": value}
            for one in groups
            for window in one.windows
            for of, value in (("model", window.losses.model), ("market", window.losses.market))
            if value is not None
        ],
        schema={"window": pl.String, "models": pl.String, "of": pl.String, "log loss": pl.Float64},
    )
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("window:O", title="first test date", axis=alt.Axis(labelAngle=-45, labelOverlap=True)),
        y=alt.Y("log loss:Q", title="log loss, nats", scale=alt.Scale(zero=False)),
        color=alt.Color("models:N", title=None),
    )
    lines = base.mark_line().encode(strokeDash=alt.StrokeDash("of:N", title=None, sort=["model"]))
    # Points apart from lines, of which one alone is none; detail keeps the two series of a colour apart.
    points = base.mark_point(filled=True, opacity=1).encode(detail="of:N")
    return alt.layer(lines, points).properties(width=WIDTH, height=HEIGHT)


def curve_chart(found: Binned, *, title: str) -> Chart:
    """Draw the share of every bin in its band, beside the diagonal."""
    rows = pl.DataFrame({"p": found.forecast, "came": found.came, "low": found.low, "high": found.high})
    return reliability_chart(rows, forecast_title="mean forecast", title=title)
