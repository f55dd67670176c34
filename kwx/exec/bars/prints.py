"""What traded within each minute: a resting order is filled when a print happens, not when a candle tells of it.

Prints are those of the tape, by their own time; of prints of one instant the one furthest through the book is the last,
whatever order the tape has them in. Block trades are agreed off the book and reach no order in it. An event without a
tape has the prices and volumes that its candles tell, in the minute in which they became known; who took is not known
then, so there are no prints on either side.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from kwx.exec.bars.grid import Grid
from kwx.exec.minute import PRINT_LEVELS, Minute, Prints

TRADE_COLUMNS = (
    "event_date", "market_ticker", "ts_utc", "yes_price_ticks", "count_centi", "taker_side", "is_block",
)  # fmt: skip
"""What of trades is read."""

CANDLE_COLUMNS = (
    "market_ticker", "ts_utc", "price_low_ticks", "price_high_ticks", "price_close_ticks", "volume_centi",
)  # fmt: skip
"""What of candles_dense is read of an event without a tape."""

NO_TAPE = "no tape is held: fills see the prices and volumes of candles, and no prints"
THIN_TAPE = "the tape holds less than half of the volume of the candles: orders that rest see only what it holds"
TAPE_PER_CANDLES = 0.5
"""A tape with less of the candles' volume than this share was recorded in part."""


def lay_prints(trades: pl.DataFrame, grid: Grid, minutes: Minute) -> None:
    """Write the trades of a tape into the minutes in which they happened."""
    reach = pl.when(pl.col("taker_side") == "yes").then(1).otherwise(-1) * pl.col("yes_price_ticks")
    tape = trades.filter(~pl.col("is_block")).sort("market_ticker", "ts_utc", reach)
    cells = grid.cells(tape["market_ticker"], tape["ts_utc"])
    price, count = pl.col("yes_price_ticks"), pl.col("count_centi").cast(pl.Int32)
    placed = tape.filter(cells.kept).select("taker_side", price, count, cell=cells.at)
    within = placed.group_by("cell").agg(
        price.min().alias("low"), price.max().alias("high"), price.last().alias("close"), count.sum().alias("volume")
    )
    for name, into in _bars(minutes).items():
        into.reshape(-1)[within["cell"].to_numpy()] = within[name].to_numpy()
    _lay_side(placed.filter(pl.col("taker_side") == "no"), grid, minutes.sells, falling=False)
    _lay_side(placed.filter(pl.col("taker_side") == "yes"), grid, minutes.buys, falling=True)


def lay_candles(dense: pl.DataFrame, grid: Grid, minutes: Minute) -> bool:
    """Write the traded prices of candles into the minutes; tell whether there are any."""
    traded = dense.filter(pl.col("price_close_ticks").is_not_null() & (pl.col("volume_centi") > 0))
    cells = grid.cells(traded["market_ticker"], traded["ts_utc"])
    for name, into in _bars(minutes).items():
        column = "volume_centi" if name == "volume" else f"price_{name}_ticks"
        cells.lay(into, traded[column].cast(pl.Int32))
    return bool(len(cells.at))


def _bars(minutes: Minute) -> dict[str, np.ndarray]:
    return {
        "low": minutes.low_ticks, "high": minutes.high_ticks, "close": minutes.close_ticks,
        "volume": minutes.volume_centi,
    }  # fmt: skip


def _lay_side(placed: pl.DataFrame, grid: Grid, into: Prints, *, falling: bool) -> None:
    """Write the prints of one side by price, those furthest through the book first, so many as there are levels."""
    levels = (
        placed.group_by("cell", "yes_price_ticks")
        .agg(pl.col("count_centi").sum())
        .sort("cell", "yes_price_ticks", descending=[False, falling])
        .with_columns(level=pl.int_range(pl.len()).over("cell"))
        .filter(pl.col("level") < PRINT_LEVELS)
    )
    minute, place = np.divmod(levels["cell"].to_numpy(), grid.tickers.size)
    at = (minute * PRINT_LEVELS + levels["level"].to_numpy()) * grid.tickers.size + place
    into.ticks.reshape(-1)[at] = levels["yes_price_ticks"].to_numpy()
    into.centi.reshape(-1)[at] = levels["count_centi"].to_numpy()
