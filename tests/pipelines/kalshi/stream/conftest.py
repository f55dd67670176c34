"""A model of the exchange's stream: true books, numbered frames, answers to commands; pure, or behind a real socket."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from dataclasses import dataclass, field

import pytest
from websockets.asyncio.server import serve

from pipelines.kalshi.events import BOOKS_CHANNEL
from pipelines.kalshi.feed import Feed
from pipelines.kalshi.levels import Levels
from pipelines.kalshi.messages import FrameReader

TICKERS = ("KXHIGHCHI-26OCT04-B72.5", "KXHIGHCHI-26OCT04-T70", "KXHIGHNY-26OCT04-B65.5")
NOW_MS = 1_791_115_200_000  # 2026-10-04 12:00 UTC


@dataclass(kw_only=True)
class Faults:
    """How often a frame is lost, comes twice, or comes after its successor."""

    drop: float = 0
    repeat: float = 0
    late: float = 0


class Venue:
    """True books in yes prices (cents), told in frames that are numbered for each subscription."""

    def __init__(self, *, seed=0, tickers=TICKERS):
        self.chance = random.Random(seed)
        self.tickers = tickers
        self.books = {ticker: {"yes": {}, "no": {}} for ticker in tickers}
        self.moved = 0
        self.truth = {}
        for _ in range(20 * len(tickers)):
            self._change()
        self.connect()

    def connect(self):
        """Begin a connection: numbers start again."""
        self.seq = {}
        self.sids = {}
        self.use_yes_price = False

    def levels(self, ticker):
        """Return the true book."""
        sides = self.books[ticker]
        bids, asks = sorted(sides["yes"].items()), sorted(sides["no"].items(), reverse=True)
        return Levels(*(tuple(part) for part in (*_columns(bids), *_columns(asks))))

    def answer(self, command):
        """Return the frames that answer a command."""
        params = command["params"]
        if command["cmd"] == "subscribe":
            return self._subscribe(command["id"], params)
        sid = params["sids"][0]
        if params["action"] == "get_snapshot":
            return [self._snapshot(sid, ticker, command["id"]) for ticker in params["market_tickers"]]
        return [self._numbered(sid, "ok", {"market_tickers": params["market_tickers"]}, id=command["id"])]

    def move(self):
        """Change one level of one book, or trade; return the frame."""
        if "trade" in self.sids and self.chance.random() < 0.1:
            return self._trade()
        ticker, side, price, change = self._change()
        told = 100 - price if side == "no" and not self.use_yes_price else price
        return self._numbered(
            self.sids[BOOKS_CHANNEL],
            "orderbook_delta",
            {
                "market_ticker": ticker,
                "price_dollars": f"{told / 100:.4f}",
                "delta_fp": f"{change / 100:.2f}",
                "side": side,
                "ts_ms": NOW_MS + self.moved,
            },
        )

    def _subscribe(self, command_id, params):
        self.use_yes_price = params["use_yes_price"]
        frames = []
        for channel in params["channels"]:
            sid = self.sids[channel] = len(self.seq) + 1
            self.seq[sid] = 0
            frames.append(_json({"id": command_id, "type": "subscribed", "msg": {"channel": channel, "sid": sid}}))
            if channel == BOOKS_CHANNEL:
                frames += [self._snapshot(sid, ticker) for ticker in params["market_tickers"]]
        return frames

    def _snapshot(self, sid, ticker, command_id=None):
        msg = {"market_ticker": ticker}
        for side, held in self.books[ticker].items():
            mirrored = side == "no" and not self.use_yes_price
            told = sorted((100 - price if mirrored else price, size) for price, size in held.items())
            if told:
                msg[f"{side}_dollars_fp"] = [[f"{price / 100:.4f}", f"{size / 100:.2f}"] for price, size in told]
        return self._numbered(sid, "orderbook_snapshot", msg, **({"id": command_id} if command_id else {}))

    def _trade(self):
        self.moved += 1
        msg = {
            "trade_id": f"trade-{self.moved}",
            "market_ticker": self.chance.choice(self.tickers),
            "yes_price_dollars": "0.5000",
            "count_fp": "3.00",
            "taker_outcome_side": "yes",
            "ts_ms": NOW_MS + self.moved,
        }
        return self._numbered(self.sids["trade"], "trade", msg)

    def _numbered(self, sid, kind, msg, **more):
        self.seq[sid] += 1
        if sid == self.sids[BOOKS_CHANNEL]:
            self.truth[self.seq[sid]] = {ticker: self.levels(ticker) for ticker in self.tickers}
        return _json({"type": kind, "sid": sid, "seq": self.seq[sid], "msg": msg} | more)

    def _change(self):
        self.moved += 1
        ticker, side = self.chance.choice(self.tickers), self.chance.choice(("yes", "no"))
        book = self.books[ticker]
        low = 1 if side == "yes" else max(book["yes"], default=0) + 1
        high = 99 if side == "no" else min(book["no"], default=100) - 1
        if low > high:
            return self._change()
        price = (
            self.chance.randint(max(low, high - 8), high)
            if side == "yes"
            else self.chance.randint(low, min(high, low + 8))
        )
        held = book[side].get(price, 0)
        change = -held if held and self.chance.random() < 0.5 else self.chance.randint(1, 900)
        book[side][price] = held + change
        if not book[side][price]:
            del book[side][price]
        return ticker, side, price, change


class Network:
    """Carries frames, some of them lost, twice or late."""

    def __init__(self, faults, *, seed=0):
        self.faults = faults
        self.chance = random.Random(seed)
        self.held = []

    def carry(self, frames):
        """Return the frames that arrive now."""
        arrived = []
        for frame in frames:
            drawn = self.chance.random()
            if drawn < self.faults.drop:
                continue
            if drawn < self.faults.drop + self.faults.late:
                self.held.append(frame)
                continue
            arrived += [frame] * (2 if self.chance.random() < self.faults.repeat else 1)
            arrived += self.held
            self.held = []
        return arrived


@dataclass
class Line:
    """A feed at the end of a faulty network, with a venue that answers its commands."""

    venue: Venue
    network: Network
    feed: Feed
    reader: FrameReader = field(default_factory=lambda: FrameReader(use_yes_price=True))
    events: list = field(default_factory=list)
    now_us: int = NOW_MS * 1000

    def connect(self):
        """Begin a connection; the answer to the subscription arrives whole."""
        self.venue.connect()
        self.feed.connect()
        for command in self.feed.commands.take():
            self.deliver(self.venue.answer(command))

    def deliver(self, frames):
        """Let frames arrive, and everything that they lead to."""
        for frame in frames:
            self.now_us += 1
            self.feed.take(self.reader.read(frame), self.now_us)
            self.settle()

    def settle(self):
        """Send what the feed asks for, over the same network; a connection that is given up begins anew."""
        self.events += self.feed.drain()
        for command in self.feed.commands.take():
            self.deliver(self.network.carry(self.venue.answer(command)))
        if self.feed.failed is not None:
            self.feed.disconnect(self.now_us, self.feed.failed)
            self.events += self.feed.drain()
            self.connect()


@pytest.fixture
def tickers():
    return TICKERS


@pytest.fixture
def venue():
    return Venue


@pytest.fixture
def faults():
    return Faults


@pytest.fixture(scope="session")
def line():
    """Build lines, each with a live feed."""

    def build(*, seed=0, **rates):
        made = Line(Venue(seed=seed), Network(Faults(**rates), seed=seed), Feed(TICKERS))
        made.connect()
        return made

    return build


class LoopbackVenue:
    """The model behind a real WebSocket on 127.0.0.1, in a thread of its own."""

    def __init__(self, *, pace_seconds=0.001, **rates):
        self.venue = Venue(seed=5)
        self.network = Network(Faults(**rates), seed=5)
        self.pace_seconds = pace_seconds
        self.handshakes = []
        self.commands = []
        self.moves_left = 10**9
        self.drop_connection_every = 0
        self.status = None
        self.silent = False
        self._ready = threading.Event()

    def start(self):
        """Return when the address is known."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def stop(self):
        """Return when the thread has ended."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    async def _serve(self):
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with serve(self._handle, "127.0.0.1", 0, process_request=self._handshake, close_timeout=0.2) as server:
            self.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/trade-api/ws/v2"
            self._ready.set()
            await self._end.wait()

    def _handshake(self, connection, request):
        self.handshakes.append(request.headers.get("KALSHI-ACCESS-TIMESTAMP"))
        return None if self.status is None else connection.respond(self.status, "no")

    async def _handle(self, connection):
        self.venue.connect()
        moving = asyncio.create_task(self._move(connection))
        try:
            async for text in connection:
                command = json.loads(text)
                self.commands.append(command)
                frames = self.venue.answer(command)
                # The subscription itself arrives whole: without its first snapshot nothing is to be told apart.
                for frame in frames if command["cmd"] == "subscribe" else self.network.carry(frames):
                    await connection.send(frame)
        finally:
            moving.cancel()

    async def _move(self, connection):
        sent = 0
        while True:
            await asyncio.sleep(self.pace_seconds)
            if self.silent:
                connection.transport.pause_reading()
                continue
            for _ in range(5 if BOOKS_CHANNEL in self.venue.sids and self.moves_left > 0 else 0):
                self.moves_left -= 1
                for frame in self.network.carry([self.venue.move()]):
                    await connection.send(frame)
                    sent += 1
            if self.drop_connection_every and sent > self.drop_connection_every:
                connection.transport.abort()
                return


@pytest.fixture
def loopback():
    """Start a model venue on 127.0.0.1; stopped at the end."""
    started = []

    def start(**how):
        started.append(LoopbackVenue(**how).start())
        return started[-1]

    yield start
    for one in started:
        one.stop()


def _columns(pairs):
    return [100 * price for price, _ in pairs], [size for _, size in pairs]


def _json(value):
    return json.dumps(value).encode()
