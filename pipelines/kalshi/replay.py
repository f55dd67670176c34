"""Replaying stored order books: the best prices after every change, for millions of changes a second.

The answer is that of `Book`, change by change. It is found without walking: a level is held over intervals of time, and
the best bid of an instant is the highest level whose interval covers it. All books are one line of steps, on which a
snapshot ends whatever was held before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.kalshi.book import NO_ASK_TICKS
from pipelines.kalshi.levels import Levels
from warehouse.errors import ContractBroken
from warehouse.market.money import TICKS_PER_DOLLAR

BLOCK = 1 << 15
"""Steps at a time: what a block touches fits the processor's cache."""

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Places = NDArray[np.uint16]

_SIXTEEN_BITS = 1 << 16


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


def replay(
    is_ask: Bools, price_ticks: NDArray[np.integer], delta_centi: Ints, *, start: Levels | None = None
) -> Quotes:
    """Return the best prices and their sizes after every change of one market's book, in the order of the changes."""
    start = start or Levels()
    bids, asks = (np.flatnonzero(mine) for mine in (~is_ask, is_ask))
    return _replayed(
        _Side.of(bids, price_ticks[bids], delta_centi[bids]).opened(start.bid_prices_ticks, start.bid_sizes_centi),
        _Side.of(asks, NO_ASK_TICKS - price_ticks[asks], delta_centi[asks]).opened(
            [NO_ASK_TICKS - price for price in start.ask_prices_ticks], start.ask_sizes_centi
        ),
        opens=np.zeros(len(is_ask), np.bool_),
    )


@dataclass(kw_only=True)
class _Side:
    """The changes of one side by their rising steps, where a higher level is a better one, and what is held so far."""

    at: Ints
    level: Places
    change: Ints
    held: Places
    sizes: Ints
    defects: int = 0

    @classmethod
    def of(cls, at: Ints, level: NDArray[np.integer], change: Ints) -> _Side:
        """Return a side before its first change: nothing rests on it."""
        if len(level) and not (level.min() > 0 and level.max() < TICKS_PER_DOLLAR):
            raise ContractBroken("a change of a book at $0 or $1, where no order rests")
        return cls(at=at, level=level.astype(np.uint16), change=change, held=np.empty(0, np.uint16), sizes=change[:0])

    def opened(self, levels: object, sizes: object) -> _Side:
        """Return the side with levels that rest on it before the first step."""
        self.held, self.sizes = np.array(levels, np.uint16), np.array(sizes, np.int64)
        return self

    def after(self, begin: int, span: _Span) -> tuple[Ints, Ints]:
        """Apply the changes of a block; return the best level and its size after each of its steps."""
        first, last = np.searchsorted(self.at, (begin, begin + span.steps - 1))
        # What is held comes in at a step of its own, before the first.
        at = np.concatenate([np.zeros(len(self.held), np.int64), self.at[first:last] - (begin - 1)])
        level = np.concatenate([self.held, self.level[first:last]])
        if not len(at):
            return np.zeros(span.steps - 1, np.int64), np.zeros(span.steps - 1, np.int64)
        order = np.argsort(level, kind="stable")  # sixteen bits: sorted by radix
        grouped = _Grouped(level[order], at[order], span)
        size = self._sizes_after(np.concatenate([self.sizes, self.change[first:last]])[order], grouped)
        best = _highest_held(size > 0, grouped, span)
        best_size = _sizes_of(best, size, grouped, steps=span.steps)
        left = grouped.last[(grouped.segment == span.segment[-1]) & (size[grouped.last] > 0)]
        self.held, self.sizes = grouped.level[left], size[left]
        return best[1:], best_size[1:]

    def _sizes_after(self, change: Ints, grouped: _Grouped) -> Ints:
        """Return the size of each change's own level after it; a level never holds less than nothing."""
        running = np.cumsum(change)
        size: Ints = running - (running[grouped.first] - change[grouped.first])[grouped.of]
        for place in np.unique(grouped.of[size < 0]):
            rows = slice(grouped.first[place], grouped.last[place] + 1)
            lowest = np.minimum.accumulate(np.minimum(size[rows], 0))
            self.defects += int(np.count_nonzero(np.diff(lowest, prepend=0)))
            size[rows] -= lowest
        return size


class _Span:
    """The steps of a block, after one for what was held before it; a segment is what lies between two openings."""

    def __init__(self, opens: Bools) -> None:
        self.steps = len(opens) + 1
        self.segment = np.zeros(self.steps, np.int64)
        np.cumsum(opens, out=self.segment[1:])
        self.ends = np.append(np.flatnonzero(opens) + 1, self.steps)


