"""The chart of `kwx audit leakage`: for each sample and thing that was looked at, how many columns changed before."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.audits.leakage.run import LeakageAudit
from kwx.plots.theme import ALARM, IDLE, LINE, Chart, inline

_CLEAN, _LEAK, _UNMOVED = "changed after alone", "changed before", "never changed"


def leakage_chart(audit: LeakageAudit) -> Chart:
    """Draw a field for each sample and thing, with the number of columns that changed up to the instant."""
    verdict = (
        pl.when(pl.col("columns_changed") > 0).then(pl.lit(_LEAK))
        .when("moved_after").then(pl.lit(_CLEAN)).otherwise(pl.lit(_UNMOVED))
    )  # fmt: skip
    rows = audit.looked.select(
        sample=pl.col("city") + " " + pl.col("event_date").cast(pl.String) + pl.col("at_utc").dt.strftime(", %H:%MZ"),
        thing=pl.col("part") + ": " + pl.col("name"), verdict=verdict,
        said=pl.format("{} of {}", "columns_changed", "columns"),
    )  # fmt: skip
    base = alt.Chart(
        inline(rows), title=f"snapshot {audit.snapshot}: columns that changed before what was garbled"
    ).encode(
        x=alt.X("sample:N", title=None, sort=None, axis=alt.Axis(labelAngle=0, orient="top")),
        y=alt.Y("thing:N", title=None, sort=rows["thing"].unique(maintain_order=True).to_list()),
    )
    scale = alt.Scale(domain=[_CLEAN, _LEAK, _UNMOVED], range=[LINE, ALARM, IDLE])
    fields = base.mark_rect(stroke="white").encode(color=alt.Color("verdict:N", title=None, scale=scale))
    words = base.mark_text(color="white", fontSize=10).encode(text="said:N")
    return alt.layer(fields, words).properties(width={"step": 150}, height={"step": 18})
