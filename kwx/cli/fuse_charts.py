"""Charts of the fusion: the leaderboard of a tuning, and the ways of reading quotes side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from kwx.cli.charts import WIDTH, Chart, inline

if TYPE_CHECKING:
    from kwx.fuse.market_scores import Comparison

_BETTER = "; left of zero is better"


def board_chart(rows: pl.DataFrame) -> Chart:
    """Draw what each kind gains on the market alone, with its interval: a panel for each city, a row for each end."""
    several = rows["until"].n_unique() > 1
    ends = pl.lit(", to ") + pl.col("until").cast(pl.String) if several else pl.lit("")
    told = rows.with_columns(kind=pl.col("pool") + " by " + pl.col("method") + ends)
    panels = [_gains(part, title=str(city)) for (city,), part in told.partition_by("city", as_dict=True).items()]
    held = f"held-out dates {rows.item(0, 'held_since')} … {rows.item(-1, 'until')}"
    return alt.concat(*panels, columns=2).properties(title=f"{held}: what pooling gains on the market alone")


def _gains(rows: pl.DataFrame, *, title: str) -> Chart:
    y = alt.Y("kind:N", title=None, sort=None)
    x = alt.X("on_market:Q", title=f"log loss minus the market's{_BETTER}")
    base = alt.Chart(inline(rows)).encode(y=y)
    interval = base.mark_rule(strokeWidth=2).encode(x=alt.X("on_market_low:Q"), x2="on_market_high:Q")
    point = base.mark_point(filled=True, size=50).encode(x=x, color=alt.Color("accepted:N", title="accepted"))
    return alt.layer(_zero(), interval, point).properties(width=WIDTH // 2 - 80, height=alt.Step(20), title=title)


def recipes_chart(found: Comparison) -> Chart:
    """Draw each recipe's log loss against that of plain mids, with its interval."""
    told = found.summary.with_columns(recipe=pl.col("price") + " " + pl.col("overround"))
    base = alt.Chart(inline(told)).encode(y=alt.Y("recipe:N", title=None, sort=None))
    interval = base.mark_rule(strokeWidth=2).encode(x=alt.X("difference_low:Q"), x2="difference_high:Q")
    x = alt.X("difference:Q", title=f"log loss minus that of plain mids{_BETTER}", scale=alt.Scale(padding=20))
    point = base.mark_point(filled=True, size=50).encode(x=x)
    title = f"{found.events:,} events, {found.dates:,} dates: ways of reading quotes"
    return alt.layer(_zero(), interval, point).properties(width=WIDTH, height=alt.Step(28), title=title)


def _zero() -> Chart:
    return alt.Chart().mark_rule(strokeDash=[4, 4], color="gray").encode(x=alt.datum(0))
