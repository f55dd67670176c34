"""Charts of the fusion: the leaderboard of a tuning, and the ways of reading quotes side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from kwx.plots.intervals import intervals_chart
from kwx.plots.theme import WIDTH, Chart

if TYPE_CHECKING:
    from kwx.fuse.market_scores import Comparison

_BETTER = "; left of zero is better"
_ACCEPTED, _NOT_ACCEPTED = "accepted", "not accepted"


def board_chart(rows: pl.DataFrame) -> Chart:
    """Draw what each kind gains on the market alone, with its interval: a panel for each city, a row for each end."""
    several = rows["until"].n_unique() > 1
    ends = pl.lit(", to ") + pl.col("until").cast(pl.String) if several else pl.lit("")
    told = rows.select(
        "city", name=pl.col("pool") + " by " + pl.col("method") + ends, value="on_market", low="on_market_low",
        high="on_market_high", verdict=pl.when("accepted").then(pl.lit(_ACCEPTED)).otherwise(pl.lit(_NOT_ACCEPTED)),
    )  # fmt: skip
    panels = [
        intervals_chart(
            part, x_title=f"log loss minus the market's, nats{_BETTER}", colour_by="verdict",
            colours=(_ACCEPTED, _NOT_ACCEPTED), title=str(city), width=WIDTH // 2 - 80,
        )
        for (city,), part in told.partition_by("city", as_dict=True, maintain_order=True).items()
    ]  # fmt: skip
    held = f"held-out dates {rows.item(0, 'held_since')} … {rows.item(-1, 'until')}"
    return alt.concat(*panels, columns=2).properties(title=f"{held}: what pooling gains on the market alone")


def recipes_chart(found: Comparison) -> Chart:
    """Draw each recipe's log loss against that of plain mids, with its interval."""
    told = found.summary.select(
        name=pl.col("price") + " " + pl.col("overround"), value="difference", low="difference_low",
        high="difference_high",
    )  # fmt: skip
    title = f"{found.events:,} events, {found.dates:,} dates: ways of reading quotes"
    return intervals_chart(told, x_title=f"log loss minus that of plain mids, nats{_BETTER}", title=title)
