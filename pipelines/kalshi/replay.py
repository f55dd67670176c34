"""Replaying stored order books: the best prices after every change, for millions of changes a second.

The answer is that of `Book`, change by change. It is found without walking: a level is held over intervals of time, and
the best bid of an instant is the highest level whose interval covers it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.kalshi.book import NO_ASK_TICKS, Book
from pipelines.kalshi.levels import Levels
from warehouse.errors import ContractBroken
from warehouse.market.money import TICKS_PER_DOLLAR

BLOCK = 1 << 15
"""Changes at a time: what a block touches fits the processor's cache."""

_PLACES = TICKS_PER_DOLLAR + 1

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Quotes(NamedTuple):
    """The best of both sides after each change: 0 and 10000 are empty sides. `defects` as `Book` counts them."""

    bid_ticks: NDArray[np.int32]
    bid_centi: Ints
    ask_ticks: NDArray[np.int32]
    ask_centi: Ints
    defects: int

    @property
    def columns(self) -> tuple[NDArray[np.integer], ...]:
        """The four columns in their order."""
        return self.bid_ticks, self.bid_centi, self.ask_ticks, self.ask_centi


class _Side:
    """The sizes of one side by level, where a higher level is a better one."""

    def __init__(self, levels: Ints, sizes: Ints) -> None:
        self.sizes = np.zeros(_PLACES, np.int64)
        self.sizes[levels] = sizes
        self.defects = 0

    def after(self, at: Ints, level: NDArray[np.uint16], change: Ints, *, steps: int) -> tuple[Ints, Ints]:
        """Apply changes at rising steps of a block; return the best level and its size after each step."""
        if not len(at):
            unmoved = _best(self.sizes)
            return np.full(steps, unmoved), np.full(steps, self.sizes[unmoved])
        order = np.argsort(level, kind="stable")  # sixteen bits: sorted by radix
        grouped = _Grouped(level[order], at[order])
        held = self.sizes[grouped.touched]
        size = self._sizes_after(change[order], held, grouped)
        highest = _highest_held(size > 0, held > 0, grouped, steps=steps)
        best = np.maximum(highest, _best(np.where(grouped.is_touched, 0, self.sizes)))
        best_size = _sizes_of(best, size, self.sizes, grouped, steps=steps)
        self.sizes[grouped.touched] = size[grouped.last]
        return best, best_size

    def _sizes_after(self, change: Ints, held: Ints, grouped: _Grouped) -> Ints:
        """Return the size of each change's own level after it; a level never holds less than nothing."""
        running = np.cumsum(change)
        before = held - (running[grouped.first] - change[grouped.first])
        size: Ints = running + before[grouped.of]
        for place in np.unique(grouped.of[size < 0]):
            rows = slice(grouped.first[place], grouped.last[place] + 1)
            lowest = np.minimum.accumulate(np.minimum(size[rows], 0))
            self.defects += int(np.count_nonzero(np.diff(lowest, prepend=0)))
            size[rows] -= lowest
        return size


class _Grouped:
    """The changes of a block in the order of their level, then of their step; a group is one level."""

    def __init__(self, level: NDArray[np.uint16], at: Ints) -> None:
        new = np.empty(len(level), np.bool_)
        new[0] = True
        np.not_equal(level[1:], level[:-1], out=new[1:])
        self.level, self.at = level, at
        self.first = np.flatnonzero(new)
        self.last = np.append(self.first[1:], len(level)) - 1
        self.of = np.cumsum(new) - 1
        self.touched = level[self.first].astype(np.int64)
        self.is_touched = np.zeros(_PLACES, np.bool_)
        self.is_touched[self.touched] = True


def replay(
    is_ask: Bools, price_ticks: NDArray[np.integer], delta_centi: Ints, *, start: Levels | None = None
) -> Quotes:
    """Return the best prices and their sizes after every change of one market's book, in the order of the changes."""
    if len(price_ticks) and not (price_ticks.min() > 0 and price_ticks.max() < TICKS_PER_DOLLAR):
        raise ContractBroken("a change of a book at $0 or $1, where no order rests")
    start = start or Levels()
    bids = _Side(np.array(start.bid_prices_ticks, np.int64), np.array(start.bid_sizes_centi, np.int64))
    asks = _Side(NO_ASK_TICKS - np.array(start.ask_prices_ticks, np.int64), np.array(start.ask_sizes_centi, np.int64))
    rows = len(price_ticks)
    quotes = Quotes(
        np.empty(rows, np.int32), np.empty(rows, np.int64), np.empty(rows, np.int32), np.empty(rows, np.int64), 0
    )
    for begin in range(0, rows, BLOCK):
        block = slice(begin, min(begin + BLOCK, rows))
        steps = block.stop - begin
        of_ask, level, change = is_ask[block], price_ticks[block].astype(np.uint16), delta_centi[block]
        at = np.flatnonzero(~of_ask)
        quotes.bid_ticks[block], quotes.bid_centi[block] = bids.after(at, level[at], change[at], steps=steps)
        at = np.flatnonzero(of_ask)
        best, quotes.ask_centi[block] = asks.after(at, (NO_ASK_TICKS - level[at]), change[at], steps=steps)
        quotes.ask_ticks[block] = NO_ASK_TICKS - best
    return quotes._replace(defects=bids.defects + asks.defects)


def _best(sizes: Ints) -> int:
    """Return the highest level that is held; 0 where none is."""
    held = np.flatnonzero(sizes)
    return int(held[-1]) if len(held) else 0


