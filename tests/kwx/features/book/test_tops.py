"""The best of the book after every message, against the book that the recorder keeps and against books by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from kwx.features.book import tops
from kwx.features.book.tops import TOPS, tops_of
from pipelines.kalshi.book import Book
from pipelines.kalshi.levels import Levels
from warehouse.lake.store import Lake
from warehouse.lake.tables import BOOKS, Partition

SIDES = ("bid_ticks", "bid_centi", "ask_ticks", "ask_centi")


@pytest.fixture(scope="module")
def recorded_books(demo_lake):
    """The messages of one day of the demo world."""
    return Lake(demo_lake).snapshot().read(BOOKS, Partition("chicago", date(2026, 11, 1)))


def replayed(books: pl.DataFrame) -> pl.DataFrame:
    """Return the best of each book after each instant, kept message by message."""
    kept: dict[str, Book] = {}
    rows = {}
    for message in books.sort("market_ticker", "known_utc", "seq").iter_rows(named=True):
        book = kept.setdefault(message["market_ticker"], Book())
        if message["kind"] == "snapshot":
            names = ("bid_prices_ticks", "bid_sizes_centi", "ask_prices_ticks", "ask_sizes_centi")
            book.reset(Levels(**{name: message[name] for name in names}))
        else:
            book.apply(message["side"], message["price_ticks"], message["delta_centi"])
        best = (book.best_bid_ticks, book.best_bid_centi, book.best_ask_ticks, book.best_ask_centi)
        rows[message["market_ticker"], message["known_utc"]] = best
    return pl.DataFrame(
        [(*key, *best) for key, best in rows.items()],
        schema={"market_ticker": pl.String, "known_utc": books.schema["known_utc"], **dict.fromkeys(SIDES, pl.Int64)},
        orient="row",
    ).sort("market_ticker", "known_utc")


def test_tops_are_those_of_the_book_kept_message_by_message(recorded_books):
    wanted = replayed(recorded_books)
    found = tops_of(recorded_books)

    assert found.height > 1000
    assert found["is_known"].all()
    assert found.select(wanted.columns).equals(wanted)


def test_a_small_memory_gives_the_same(recorded_books, monkeypatch):
    """Long days are cut into pieces: what is held goes over from one to the next."""
    whole = tops_of(recorded_books)
    monkeypatch.setattr(tops, "_CELLS_AT_ONCE", 500)
    assert tops_of(recorded_books).equals(whole)


def test_messages_in_any_order_give_the_same(recorded_books):
    assert tops_of(recorded_books.sample(fraction=1.0, shuffle=True, seed=1)).equals(tops_of(recorded_books))


def test_an_empty_side_has_size_nothing(script):
    script.whole(1, {40: 10}, {44: 5}).bid(2, 40, -10).ask(3, 44, -5).ask(4, 60, 7)
    assert tops_of(script.books).select(SIDES).rows() == [
        (4000, 1000, 4400, 500), (0, 0, 4400, 500), (0, 0, 10_000, 0), (0, 0, 6000, 700),
    ]  # fmt: skip


def test_messages_of_one_instant_are_one_step(script):
    script.whole(1, {40: 10, 39: 3}, {44: 5}).bid(2, 40, -10).bid(2, 41, 8)
    assert tops_of(script.books)["bid_ticks"].to_list() == [4000, 4100]


def test_after_a_gap_nothing_is_known_until_the_next_whole_book(script):
    script.whole(1, {40: 10}, {44: 5}).gap(2).bid(3, 41, 4).whole(4, {42: 6}, {44: 5}, sid=2).bid(5, 42, 1, sid=2)
    found = tops_of(script.books)

    assert found["is_known"].to_list() == [True, False, False, True, True]
    assert found["bid_ticks"].to_list() == [4000, None, None, 4200, 4200]
    assert found["follows"].to_list() == [False, False, False, False, True]


def test_nothing_is_known_before_the_first_whole_book(script):
    found = tops_of(script.bid(1, 40, 5).whole(2, {40: 9}, {}).books)
    assert found["is_known"].to_list() == [False, True]
    assert found["bid_centi"].to_list() == [None, 900]


def test_a_whole_book_within_its_own_subscription_breaks_nothing(script):
    script.whole(1, {40: 10}, {44: 5}).whole(2, {40: 12}, {44: 5}).whole(3, {40: 20}, {44: 5}, sid=2)
    assert tops_of(script.books)["follows"].to_list() == [False, True, False]


def test_an_older_subscription_does_not_change_a_newer_book(script):
    script.whole(1, {40: 10}, {44: 5}).whole(2, {40: 20}, {44: 5}, sid=2).bid(3, 41, 4, sid=1).bid(4, 40, 1, sid=2)
    assert tops_of(script.books)["bid_centi"].to_list() == [1000, 2000, 2100]


def test_no_books_give_no_rows():
    found = tops_of(BOOKS.empty())
    assert found.height == 0
    assert dict(found.schema) == TOPS


def test_later_messages_change_no_earlier_row(recorded_books):
    middle = recorded_books["known_utc"].sort()[recorded_books.height // 2]
    later = pl.col("known_utc") > middle
    poisoned = recorded_books.with_columns(
        pl.when(later).then(7_777_700).otherwise("delta_centi").alias("delta_centi"),
        pl.when(later)
        .then(9900)
        .otherwise("price_ticks")
        .cast(recorded_books.schema["price_ticks"])
        .alias("price_ticks"),
    )
    before = tops_of(recorded_books).filter(pl.col("known_utc") <= middle)
    assert tops_of(poisoned).filter(pl.col("known_utc") <= middle).equals(before)
    assert not tops_of(poisoned).equals(tops_of(recorded_books))
    assert np.isin(before["market_ticker"].unique(), recorded_books["market_ticker"].unique()).all()
