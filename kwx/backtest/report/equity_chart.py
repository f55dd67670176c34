"""The drawing of equity and of how far it lies below its highest."""

from __future__ import annotations

import altair as alt
import polars as pl

from kwx.backtest.drawdown import equity_curve
from kwx.plots.equity import drawdown_chart, equity_chart
from kwx.plots.theme import HEIGHT, WIDTH, Chart

_MICROS_PER_DOLLAR = 1_000_000


def earned_chart(equity: pl.DataFrame, days: pl.DataFrame, *, width: int = WIDTH) -> Chart:
    """Draw all settled events together, with positions at the mid, and below it how far they fell."""
    rows = earned_dollars(equity, days)
    return alt.vconcat(
        equity_chart(rows, width=width, height=HEIGHT), drawdown_chart(rows, width=width, height=HEIGHT // 2)
    )


def earned_dollars(equity: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """Return ts_utc and dollars; it begins at nothing."""
    curve = equity_curve(equity, days)
    return curve.select("ts_utc", dollars=pl.col("equity_micros") / _MICROS_PER_DOLLAR)