class _Grouped:
    """The changes of a block in the order of their level, then of their step; a group is one level of one segment."""

    def __init__(self, level: Places, at: Ints, span: _Span) -> None:
        segment = span.segment[at]
        new = np.empty(len(level), np.bool_)
        new[0] = True
        np.not_equal(level[1:], level[:-1], out=new[1:])
        new[1:] |= segment[1:] != segment[:-1]
        self.level, self.at = level, at
        self.first = np.flatnonzero(new)
        self.last = np.append(self.first[1:], len(level)) - 1
        self.of = np.cumsum(new) - 1
        self.segment = segment[self.first]


def _replayed(bids: _Side, asks: _Side, *, opens: Bools) -> Quotes:
    """Return the quotes after every step; before a step that opens, both sides are emptied."""
    rows = len(opens)
    quotes = Quotes(
        np.empty(rows, np.int32), np.empty(rows, np.int64), np.empty(rows, np.int32), np.empty(rows, np.int64), 0
    )
    for begin in range(0, rows, BLOCK):
        block = slice(begin, min(begin + BLOCK, rows))
        span = _Span(opens[block])
        quotes.bid_ticks[block], quotes.bid_centi[block] = bids.after(begin, span)
        best, quotes.ask_centi[block] = asks.after(begin, span)
        quotes.ask_ticks[block] = NO_ASK_TICKS - best
    return quotes._replace(defects=bids.defects + asks.defects)


def _highest_held(occupied: Bools, grouped: _Grouped, span: _Span) -> Ints:
    """Return the highest level that is held after each step; 0 where none is."""
    begin, end, level = _intervals(occupied, grouped, span)
    steps = span.steps
    power = np.frexp(end - begin)[1] - 1
    # Two spans of a power of two cover an interval. A span's level is laid down once, then handed to its halves.
    table = np.zeros((int(power.max(initial=0)) + 1, steps), np.int16)
    flat = table.reshape(-1)
    # Of places named twice the last assignment stays, and levels come in rising order.
    flat[power * steps + begin] = level
    tail = power * steps + end - (1 << power)
    flat[tail] = np.maximum(flat[tail], level)
    for exponent in range(len(table) - 1, 0, -1):
        half = 1 << (exponent - 1)
        whole, below = table[exponent], table[exponent - 1]
        covered = steps - 2 * half + 1
        np.maximum(below[:covered], whole[:covered], out=below[:covered])
        np.maximum(below[half : half + covered], whole[:covered], out=below[half : half + covered])
    highest: Ints = table[0].astype(np.int64)
    return highest


def _intervals(occupied: Bools, grouped: _Grouped, span: _Span) -> tuple[Ints, Ints, NDArray[np.int16]]:
    """Return from which step to which a level was held, in the order of levels: at the longest to its segment's end."""
    before = np.empty_like(occupied)
    before[1:] = occupied[:-1]
    before[grouped.first] = False
    begins, ends, until = occupied & ~before, before & ~occupied, grouped.at.copy()
    is_left = occupied[grouped.last]
    left = grouped.last[is_left]
    ends[left], until[left] = True, span.ends[grouped.segment[is_left]]
    return grouped.at[begins], until[ends], grouped.level[begins].astype(np.int16)


def _sizes_of(best: Ints, size: Ints, grouped: _Grouped, *, steps: int) -> Ints:
    """Return the size at the best level after each step: told by a change there, else looked up when the best moved."""
    sizes = np.zeros(steps, np.int64)
    told = np.zeros(steps, np.bool_)
    here = grouped.level == best[grouped.at]
    sizes[grouped.at[here]], told[grouped.at[here]] = size[here], True
    moved = np.empty(steps, np.bool_)
    moved[0] = True
    np.not_equal(best[1:], best[:-1], out=moved[1:])
    asked = np.flatnonzero(moved & ~told & (best > 0))
    # The last change of the level until then: it is held, so that one was in the same segment.
    places = grouped.level.astype(np.int64) * steps + grouped.at
    sizes[asked] = size[np.searchsorted(places, best[asked] * steps + asked, side="right") - 1]
    known = np.maximum.accumulate(np.where(moved | told, np.arange(steps), 0))
    return sizes[known]


_SAID = ("market_ticker", "sid", "seq", "known_utc")
_TOLD = {
    "yes_bid_ticks": pl.Int32(),
    "yes_bid_centi": pl.Int64(),
    "yes_ask_ticks": pl.Int32(),
    "yes_ask_centi": pl.Int64(),
}


