"""Sizes at the best prices, against the book that the recorder keeps message by message."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from kwx.fuse.events import CityDay
from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.market.tops import top_sizes
from pipelines.kalshi.book import Book
from pipelines.kalshi.levels import Levels
from warehouse.lake.store import Lake
from warehouse.lake.tables import Partition

DAY = Partition("chicago", date(2026, 11, 1))


@pytest.fixture(scope="module")
def told(demo_lake):
    """The order-book messages of one event, and its minutes."""
    city_day = CityDay.read(Lake(demo_lake).snapshot(), DAY, MarketRecipe(price="micro"))
    (event,) = city_day.events([])
    return city_day.books, event.minutes


def replayed(books: pl.DataFrame, minutes, name: str) -> list[tuple[int, int]]:
    """Return the sizes at the best prices of one market at each minute, message by message."""
    messages = books.filter(pl.col("market_ticker") == name).sort("known_utc", "seq").iter_rows(named=True)
    book, found, waiting = Book(), [], next(messages, None)
    for ts_utc in minutes.ts_utc:
        while waiting is not None and waiting["known_utc"] <= ts_utc:
            _take(book, waiting)
            waiting = next(messages, None)
        found.append((book.best_bid_centi, book.best_ask_centi))
    return found


def _take(book: Book, message) -> None:
    if message["kind"] == "snapshot":
        names = ("bid_prices_ticks", "bid_sizes_centi", "ask_prices_ticks", "ask_sizes_centi")
        book.reset(Levels(**{name: message[name] for name in names}))
    else:
        book.apply(message["side"], message["price_ticks"], message["delta_centi"])


def test_sizes_are_those_of_the_book_kept_message_by_message(told):
    """At every minute with a two-sided quote, both ways of following the messages agree."""
    books, minutes = told
    sizes = top_sizes(books, minutes)
    for place, name in enumerate(minutes.ladder.names):
        bid, ask = np.array(replayed(books, minutes, name)).T / 100
        two_sided = (minutes.bid_ticks[:, place] > 0) & (minutes.ask_ticks[:, place] < 10_000)

        np.testing.assert_array_equal(sizes.bid[two_sided, place], bid[two_sided])
        np.testing.assert_array_equal(sizes.ask[two_sided, place], ask[two_sided])


def test_after_a_gap_nothing_is_known_until_the_next_whole_book(told):
    """A gap may have hidden any change, so no size before it counts any more."""
    books, minutes = told
    middle = minutes.ts_utc[len(minutes) // 2]
    gap = books.filter(pl.col("kind") == "delta").group_by("market_ticker").first().select(books.columns)
    gap = gap.with_columns(kind=pl.lit("gap"), known_utc=pl.lit(middle).cast(books.schema["known_utc"]))

    sizes = top_sizes(pl.concat([books.filter(pl.col("known_utc") != middle), gap]), minutes)

    after = minutes.ts_utc.to_numpy() >= np.datetime64(middle.replace(tzinfo=None), "us")
    assert np.isnan(sizes.bid[after]).all()
    assert not np.isnan(sizes.bid[~after][minutes.bid_ticks[~after] > 0]).any()


def test_no_later_message_changes_an_earlier_size(told):
    """Poison every message after an instant: the sizes up to it stay."""
    books, minutes = told
    middle = minutes.ts_utc[len(minutes) // 2]
    later = pl.col("known_utc") > middle
    poisoned = books.with_columns(pl.when(later).then(9_999_999).otherwise("delta_centi").alias("delta_centi"))

    before = len(minutes) // 2 + 1
    np.testing.assert_array_equal(top_sizes(books, minutes).bid[:before], top_sizes(poisoned, minutes).bid[:before])


def test_an_older_subscription_does_not_change_a_newer_book(told):
    """After a reconnect the last words of the old subscription are of a book that the new one has told whole."""
    books, minutes = told
    strays = books.filter(pl.col("kind") == "delta").with_columns(sid=pl.lit(99, books.schema["sid"]))

    mixed = top_sizes(pl.concat([books, strays]), minutes)

    np.testing.assert_array_equal(top_sizes(books, minutes).bid, mixed.bid)
