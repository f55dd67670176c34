"""What traded within each minute: a resting order is filled when a print happens, not when a candle tells of it.

Prints are those of the tape, by their own time; of prints of one instant the one furthest through the book is the last,
whatever order the tape has them in. Block trades are agreed off the book and reach no order in it. An event without a
tape has the prices and volumes that its candles tell, in the minute in which they became known; who took is not known
then, so there are no prints on either side.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.exec.bars.grid import Grid, Ints
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


class _Placed(NamedTuple):
    """Trades that lie in the arrays: where, when, at what price of yes, how many, and whether the taker bought yes."""

    cell: Ints
    ts_us: Ints
    ticks: Ints
    centi: Ints
    bought: NDArray[np.bool_]


def lay_prints(trades: pl.DataFrame, grid: Grid, minutes: Minute) -> None:
    """Write the trades of a tape into the minutes in which they happened."""
    tape = trades.filter(~pl.col("is_block"))
    cells = grid.cells(tape["market_ticker"], tape["ts_utc"])
    placed = _Placed(
        cell=cells.at,
        ts_us=tape["ts_utc"].to_numpy().view(np.int64)[cells.kept],
        ticks=tape["yes_price_ticks"].to_numpy()[cells.kept].astype(np.int64),
        centi=tape["count_centi"].cast(pl.Int32).to_numpy()[cells.kept].astype(np.int64),
        bought=(tape["taker_side"] == "yes").to_numpy()[cells.kept],
    )
    _lay_ranges(placed, minutes)
    _lay_side(placed, ~placed.bought, grid, minutes.sells, falling=False)
    _lay_side(placed, placed.bought, grid, minutes.buys, falling=True)


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


def _lay_ranges(placed: _Placed, minutes: Minute) -> None:
    """Write lowest, highest and last price, and the volume, of each market and minute that traded."""
    reach = np.where(placed.bought, placed.ticks, -placed.ticks)
    order = np.lexsort((reach, placed.ts_us, placed.cell))
    cell, ticks, centi = placed.cell[order], placed.ticks[order], placed.centi[order]
    first = _firsts(cell)
    if not len(first):
        return
    within = {
        "low": np.minimum.reduceat(ticks, first), "high": np.maximum.reduceat(ticks, first),
        "close": ticks[np.append(first[1:], len(ticks)) - 1], "volume": np.add.reduceat(centi, first),
    }  # fmt: skip
    for name, into in _bars(minutes).items():
        into.reshape(-1)[cell[first]] = within[name]


def _lay_side(placed: _Placed, ours: NDArray[np.bool_], grid: Grid, into: Prints, *, falling: bool) -> None:
    """Write the prints of one side by price, those furthest through the book first, so many as there are levels."""
    cell, ticks, centi = placed.cell[ours], placed.ticks[ours], placed.centi[ours]
    order = np.lexsort((-ticks if falling else ticks, cell))
    cell, ticks, centi = cell[order], ticks[order], centi[order]
    first = _firsts(cell, ticks)
    if not len(first):
        return
    cell, ticks, centi = cell[first], ticks[first], np.add.reduceat(centi, first)
    begins = _firsts(cell)
    level = np.arange(len(cell)) - np.repeat(begins, np.diff(begins, append=len(cell)))
    kept = level < PRINT_LEVELS
    minute, place = np.divmod(cell[kept], grid.tickers.size)
    at = (minute * PRINT_LEVELS + level[kept]) * grid.tickers.size + place
    into.ticks.reshape(-1)[at] = ticks[kept]
    into.centi.reshape(-1)[at] = centi[kept]


def _firsts(*sorted_by: Ints) -> Ints:
    """Return the rows at which something of what rows are sorted by is another than in the row before."""
    is_other = np.zeros(len(sorted_by[0]), np.bool_)
    is_other[:1] = True
    for values in sorted_by:
        is_other[1:] |= values[1:] != values[:-1]
    return np.flatnonzero(is_other)
