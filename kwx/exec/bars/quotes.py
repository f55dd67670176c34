"""What the exchange quoted at the end of each minute, as far as it was known then, and whether it is fresh."""

from __future__ import annotations

import polars as pl

from kwx.exec.bars.grid import Grid
from kwx.exec.minute import Minute
from kwx.features.book.tops import NO_ASK_TICKS, NO_BID_TICKS

QUOTE_COLUMNS = (
    "market_ticker", "ts_utc", "minutes_to_close", "yes_bid_ticks", "yes_ask_ticks", "volume_20m_centi", "complete",
)  # fmt: skip
"""What of candles_dense is read."""


def lay_quotes(dense: pl.DataFrame, grid: Grid, minutes: Minute) -> None:
    """Write the rows of candles_dense into the minutes.

    A market is open in the minutes that it has a row of, but not at the end of its last one.
    """
    cells = grid.cells(dense["market_ticker"], dense["ts_utc"])
    laid = {
        "open": pl.col("minutes_to_close") > 0,
        "bid_ticks": pl.col("yes_bid_ticks").fill_null(NO_BID_TICKS),
        "ask_ticks": pl.col("yes_ask_ticks").fill_null(NO_ASK_TICKS),
        "volume_20m_centi": pl.col("volume_20m_centi").cast(pl.Int32),
        "fresh": pl.col("complete"),
    }
    for column in dense.select(**laid):
        cells.lay(getattr(minutes, column.name), column)
