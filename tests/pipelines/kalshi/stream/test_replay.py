"""Replay from arrays is the sequential book, change by change."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.kalshi import replay as replaying
from pipelines.kalshi.book import Book
from pipelines.kalshi.levels import Levels
from pipelines.kalshi.replay import quotes_of, replay
from warehouse.errors import ContractBroken
from warehouse.lake.tables import BOOKS

SIZES = st.dictionaries(st.integers(1, 12), st.integers(1, 9), max_size=6)


@st.composite
def streams(draw):
    """Draw changes of a few levels, so that they meet often; also ones that take more than is there."""
    rows = draw(st.integers(0, 200))
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    step = draw(st.sampled_from([1, 100, 833]))
    asks = chance.random(rows) < draw(st.sampled_from([0, 0.5, 1]))
    return asks, step * chance.integers(1, 12, rows), chance.integers(-4, 5, rows)


def by_hand(asks, prices, changes, start):
    """Return what the sequential book says after each change."""
    book, rows = Book(start), []
    for ask, price, change in zip(asks.tolist(), prices.tolist(), changes.tolist(), strict=True):
        book.apply("no" if ask else "yes", price, change)
        rows.append((book.best_bid_ticks, book.best_bid_centi, book.best_ask_ticks, book.best_ask_centi))
    return rows, book.defects


@settings(max_examples=150, deadline=None)
@given(stream=streams(), bids=SIZES, asks=SIZES, block=st.sampled_from([1, 2, 7, 64, 1 << 15]))
def test_replay_is_the_sequential_book(stream, bids, asks, block):
    """Any changes, any opening book, any size of block."""
    up, down = sorted(bids.items()), sorted(asks.items(), reverse=True)
    start = Levels(
        *(tuple(column) for pairs in (up, down) for column in (zip(*pairs, strict=True) if pairs else ((), ())))
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(replaying, "BLOCK", block)

        quotes = replay(*stream, start=start)

    rows = list(zip(*(column.tolist() for column in quotes.columns), strict=True))
    assert by_hand(*stream, start) == (rows, quotes.defects)


@st.composite
def stored_books(draw):
    """Draw rows of several markets and subscriptions, in any order: snapshots, gaps, changes, too large ones."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    snapshots, gaps = draw(st.sampled_from([(0, 0), (0.02, 0), (0.1, 0.05), (0.5, 0.2), (1, 0)]))
    rows = []
    for seq in range(draw(st.integers(0, 150))):
        kind = "snapshot" if seq < 3 or chance.random() < snapshots else "gap" if chance.random() < gaps else "delta"
        row = {"market_ticker": f"M{chance.integers(3)}", "sid": int(chance.integers(1, 3)), "seq": seq, "kind": kind}
        if kind == "delta":
            price, delta = 100 * int(chance.integers(1, 12)), int(chance.integers(-3, 5))
            row |= {"side": ("yes", "no")[chance.integers(2)], "price_ticks": price, "delta_centi": delta}
        if kind == "snapshot":
            for side, step in (("bid", 1), ("ask", -1)):
                prices = 100 * np.flatnonzero(chance.random(12) < 0.2)[1:][::step]
                row |= {f"{side}_prices_ticks": prices.tolist()}
                row |= {f"{side}_sizes_centi": chance.integers(1, 5, len(prices)).tolist()}
        rows.append(row)
    stamped = pl.DataFrame(rows, schema=BOOKS.schema).with_columns(known_utc=pl.lit(datetime(2026, 7, 1, tzinfo=UTC)))
    return stamped.sample(fraction=1, shuffle=True, seed=1) if draw(st.booleans()) else stamped


def quotes_by_hand(books):
    """Return what sequential books say after each row, null while they are not live."""
    kept, told = {}, []
    for row in books.sort("sid", "seq", "market_ticker").iter_rows(named=True):
        book = kept.setdefault((row["market_ticker"], row["sid"]), Book())
        if row["kind"] == "snapshot":
            book.reset(Levels(**{name: tuple(row[name]) for name in Levels.__struct_fields__}))
        elif row["kind"] == "gap":
            book.live = False
        elif book.live:
            book.apply(row["side"], row["price_ticks"], row["delta_centi"])
        best = (book.best_bid_ticks, book.best_bid_centi, book.best_ask_ticks, book.best_ask_centi)
        told.append((row["market_ticker"], row["sid"], row["seq"], *(best if book.live else [None] * 4)))
    return told


