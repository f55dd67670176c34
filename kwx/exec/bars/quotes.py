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
    cells.lay(minutes.open, dense["minutes_to_close"] > 0)
    cells.lay(minutes.bid_ticks, dense["yes_bid_ticks"].fill_null(NO_BID_TICKS))
    cells.lay(minutes.ask_ticks, dense["yes_ask_ticks"].fill_null(NO_ASK_TICKS))
    cells.lay(minutes.volume_20m_centi, dense["volume_20m_centi"].cast(pl.Int32))
    cells.lay(minutes.fresh, dense["complete"])
