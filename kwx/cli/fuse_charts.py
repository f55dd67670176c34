"""Charts of the fusion: the leaderboard of a tuning, and the ways of reading quotes side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from kwx.cli.charts import WIDTH, Chart, inline

if TYPE_CHECKING:
    from kwx.fuse.market_scores import Comparison


def board_chart(rows: pl.DataFrame) -> Chart:
    """Draw what each kind gains on the market alone, with its interval, one panel for each city."""
    told = rows.with_columns(kind=pl.col("pool") + " " + pl.col("method"))
    base = alt.Chart().encode(y=alt.Y("kind:N", title=None, sort=alt.EncodingSortField("place")))
    x = alt.X("on_market:Q", title="log loss minus the market's; left of zero is better")
    interval = base.mark_rule().encode(x=alt.X("on_market_low:Q"), x2="on_market_high:Q")
    point = base.mark_point(filled=True).encode(x=x, color=alt.Color("pool:N", legend=None))
    zero = alt.Chart().mark_rule(strokeDash=[4, 4]).encode(x=alt.datum(0))
    panel = alt.layer(zero, interval, point, data=inline(told)).properties(width=WIDTH // 2 - 60, height=160)
    return panel.facet("city:N", columns=2)


def recipes_chart(found: Comparison) -> Chart:
    """Draw each recipe's log loss against that of plain mids, with its interval."""
    told = found.summary.with_columns(recipe=pl.col("price") + " " + pl.col("overround"))
    base = alt.Chart(inline(told)).encode(y=alt.Y("recipe:N", title=None, sort=None))
    interval = base.mark_rule().encode(x=alt.X("difference_low:Q"), x2="difference_high:Q")
    point = base.mark_point(filled=True).encode(
        x=alt.X("difference:Q", title="log loss minus that of plain mids; left of zero is better")
    )
    return alt.layer(interval, point).properties(width=WIDTH, height=200)
