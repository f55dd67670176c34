"""What was gained through time, and how far that lies below its highest."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.plots.theme import HEIGHT, IDLE, LINE, LOSS, WIDTH, Chart, inline, when_utc

_POINTS = 1_500


def equity_chart(rows: pl.DataFrame, *, title: str | list[str] = "", width: int = WIDTH, height: int = HEIGHT) -> Chart:
    """Draw rows of ts_utc and dollars, which began at nothing."""
    worth = (
        alt.Chart(inline(thinned(rows)))
        .mark_line(color=LINE, interpolate="step-after", strokeWidth=1.3)
        .encode(x=when_utc(), y=alt.Y("dollars:Q", title="gained, $"))
    )
    zero = alt.Chart(alt.InlineData(values=[{"dollars": 0}])).mark_rule(color=IDLE).encode(y="dollars:Q")
    return alt.layer(zero, worth).properties(width=width, height=height, title=title)


def drawdown_chart(
    rows: pl.DataFrame, *, title: str | list[str] = "", width: int = WIDTH, height: int = HEIGHT // 2
) -> Chart:
    """Draw how far the same rows lie below the highest of before, which is nothing at first."""
    below = fallen(rows).select("ts_utc", dollars="below")
    return (
        alt.Chart(inline(thinned(below)))
        .mark_area(color=LOSS, opacity=0.55, interpolate="step-after")
        .encode(x=when_utc(), y=alt.Y("dollars:Q", title="below highest, $"))
        .properties(width=width, height=height, title=title)
    )


def fallen(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with `below`: zero at a new highest, else what is missing to it."""
    highest = pl.max_horizontal(pl.col("dollars").cum_max(), pl.lit(0.0))
    return rows.with_columns(below=pl.col("dollars") - highest)


def thinned(rows: pl.DataFrame, *, points: int = _POINTS) -> pl.DataFrame:
    """Return at most about so many rows: of each stretch the highest and the lowest, and the last of all."""
    together = -(-2 * rows.height // points) or 1
    numbered = rows.with_row_index("place").with_columns(stretch=pl.col("place") // together)
    dollars = pl.col("dollars")
    extreme = (dollars == dollars.min().over("stretch")) | (dollars == dollars.max().over("stretch"))
    last = pl.col("place") == pl.col("place").max()
    first_of_kind = pl.struct("stretch", "dollars").is_first_distinct()
    return numbered.filter((extreme & first_of_kind) | last).drop("place", "stretch")