def quotes_of(books: pl.DataFrame) -> pl.DataFrame:
    """Return the best prices after every message of `books` rows; null while a book is not known.

    A book is known from its snapshot to its next gap. Subscriptions do not know of each other.
    """
    rows, market = _in_order(books)
    place = np.argsort(market, kind="stable")
    is_snapshot, is_delta = ((rows["kind"] == kind).to_numpy()[place] for kind in ("snapshot", "delta"))
    since = np.maximum.accumulate(np.where(_begins(market[place]) | ~is_delta, np.arange(len(place)), 0))
    is_known = is_snapshot[since]
    known = place[is_known]
    told = _quotes_of_known(rows, known, opens=is_snapshot[is_known])
    columns = zip(_TOLD.items(), told.columns, strict=True)
    return rows.select(
        *_SAID, *(_at(known, values, rows=rows.height, name=name, dtype=dtype) for (name, dtype), values in columns)
    )


def _in_order(books: pl.DataFrame) -> tuple[pl.DataFrame, Ints]:
    """Return rows in the order of the lake, and to which book each of them belongs."""
    rows = books.select(*_SAID, "kind", "side", "price_ticks", "delta_centi", *Levels.__struct_fields__)
    names = rows["market_ticker"].unique().sort()
    market, sid, seq = (
        column.to_numpy().astype(np.int64)
        for column in (rows["market_ticker"].cast(pl.Enum(names)).to_physical(), rows["sid"], rows["seq"])
    )
    if not _is_sorted(sid, seq, market):
        order = np.lexsort((market, seq, sid))
        rows, market, sid = rows[order], market[order], sid[order]
    sids, of_sid = np.unique(sid, return_inverse=True)
    book = market * len(sids) + of_sid
    # Sixteen bits are sorted by radix.
    return rows, book.astype(np.uint16) if len(names) * len(sids) <= _SIXTEEN_BITS else book


def _is_sorted(*columns: Ints) -> bool:
    """Tell whether rows rise by the first column, where that stays by the second, and so on."""
    tied = np.ones(max(0, len(columns[0]) - 1), np.bool_)
    for column in columns:
        step = np.diff(column)
        if (step[tied] < 0).any():
            return False
        tied &= step == 0
    return True


def _begins(book: Ints) -> Bools:
    begins = np.ones(len(book), np.bool_)
    np.not_equal(book[1:], book[:-1], out=begins[1:])
    return begins


def _quotes_of_known(rows: pl.DataFrame, place: Ints, *, opens: Bools) -> Quotes:
    """Replay the rows at places, book by book; where one opens it begins with the levels of a snapshot."""
    of_no = (rows["side"] == "no").fill_null(value=False).to_numpy()[place]
    price, change = (rows[name].fill_null(0).to_numpy()[place] for name in ("price_ticks", "delta_centi"))
    told = rows.select(Levels.__struct_fields__)[place[opens]]
    bids = _side(~of_no & ~opens, opens, price, change, told.select("bid_prices_ticks", "bid_sizes_centi"))
    worse = told.with_columns(pl.col("ask_prices_ticks").list.eval(NO_ASK_TICKS - pl.element()))
    asks = _side(of_no, opens, NO_ASK_TICKS - price, change, worse.select("ask_prices_ticks", "ask_sizes_centi"))
    return _replayed(bids, asks, opens=opens)


def _side(mine: Bools, opens: Bools, level: Ints, change: Ints, told: pl.DataFrame) -> _Side:
    """Return one side: its changes, and at each opening a change for every level of the snapshot."""
    levels, sizes = told
    counts = mine.astype(np.int64)
    counts[opens] = levels.list.len().fill_null(0).to_numpy()
    at = np.repeat(np.arange(len(mine)), counts)
    is_told = opens[at]
    level, change = level[at], change[at]
    level[is_told] = levels.explode().drop_nulls().to_numpy()
    change[is_told] = sizes.explode().drop_nulls().to_numpy()
    return _Side.of(at, level, change)


def _at(place: Ints, values: NDArray[np.integer], *, rows: int, name: str, dtype: pl.DataType) -> pl.Series:
    """Return values at their places in a column, null at all others."""
    column, is_told = np.zeros(rows, values.dtype), np.zeros(rows, np.bool_)
    column[place], is_told[place] = values, True
    return pl.Series(name, column, dtype=dtype).set(pl.Series(~is_told), None)
