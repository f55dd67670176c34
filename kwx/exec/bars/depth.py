"""How much was shown at the best quotes at the end of each minute, as far as recorded order books told it by then."""

from __future__ import annotations

import numpy as np
import polars as pl

from kwx.exec.bars.blank import UNKNOWN_CENTI
from kwx.exec.bars.grid import Grid, Ints
from kwx.exec.minute import Array, Minute
from kwx.features.book.tops import tops_of

_NO_TICKS = -1


def lay_sizes(books: pl.DataFrame, grid: Grid, minutes: Minute) -> None:
    """Write the sizes that order-book messages tell into minutes that have their quotes already.

    Unknown stays what lies in a gap of the recording, and where the book's best price is not the one that is quoted: a
    book a moment older or newer than its candle says nothing of the size at the candle's price.
    """
    tops = tops_of(books)
    cells = grid.cells(tops["market_ticker"], tops["known_utc"])
    at, row = _held_until_next(cells.at, grid)
    known = tops.filter(cells.kept)
    _lay_side(known["bid_ticks"], known["bid_centi"], at, row, minutes.bid_ticks, minutes.bid_size_centi)
    _lay_side(known["ask_ticks"], known["ask_centi"], at, row, minutes.ask_ticks, minutes.ask_size_centi)


def _held_until_next(at: Ints, grid: Grid) -> tuple[Ints, Ints]:
    """Return the places of all minutes from each message to the one before the market's next, and whose they are.

    Messages come in the order of market and time; of several in a minute the last one holds at its end.
    """
    minute, place = np.divmod(at, grid.tickers.size)
    over = np.full(min(1, len(at)), grid.extent.minutes - 1)
    until = np.append(np.where(np.diff(place) == 0, minute[1:], grid.extent.minutes - 1), over)
    lengths = until - minute
    row = np.repeat(np.arange(len(at)), lengths)
    since = np.arange(len(row)) - (np.cumsum(lengths) - lengths)[row]
    return at[row] + since * grid.tickers.size, row


def _lay_side(ticks: pl.Series, centi: pl.Series, at: Ints, row: Ints, quoted_ticks: Array, into: Array) -> None:
    is_quoted = ticks.fill_null(_NO_TICKS).to_numpy()[row] == quoted_ticks.reshape(-1)[at]
    into.reshape(-1)[at] = np.where(is_quoted, centi.fill_null(UNKNOWN_CENTI).to_numpy()[row], UNKNOWN_CENTI)
