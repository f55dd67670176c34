"""The stream of a running day: best quotes at once, rows as a recorder writes them, doubts told."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipelines.build import demo_world
from pipelines.demo.wire import Faults
from pipelines.demo.wire.kalshi_books import levels_at
from pipelines.kalshi.book import Book
from pipelines.kalshi.events import Event, Gap
from pipelines.kalshi.levels import Levels
from pipelines.kalshi.messages import Delta, Snapshot
from pipelines.live.arrivals import Moved
from pipelines.live.books import BookFeed
from pipelines.live.catalogue import Catalogue
from pipelines.live.tape import Tape
from tests.pipelines.live.lived import HOUR, MINUTE, OPENING, SECOND
from warehouse.lake.hot import HotArea
from warehouse.lake.store import Lake
from warehouse.lake.tables import BOOKS, TRADES
from warehouse.market.cities import CITIES

EVENT_DATE = date(2026, 11, 1)
WORLD = demo_world(days=1, until=EVENT_DATE, cities=("chicago",), seed=11, books=False)
LONG_S = 60


def until(holds):
    """Wait until something holds; fail after long."""
    end_s = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < end_s, "it never came"
        time.sleep(0.05)


def best(day, ticker, at):
    """Return what the exchange's own book of a market shows at an instant."""
    bids, asks = levels_at(day.served.told.books(CITIES["chicago"], EVENT_DATE), ticker, at)
    return (*(bids[-1] if bids else (0, 0)), *(asks[-1] if asks else (10_000, 0)))


def test_the_best_quotes_are_those_of_the_exchange_when_time_stands(day_from):
    """Whatever the hands are put at: soon the tops are the best of every book there, and the rows are on the disk."""
    day = day_from(WORLD, now=OPENING + HOUR, open_ws=True)
    came = []

    with day.feeds(background=True, books=True) as feeds:
        until(lambda: len(feeds.tops()) == 6)
        for minutes in (1, 7, 30):
            instant = OPENING + HOUR + minutes * MINUTE
            day.served.advance_to(instant)
            until(lambda at=instant: all(best(day, name, at) == tuple(top)[:4] for name, top in feeds.tops().items()))
            assert all(top.known_utc <= instant for top in feeds.tops().values())
        until(lambda: came.extend(feeds.poll(instant).arrivals) or feeds.poll(instant).heard_utc["books"] is not None)
        time.sleep(1.2)
        came.extend(feeds.poll(instant).arrivals)

    rows = pl.concat([arrival.frame for arrival in came if arrival.table is BOOKS])
    hot = pl.concat([part.frame for part in HotArea(day.lake.paths).rows(BOOKS, run_id="test")])
    key = ["market_ticker", "sid", "seq"]
    assert rows.height > 6
    assert rows.sort(key).select(hot.columns).equals(hot.filter(pl.col("kind") != "gap").sort(key).head(rows.height))


@dataclass
class Kept:
    """The books of a stream, as they are after everything that came."""

    books: dict[str, Book]


def a_feed(folder):
    """Return one that hears nothing by itself."""
    return BookFeed(
        "ws://127.0.0.1:9", sign=dict, paths=Lake(folder).paths, catalogue=Catalogue(), tape=Tape(),
        cities=("chicago",), clock=lambda: OPENING, woken=threading.Event(), stirred=threading.Event(),
    )  # fmt: skip


def test_a_book_moved_when_the_first_word_of_it_was_received(tmp_path):
    """However many words of it came at once; what it shows is known since the last."""
    feed = a_feed(tmp_path)
    levels = Levels(bid_prices_ticks=(4_900,), bid_sizes_centi=(300,))
    at_us = [int((OPENING + seconds * SECOND).timestamp() * 1e6) for seconds in (1, 2, 3)]
    words = [
        Snapshot(sid=1, seq=1, market_ticker="ONE", levels=levels),
        *(Delta(sid=1, seq=n, market_ticker="ONE", side="bid", price_ticks=4_900, delta_centi=100) for n in (2, 3)),
    ]

    feed._take([Event(us, 1, word) for us, word in zip(at_us, words, strict=True)], Kept({"ONE": Book(levels)}))

    assert feed.moved() == Moved(frozenset(["ONE"]), OPENING + SECOND)
    assert feed.tops()["ONE"].known_utc == OPENING + 3 * SECOND


def test_books_are_known_until_the_newest_word_that_was_read_whatever_of(tmp_path):
    """What was received since waits to be read: it is not in them, and nobody may say that it was seen."""
    feed = a_feed(tmp_path)
    assert feed.shown() == (None, {})
    levels = Levels(bid_prices_ticks=(4_900,), bid_sizes_centi=(300,))
    at_us = [int((OPENING + seconds * SECOND).timestamp() * 1e6) for seconds in (1, 2)]
    words = [
        Snapshot(sid=1, seq=1, market_ticker="ONE", levels=levels),
        Gap(2, "orderbook_delta", ("OTHER",), "a frame is missing"),
    ]

    feed._take([Event(us, 1, word) for us, word in zip(at_us, words, strict=True)], Kept({"ONE": Book(levels)}))

    until_utc, tops = feed.shown()
    assert until_utc == OPENING + 2 * SECOND
    assert tops == feed.tops()
    assert tops["ONE"].known_utc == OPENING + SECOND


def test_a_market_that_the_stream_tells_whole_is_asked_for_trades_once(day_from):
    """What was before the stream comes by question; from then on the stream is enough."""
    day = day_from(WORLD, now=OPENING + HOUR, open_ws=True)

    with day.feeds(background=True, books=True) as feeds:
        until(lambda: len(feeds.tops()) == 6)
        for minutes in range(1, 40, 2):
            instant = OPENING + HOUR + minutes * MINUTE + 3 * MINUTE / 60
            day.served.advance_to(instant)
            until(lambda at=instant: feeds.poll(at).taped_until.get("chicago", OPENING) >= at - MINUTE)

    asked = [one["ticker"] for one in day.asked("kalshi_trades")]
    assert len(asked) == len(set(asked)) <= 6
    streamed = pl.concat([part.frame for part in HotArea(day.lake.paths).rows(TRADES, run_id="test")])
    assert streamed.height > 0


def test_a_stream_with_gaps_hides_what_it_does_not_know_and_asks_for_what_it_missed(day_from):
    """Numbers that are missing: books go until they are whole again, and the tape of their markets is asked for."""
    day = day_from(WORLD, now=OPENING + HOUR, open_ws=True, faults=Faults(ws_gap=0.02, ws_drop=0.02, seed=5))

    with day.feeds(background=True, books=True) as feeds:
        until(lambda: len(feeds.tops()) > 0)
        for minutes in range(1, 60, 3):
            instant = OPENING + HOUR + minutes * MINUTE
            day.served.advance_to(instant)
            until(lambda at=instant: all(best(day, name, at) == tuple(top)[:4] for name, top in feeds.tops().items()))
            feeds.poll(instant)

    books = pl.concat([part.frame for part in HotArea(day.lake.paths).rows(BOOKS, run_id="test")])
    assert "gap" in books["kind"].to_list()


def test_a_stream_that_cannot_be_reached_is_told(day_from):
    """Prices go on without it, there are no tops, and the reason is said."""
    day = day_from(WORLD, now=OPENING + HOUR, open_ws=False)

    with day.feeds(background=True, books=True) as feeds:
        until(lambda: "books" in feeds.poll(OPENING + HOUR).failed)
        polled = feeds.poll(OPENING + HOUR)

    assert {} == feeds.tops()
    assert "401" in polled.failed["books"]
    assert polled.heard_utc["books"] is None
