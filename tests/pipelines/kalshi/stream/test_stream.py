"""The stream over a real socket: handshakes, faults, reconnects, backpressure."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.kalshi.events import Gap
from pipelines.kalshi.stream import Stream, StreamSettings
from warehouse.errors import VendorDown, VendorRefused

COUNTER = itertools.count(1)
QUICK = {"tick_seconds": 0.05, "first_backoff_seconds": 0.01, "longest_backoff_seconds": 0.05, "open_seconds": 2}


def signed():
    """Return headers that tell one handshake from another."""
    return {"KALSHI-ACCESS-TIMESTAMP": str(next(COUNTER))}


def listen(url, tickers, *, enough, seconds=8.0, clock=None, **how):
    """Take events until there is enough of them; return them with the stream."""

    async def run():
        settings = StreamSettings(url=url, market_tickers=tickers, **(QUICK | how))
        stream = Stream(settings, sign=signed, chance=random.Random(1), **({} if clock is None else {"clock": clock}))
        events = []
        async with asyncio.timeout(seconds), stream:
            while (batch := await stream.next_batch(timeout_seconds=0.5)) is not None:
                events += batch
                if enough(stream, events):
                    stream.stop()
        return stream, events

    return asyncio.run(run())


def test_books_are_live_soon_after_the_handshake(loopback, tickers):
    """Connect, subscribe, snapshots, changes."""
    venue = loopback()

    stream, events = listen(venue.url, tickers, enough=lambda stream, events: len(events) > 100)

    assert 1 == stream.counts.connections
    assert {"Snapshot", "Delta", "TapeTrade", "Gap"} == {type(event.message).__name__ for event in events}
    assert [True, True] == [event.message.ends for event in events if isinstance(event.message, Gap)]


def test_every_connection_signs_anew(loopback, tickers):
    """A signature holds for a moment."""
    venue = loopback()
    venue.drop_connection_every = 40

    listen(venue.url, tickers, enough=lambda stream, events: stream.counts.connections >= 3)

    assert 3 <= len(venue.handshakes) == len(set(venue.handshakes))


def test_the_books_of_a_soak_end_as_the_venue_has_them(loopback, tickers):
    """Thousands of frames with losses, repeats, swaps and broken connections, over a real socket."""
    venue = loopback(pace_seconds=0, drop=0.003, repeat=0.01, late=0.003)
    venue.drop_connection_every = 1_500

    def is_over(stream, events):
        if len(events) > 4_000 and venue.moves_left > 10:
            venue.drop_connection_every = 0
            venue.network.faults.drop = venue.network.faults.repeat = venue.network.faults.late = 0
            venue.moves_left = 10
        rested = venue.moves_left <= 0 and all(book.live for book in stream.books.values())
        return rested and stream.books[tickers[0]].levels == venue.venue.levels(tickers[0])

    stream, _ = listen(venue.url, tickers, enough=is_over, seconds=20)

    assert stream.counts.gaps > 3
    assert {ticker: venue.venue.levels(ticker) for ticker in tickers} == {
        ticker: book.levels for ticker, book in stream.books.items()
    }


def test_silence_ends_a_connection(loopback, tickers, caplog):
    """No frame, no ping, no pong: the other side is gone, whatever the socket says."""
    venue = loopback()

    def fall_silent(stream, events):
        venue.silent = stream.counts.connections == 1
        return stream.counts.connections >= 2

    listen(venue.url, tickers, enough=fall_silent, idle_seconds=0.3)

    assert "nothing was heard" in caplog.text


def test_pings_keep_a_quiet_connection(loopback, tickers):
    """A night without a trade is no outage."""
    venue = loopback()
    venue.moves_left = 0
    began = datetime.now(UTC)

    stream, _ = listen(
        venue.url, tickers, enough=lambda *_: datetime.now(UTC) - began > timedelta(seconds=1), idle_seconds=0.3
    )

    assert 1 == stream.counts.connections


def test_a_handshake_that_is_refused_at_first_is_told(loopback, tickers):
    """A wrong key stays wrong."""
    venue = loopback()
    venue.status = 401

    with pytest.raises(VendorRefused, match="answered 401") as refused:
        listen(venue.url, tickers, enough=lambda *_: False)

    assert "clock" in refused.value.hint


def test_an_outage_is_waited_for(loopback, tickers):
    """Only a first connection is given up: later the exchange comes back."""
    venue = loopback()
    venue.drop_connection_every = 30

    def shut(stream, events):
        venue.status = 503 if len(venue.handshakes) in range(1, 5) else None
        return stream.counts.connections >= 2

    listen(venue.url, tickers, enough=shut, first_attempts=2)

    assert len(venue.handshakes) >= 5


def test_an_address_where_nobody_listens_is_told(tickers):
    """After some attempts, with a hint."""
    with pytest.raises(VendorDown, match="cannot be reached"):
        listen("ws://127.0.0.1:9/ws", tickers, enough=lambda *_: False, first_attempts=2)


def test_events_taken_too_slowly_are_a_gap_not_a_growing_queue(loopback, tickers):
    """Memory is bounded; what is lost is marked and asked for anew."""
    venue = loopback(pace_seconds=0)

    async def run():
        settings = StreamSettings(url=venue.url, market_tickers=tickers, queue_limit=200, **QUICK)
        async with asyncio.timeout(8), Stream(settings, sign=signed) as stream:
            while stream.counts.ended < 2:
                await asyncio.sleep(0.01)
            waiting = len(await stream.next_batch())
            while stream.counts.connections < 2:
                await asyncio.sleep(0.01)
            return waiting

    assert 200 <= asyncio.run(run()) <= 210


def test_a_clock_that_is_off_is_told(loopback, tickers, caplog):
    """Frames that come before they were sent: the lag is measured, and said once."""
    venue = loopback()
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    numbered = venue.venue._numbered
    venue.venue._numbered = lambda *args, **more: numbered(*args, sending_ts_ms=now_ms + 60_000, **more)

    stream, _ = listen(venue.url, tickers, enough=lambda stream, events: "clock is off" in caplog.text)

    assert -61_000 < stream.least_lag_ms < -40_000


def test_a_convention_that_flipped_is_read_as_it_is(loopback, tickers, caplog):
    """The no side comes at no prices although yes prices were asked for: alarm, and read so from then on."""
    caplog.set_level(logging.ERROR)
    venue = loopback()
    # One market is above even, so that the wrong reading shows.
    venue.venue.books[tickers[0]] = {"yes": {60: 500}, "no": {62: 500}}
    venue.moves_left = 0
    subscribe = venue.venue._subscribe
    venue.venue._subscribe = lambda number, params: subscribe(number, params | {"use_yes_price": False})

    stream, _ = listen(
        venue.url, tickers, enough=lambda stream, events: all(book.live for book in stream.books.values())
    )

    assert (6000, 6200) == (stream.books[tickers[0]].best_bid_ticks, stream.books[tickers[0]].best_ask_ticks)
    assert "from now on the no side is read at no prices" in caplog.text


def test_a_market_can_be_followed_while_the_stream_runs(loopback, tickers):
    """Tomorrow's markets join without a new connection."""
    venue = loopback()

    async def run():
        settings = StreamSettings(url=venue.url, market_tickers=tickers[:2], **QUICK)
        async with asyncio.timeout(8), Stream(settings, sign=signed) as stream:
            await stream.next_batch()
            await stream.follow(tickers[2:])
            while not all(book.live for book in stream.books.values()):
                await stream.next_batch()
            return stream.counts.connections, set(stream.books)

    assert (1, set(tickers)) == asyncio.run(run())


