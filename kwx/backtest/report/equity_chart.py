"""The drawing of equity and of how far it lies below its highest."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.backtest.drawdown import equity_curve
from kwx.backtest.report.drawing import BAND, HEIGHT, LINE, LOSS, WIDTH, Chart, inline, when_utc

_POINTS = 1_500
_MICROS_PER_DOLLAR = 1_000_000


def equity_chart(equity: pl.DataFrame, days: pl.DataFrame) -> Chart:
    """Draw all settled events together, with positions at the mid."""
    rows = thinned(drawdown_curve(equity, days))
    base = alt.Chart(inline(rows)).encode(x=when_utc())
    worth = base.mark_line(color=LINE, interpolate="step-after", strokeWidth=1.3).encode(
        y=alt.Y("equity:Q", title="gained, $")
    )
    fallen = base.mark_area(color=LOSS, opacity=0.55, interpolate="step-after").encode(
        y=alt.Y("below:Q", title="below its highest, $")
    )
    zero = alt.Chart(alt.InlineData(values=[{"equity": 0}])).mark_rule(color=BAND).encode(y="equity:Q")
    return alt.vconcat(
        alt.layer(zero, worth).properties(width=WIDTH, height=HEIGHT),
        fallen.properties(width=WIDTH, height=HEIGHT // 2),
    )


def drawdown_curve(equity: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """Return ts_utc, equity and below, in dollars; it begins at nothing."""
    curve = equity_curve(equity, days)
    dollars = pl.col("equity_micros") / _MICROS_PER_DOLLAR
    highest = pl.max_horizontal(dollars.cum_max(), pl.lit(0.0))
    return curve.select("ts_utc", equity=dollars, below=dollars - highest)


def thinned(rows: pl.DataFrame, *, points: int = _POINTS) -> pl.DataFrame:
    """Return at most about so many rows: of each stretch the highest, the lowest and the last."""
    together = -(-2 * rows.height // points) or 1
    numbered = rows.with_row_index("place").with_columns(stretch=pl.col("place") // together)
    of_stretch = pl.col("equity")
    extreme = (of_stretch == of_stretch.min().over("stretch")) | (of_stretch == of_stretch.max().over("stretch"))
    last = pl.col("place") == pl.col("place").max()
    first_of_kind = pl.struct("stretch", "equity").is_first_distinct()
    return numbered.filter((extreme & first_of_kind) | last).drop("place", "stretch")
