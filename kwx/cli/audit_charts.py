"""The chart of `kwx audit features`: in which share of the rows each feature of each city is known."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.cli.charts import Chart, inline
from kwx.features.audit import PASSING, Audit

_EXCLUDED_COLOUR, _WRONG_COLOUR = "#d9d9d9", "#e8a598"
_SOUND = [str(status) for status in PASSING]


def audit_chart(audit: Audit) -> Chart:
    """Draw a field for each city and feature, as dark as it is known; what is not simply used says what it is."""
    used = pl.col("status") == "used"
    share = (100 * pl.col("known_share")).round(1).cast(pl.String) + " %"
    rows = audit.rows.with_columns(
        said=pl.when(used).then(share).otherwise("status"), is_dark=used & (pl.col("known_share") > 0.5)
    ).select("city", "feature", "status", "known_share", "said", "is_dark")
    features = rows["feature"].unique(maintain_order=True).to_list()
    base = alt.Chart(inline(rows), title=f"{audit.feature_set}, snapshot {audit.snapshot}").encode(
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
        text="said:N", color=alt.condition("datum.is_dark", alt.value("white"), alt.value("#333333"))
    )
    return alt.layer(*fields, words).properties(width={"step": 86}, height={"step": 16})
