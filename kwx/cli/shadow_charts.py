"""Charts of `kwx shadow`: what became of replayed decisions, and each criterion of going live at its threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from kwx.parity.causes import Cause
from kwx.plots.bars import bars_chart
from kwx.plots.theme import ALARM, CATEGORIES, IDLE, LINE, TRUTH, WIDTH, Chart, inline

if TYPE_CHECKING:
    from kwx.parity.criteria import Criterion
    from kwx.parity.golive import Verdict
    from kwx.parity.parity import Parity

_EQUAL = "the same"
_ROW = 30


def parity_chart(found: Sequence[Parity]) -> Chart:
    """Draw how many decisions of each date are the same, and of those that are not, by cause."""
    counts = [(str(one.event_date), {_EQUAL: one.equal} | one.causes) for one in found]
    causes = list(dict.fromkeys(cause for _, by_cause in counts for cause in by_cause))
    rows = pl.DataFrame(
        [
            {"name": day, "cause": cause, "value": by_cause[cause]}
            for day, by_cause in counts
            for cause in causes
            if cause in by_cause
        ]
    )
    fixed = {_EQUAL: IDLE, Cause.UNEXPLAINED.value: ALARM}
    others = [colour for colour in CATEGORIES if colour not in fixed.values()]
    named = [cause for cause in causes if cause not in fixed]
    colours = fixed | {cause: others[place % len(others)] for place, cause in enumerate(named)}
    return bars_chart(rows, value_title="decisions", by="cause", colours=colours, title="decisions as replayed")


def golive_chart(verdict: Verdict) -> Chart:
    """Draw each criterion on an axis of its own: its value, its interval, and the threshold as an upright."""
    title = f"{verdict.strategy}, fills {verdict.fill}: {len(verdict.dates)} shadow dates; the upright is the threshold"
    return alt.vconcat(*map(_criterion, verdict.criteria), spacing=4).properties(title=title)


def _criterion(one: Criterion) -> Chart:
    """Draw one of them; of one that is not known the threshold alone."""
    least_or_most = one.most if one.least is None else one.least
    told = f"{one.name}: {'passed' if one.passed else 'FAILED'}{', not known' if math.isnan(one.value) else ''}"
    row = pl.DataFrame(
        {"name": [told], "value": [float(one.value)], "low": [one.low], "high": [one.high], "due": [least_or_most]},
        schema_overrides={"due": pl.Float64()},
    )
    y = alt.Y("name:N", title=None, axis=alt.Axis(minExtent=190, ticks=False, domain=False))
    base = alt.Chart(inline(row)).encode(y=y)
    of_it = base.encode(color=alt.value(LINE if one.passed else ALARM))
    axis, scale = alt.Axis(tickCount=6, format="~g"), alt.Scale(zero=False, padding=12)
    due = base.mark_tick(color=TRUTH, opacity=1, thickness=2, size=_ROW - 8).encode(x=alt.X("due:Q", title=None))
    span = of_it.mark_rule(strokeWidth=3).encode(x=alt.X("low:Q", title=None), x2="high:Q")
    point = of_it.mark_point(filled=True, size=70, opacity=1)
    drawn = point.encode(x=alt.X("value:Q", title=None, scale=scale, axis=axis))
    return alt.layer(due, span, drawn).properties(width=WIDTH - 200, height=_ROW)
