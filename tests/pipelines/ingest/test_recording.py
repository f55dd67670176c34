"""What a recorder listens to: the markets of tomorrow join, those of yesterday leave."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from pipelines.ingest.recording import LEFT_AFTER, LISTED_EVERY, Trading
from pipelines.kalshi.stream import Stream, StreamSettings
from warehouse.errors import Usage, VendorDown

NOON = datetime(2026, 10, 4, 12, tzinfo=UTC)
TODAY, TOMORROW = "KXHIGHCHI-26OCT04-B72.5", "KXHIGHCHI-26OCT05-B72.5"


class Exchange:
    """Lists markets with their closes, and is asked on a clock of its own."""

    def __init__(self):
        self.now_utc = NOON
        self.markets = {TODAY: NOON + timedelta(hours=1)}
        self.later = {}
        self.answers = []

    def clock(self):
        """Return the instant; it passes while somebody waits."""
        self.now_utc += timedelta(minutes=1)
        return self.now_utc

    def pages(self, call):
        """Answer a question for markets, or fail as told."""
        if self.answers and (error := self.answers.pop(0)):
            raise error
        known = self.markets | (self.later if self.now_utc > NOON + LISTED_EVERY else {})
        markets = [{"ticker": ticker, "close_time": at.isoformat()} for ticker, at in known.items()]
        return [SimpleNamespace(body=json.dumps({"markets": markets}).encode())]


@pytest.fixture
def exchange():
    """One market, open until one."""
    return Exchange()


@pytest.fixture
def at_once(monkeypatch):
    """Let nobody wait in earnest."""
    really = asyncio.sleep
    monkeypatch.setattr("pipelines.ingest.recording.asyncio.sleep", lambda seconds: really(0))


def trading(exchange):
    """Return what the exchange trades, as a recorder of one city follows it."""
    return Trading(client=exchange, cities=("chicago",), clock=exchange.clock)


def followed(exchange, *, until):
    """Follow until the condition on the stream holds; return its markets."""

    async def run():
        markets = trading(exchange)
        stream = Stream(StreamSettings(url="ws://127.0.0.1:9", market_tickers=markets.first()), sign=dict)
        following = asyncio.create_task(markets.follow(stream))
        async with asyncio.timeout(5):
            while not until(stream):
                await asyncio.sleep(0)
        following.cancel()
        return set(stream.books)

    return asyncio.run(run())


def test_a_market_that_is_listed_later_is_followed(exchange, at_once):
    """A recorder that runs for days never stops at its first list."""
    exchange.markets[TODAY] = NOON + timedelta(days=1)
    exchange.later = {TOMORROW: NOON + timedelta(days=2)}

    assert {TODAY, TOMORROW} == followed(exchange, until=lambda stream: TOMORROW in stream.books)


def test_a_market_is_left_an_hour_after_its_close(exchange, at_once):
    """Until then its last trades come."""
    closes_utc = exchange.markets[TODAY]
    exchange.markets[TOMORROW] = NOON + timedelta(days=30)

    assert {TOMORROW} == followed(exchange, until=lambda stream: TODAY not in stream.books)
    assert closes_utc + LEFT_AFTER < exchange.now_utc <= closes_utc + LEFT_AFTER + 2 * LISTED_EVERY


def test_a_list_that_cannot_be_had_is_asked_for_again(exchange, at_once, caplog):
    """An outage of the listing is none of the stream."""
    exchange.answers = [None, None, VendorDown("no answer"), VendorDown("no answer")]
    exchange.markets[TOMORROW] = NOON + timedelta(days=30)

    followed(exchange, until=lambda stream: TODAY not in stream.books)

    assert 2 == caplog.text.count("cannot be asked now")


def test_a_recorder_without_any_market_does_not_start(exchange):
    """It would listen to nothing, for ever."""
    exchange.markets = {"KXFED-26OCT04-T3.5": NOON, "what is this": NOON}

    with pytest.raises(Usage, match="no market of chicago"):
        trading(exchange).first()