class Longest:
    """A chance that always draws the most, and remembers between what."""

    def __init__(self):
        self.drawn = []

    def uniform(self, low, high):
        """Draw nothing, so that nobody waits."""
        self.drawn.append((low, high))
        return 0


def test_the_wait_before_the_next_attempt_doubles_up_to_a_limit(tickers):
    """A random part of it, so that not everybody comes back at the same moment."""
    chance = Longest()

    async def run():
        settings = StreamSettings(
            url="ws://127.0.0.1:9/ws", market_tickers=tickers, first_attempts=6, **QUICK | {"first_backoff_seconds": 1}
        )
        settings = replace(settings, longest_backoff_seconds=10)
        async with Stream(settings, sign=signed, chance=chance) as stream:
            while await stream.next_batch() is not None:
                pass

    with pytest.raises(VendorDown):
        asyncio.run(run())

    assert [(0, 2), (0, 4), (0, 8), (0, 10), (0, 10)] == chance.drawn


def test_a_good_connection_that_is_lost_is_not_waited_for_long(loopback, tickers):
    """It told a book, so the next attempt begins with the shortest wait."""
    venue = loopback()
    venue.drop_connection_every = 40
    chance = Longest()

    async def run():
        settings = StreamSettings(url=venue.url, market_tickers=tickers, **QUICK)
        async with asyncio.timeout(8), Stream(settings, sign=signed, chance=chance) as stream:
            while stream.counts.connections < 4:
                await stream.next_batch()

    asyncio.run(run())

    assert {(0, QUICK["first_backoff_seconds"])} == set(chance.drawn)


def test_no_new_connection_is_made_before_the_queue_is_taken(loopback, tickers):
    """Who is too slow for one connection is too slow for two."""
    venue = loopback(pace_seconds=0)

    async def run():
        settings = StreamSettings(url=venue.url, market_tickers=tickers, queue_limit=200, **QUICK)
        async with asyncio.timeout(8), Stream(settings, sign=signed) as stream:
            while stream.counts.ended < 2:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.3)
            before = len(venue.handshakes)
            await stream.next_batch()
            while len(venue.handshakes) < 2:
                await asyncio.sleep(0.01)
            return before

    assert 1 == asyncio.run(run())


def test_a_market_that_is_refused_does_not_end_the_stream(loopback, tickers):
    """The books of the others are live, over a real socket."""
    venue = loopback()
    answer = venue.venue.answer
    refusal = b'{"id": %d, "type": "error", "msg": {"code": 11, "msg": "Invalid parameter"}}'

    def refuse_one(command):
        wanted = command["params"]["market_tickers"]
        return [refusal % command["id"]] if tickers[1] in wanted else answer(command)

    venue.venue.answer = refuse_one
    venue.moves_left = 0

    def rest_is_live(stream, events):
        return {ticker for ticker, book in stream.books.items() if book.live} == {tickers[0], tickers[2]}

    stream, _ = listen(venue.url, tickers, enough=rest_is_live)

    assert 1 == stream.counts.connections