def _highest_held(occupied: Bools, held: Bools, grouped: _Grouped, *, steps: int) -> Ints:
    """Return the highest touched level that is held after each step; 0 where none is."""
    begin, end, level = _intervals(occupied, held, grouped, steps=steps)
    span = np.frexp(end - begin)[1] - 1
    # Two spans of a power of two cover an interval. A span's level is laid down once, then handed to its halves.
    table = np.zeros((int(span.max(initial=0)) + 1, steps), np.int16)
    flat = table.reshape(-1)
    # Of places named twice the last assignment stays, and levels come in rising order.
    flat[span * steps + begin] = level
    tail = span * steps + end - (1 << span)
    flat[tail] = np.maximum(flat[tail], level)
    for power in range(len(table) - 1, 0, -1):
        half = 1 << (power - 1)
        whole, below = table[power], table[power - 1]
        covered = steps - 2 * half + 1
        np.maximum(below[:covered], whole[:covered], out=below[:covered])
        np.maximum(below[half : half + covered], whole[:covered], out=below[half : half + covered])
    highest: Ints = table[0].astype(np.int64)
    return highest


def _intervals(occupied: Bools, held: Bools, grouped: _Grouped, *, steps: int) -> tuple[Ints, Ints, NDArray[np.int16]]:
    """Return from which step to which a level was held, in the order of levels."""
    before = np.empty_like(occupied)
    before[1:] = occupied[:-1]
    before[grouped.first] = held
    pace = steps + 1
    places = grouped.of * pace + grouped.at
    begins = np.concatenate([np.flatnonzero(held) * pace, places[occupied & ~before]])
    ends = np.concatenate([np.flatnonzero(occupied[grouped.last]) * pace + steps, places[before & ~occupied]])
    begins.sort(kind="stable")
    ends.sort(kind="stable")
    lasting = begins < ends
    begins, ends = begins[lasting], ends[lasting]
    group = begins // pace
    return begins - group * pace, ends - group * pace, grouped.touched[group].astype(np.int16)


def _sizes_of(best: Ints, size: Ints, initial: Ints, grouped: _Grouped, *, steps: int) -> Ints:
    """Return the size at the best level after each step: told by a change there, else looked up when the best moved."""
    sizes = np.zeros(steps, np.int64)
    told = np.zeros(steps, np.bool_)
    here = grouped.level == best[grouped.at]
    sizes[grouped.at[here]], told[grouped.at[here]] = size[here], True
    moved = np.empty(steps, np.bool_)
    moved[0] = True
    np.not_equal(best[1:], best[:-1], out=moved[1:])
    asked = np.flatnonzero(moved & ~told)
    sizes[asked] = _looked_up(best[asked], asked, size, initial, grouped, steps=steps)
    known = np.maximum.accumulate(np.where(moved | told, np.arange(steps), 0))
    return sizes[known]


def _looked_up(level: Ints, at: Ints, size: Ints, initial: Ints, grouped: _Grouped, *, steps: int) -> Ints:
    """Return the size of a level after a step: of its last change until then, else as the block found it."""
    group = np.searchsorted(grouped.touched, level)
    places = grouped.of * steps + grouped.at
    last = np.searchsorted(places, group * steps + at, side="right") - 1
    changed = grouped.is_touched[level] & (last >= grouped.first[np.minimum(group, len(grouped.first) - 1)])
    return np.where(changed, size[np.maximum(last, 0)], initial[level])


def quotes_of(books: pl.DataFrame) -> pl.DataFrame:
    """Return the best prices after every message of `books` rows; null while a book is not known.

    A book is known from its snapshot to its next gap. Subscriptions do not know of each other.
    """
    parts = [
        _quotes_of_one(rows.sort("seq")) for rows in books.partition_by("market_ticker", "sid", maintain_order=True)
    ]
    empty = (
        books.clear().select(*_SAID).with_columns(*(pl.lit(None, dtype).alias(name) for name, dtype in _TOLD.items()))
    )
    return pl.concat([empty, *parts]).sort("sid", "seq", "market_ticker")


_SAID = ("market_ticker", "sid", "seq", "known_utc")
_TOLD = {
    "yes_bid_ticks": pl.Int32(),
    "yes_bid_centi": pl.Int64(),
    "yes_ask_ticks": pl.Int32(),
    "yes_ask_centi": pl.Int64(),
}


def _quotes_of_one(rows: pl.DataFrame) -> pl.DataFrame:
    parts = [_quotes_of_segment(segment) for segment in _segments(rows)]
    return pl.concat(parts)


def _segments(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Cut the rows of one book before every snapshot and every gap."""
    cuts = [0, *np.flatnonzero((rows["kind"] != "delta").to_numpy()).tolist(), rows.height]
    for begin, end in pairwise(cuts):
        if begin < end:
            yield rows[begin:end]


def _quotes_of_segment(rows: pl.DataFrame) -> pl.DataFrame:
    said = rows.select(*_SAID)
    if rows["kind"][0] != "snapshot":
        return said.with_columns(*(pl.lit(None, dtype).alias(name) for name, dtype in _TOLD.items()))
    first, deltas = rows.row(0, named=True), rows[1:]
    start = Levels(**{name: tuple(first[name] or ()) for name in Levels.__struct_fields__})
    quotes = replay(
        (deltas["side"] == "no").to_numpy(),
        deltas["price_ticks"].to_numpy(),
        deltas["delta_centi"].to_numpy(),
        start=start,
    )
    opening = Book(start)
    best = (opening.best_bid_ticks, opening.best_bid_centi, opening.best_ask_ticks, opening.best_ask_centi)
    columns = [
        pl.concat([pl.Series(name, [at_first], dtype=dtype), pl.Series(name, after).cast(dtype)])
        for (name, dtype), at_first, after in zip(_TOLD.items(), best, quotes.columns, strict=True)
    ]
    return said.with_columns(columns)