@settings(max_examples=150, deadline=None)
@given(books=stored_books(), block=st.sampled_from([1, 2, 7, 64, 1 << 15]))
def test_quotes_of_many_books_at_once_are_those_of_each_alone(books, block):
    """Markets, subscriptions, snapshots in the middle, gaps, rows in any order, any size of block."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(replaying, "BLOCK", block)

        quotes = quotes_of(books)

    assert quotes_by_hand(books) == quotes.drop("known_utc").rows()


def test_a_snapshot_without_offers_empties_their_side():
    """A side that a snapshot leaves out is null in the row, and nothing of before is left on it."""
    snapshot = {"market_ticker": "M", "sid": 1, "kind": "snapshot", "known_utc": datetime(2026, 7, 1, tzinfo=UTC)}
    full = {"bid_prices_ticks": [100], "bid_sizes_centi": [5], "ask_prices_ticks": [900], "ask_sizes_centi": [7]}
    books = [{**snapshot, "seq": 1, **full}, {**snapshot, "seq": 2, "bid_prices_ticks": [], "bid_sizes_centi": []}]

    quotes = quotes_of(pl.DataFrame(books, schema=BOOKS.schema))

    assert [(100, 5, 900, 7), (0, 0, 10_000, 0)] == quotes.select(pl.col("^yes_.*$")).rows()


def test_a_replay_of_nothing_is_empty():
    """No change, no quote."""
    nothing = np.array([], np.int64)

    assert [0, 0, 0, 0] == [len(column) for column in replay(nothing.astype(bool), nothing, nothing).columns]


def test_a_change_at_a_dollar_is_refused():
    """No order rests there."""
    with pytest.raises(ContractBroken, match="no order rests"):
        replay(np.array([False]), np.array([10_000]), np.array([1]))


def test_books_of_the_demo_replay_to_the_closes_of_its_candles(demo_lake):
    """The quotes of a candle are those after the last message of its minute."""
    quotes = quotes_of(pl.read_parquet(demo_lake / "current/books/city=chicago/*/*.parquet", hive_partitioning=False))
    candles = pl.read_parquet(demo_lake / "current/candles_1m/city=chicago/*/*.parquet", hive_partitioning=False)
    books = pl.read_parquet(demo_lake / "current/books/city=chicago/*/*.parquet", hive_partitioning=False)
    stamped = quotes.join(books.select("market_ticker", "sid", "seq", "ts_utc"), on=["market_ticker", "sid", "seq"])
    stamped = stamped.with_columns(pl.coalesce("ts_utc", "known_utc")).sort("ts_utc", "seq")

    closes = candles.sort("ts_utc").join_asof(
        stamped, on="ts_utc", by="market_ticker", strategy="backward", check_sortedness=False
    )

    told = closes.drop_nulls("yes_bid_ticks")
    assert told.height > 0.99 * candles.height
    assert told["yes_bid_close_ticks"].to_list() == told["yes_bid_ticks"].to_list()
    assert told["yes_ask_close_ticks"].to_list() == told["yes_ask_ticks"].to_list()


def test_a_book_is_unknown_from_a_gap_to_its_next_snapshot(line):
    """Changes in between are kept and move nothing."""
    from pipelines.kalshi.book_rows import rows_of

    faulty = line(seed=4, drop=0.05)
    faulty.deliver(faulty.network.carry([faulty.venue.move() for _ in range(300)]))
    books = rows_of(faulty.events, sid_of=lambda number: number)[0].frame

    known = quotes_of(books).join(
        books.select("market_ticker", "sid", "seq", "kind"), on=["market_ticker", "sid", "seq"]
    )

    assert known.filter(kind="gap")["yes_bid_ticks"].is_null().all()
    assert known.filter(kind="snapshot")["yes_bid_ticks"].is_not_null().all()


def test_no_books_have_no_quotes(demo_lake):
    """The columns are there all the same."""
    books = pl.read_parquet(demo_lake / "current/books/city=chicago/*/*.parquet", hive_partitioning=False).clear()

    assert {"market_ticker", "yes_bid_ticks", "yes_ask_centi"} < set(quotes_of(books).columns)
