"""The chart of `kwx audit features`: in which share of the rows each feature of each city is known."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.features.audit.run import Audit
from kwx.features.audit.verdict import PASSING
from kwx.features.gate import EVERY_TYPE
from kwx.plots.theme import Chart, inline

_EXCLUDED_COLOUR, _WRONG_COLOUR = "#d9d9d9", "#f2b48f"
_WORD_COLOUR = "#333333"  # on fields that are pale on every page
_SOUND = [str(status) for status in PASSING]


def audit_chart(audit: Audit) -> Chart:
    """Draw a panel for each set and type of bracket."""
    parts = audit.rows.group_by("feature_set", "bracket", maintain_order=True)
    drawn = [_panel(rows, _title(str(name), str(bracket), audit.snapshot)) for (name, bracket), rows in parts]
    return drawn[0] if len(drawn) == 1 else alt.vconcat(*drawn)


def _title(name: str, bracket: str, snapshot: int) -> str:
    return f"{name}{'' if bracket == EVERY_TYPE else f', {bracket}'}, snapshot {snapshot}"


def _panel(rows: pl.DataFrame, title: str) -> Chart:
    """Draw a field for each city and feature, as dark as it is known; what is not simply used says what it is."""
    used = pl.col("status") == "used"
    share = (100 * pl.col("known_share")).round(1).cast(pl.String) + " %"
    told = rows.with_columns(
        said=pl.when(used).then(share).otherwise("status"), is_dark=used & (pl.col("known_share") > 0.5)
    ).select("city", "feature", "status", "known_share", "said", "is_dark")
    features = told["feature"].unique(maintain_order=True).to_list()
    base = alt.Chart(inline(told), title=title).encode(
        x=alt.X("city:N", title=None, axis=alt.Axis(labelAngle=0, orient="top")),
        y=alt.Y("feature:N", title=None, sort=features),
    )
    shade = alt.Color("known_share:Q", title="known", scale=alt.Scale(domain=[0, 1], scheme="blues"))
    fields = [
        base.transform_filter("datum.status == 'used'").mark_rect(stroke="white").encode(color=shade),
        base.transform_filter("datum.status == 'excluded'").mark_rect(stroke="white", color=_EXCLUDED_COLOUR),
        base.transform_filter(f"indexof({_SOUND}, datum.status) < 0").mark_rect(stroke="white", color=_WRONG_COLOUR),
    ]
    words = base.mark_text(fontSize=9).encode(
        text="said:N", color=alt.condition("datum.is_dark", alt.value("white"), alt.value(_WORD_COLOUR))
    )
    return alt.layer(*fields, words).properties(width={"step": 86}, height={"step": 16})
