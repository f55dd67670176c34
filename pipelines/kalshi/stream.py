"""The exchange's WebSocket: signed handshake, commands, reconnects. What frames mean is `feed`'s; here is only I/O.

A connection that says nothing, not even a ping, for a while is dead. Every reconnect signs anew and waits a random part
of a doubling time. Who takes events too slowly loses some, with a gap marked, and never holds more than the limit.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from pipelines.kalshi.book import Book
from pipelines.kalshi.book_rows import microseconds
from pipelines.kalshi.events import BOOKS_CHANNEL, STOPPED, TRADES_CHANNEL, Counts, Event
from pipelines.kalshi.feed import Feed
from pipelines.kalshi.messages import FrameReader
from warehouse.clock import Clock, utc_now
from warehouse.errors import VendorDown, VendorRefused

logger = logging.getLogger(__name__)

STREAM_URL = "wss://external-api-ws.kalshi.com/trade-api/ws/v2"
LARGEST_MESSAGE_BYTES = 64 * 1024**2
LOOPBACK = ("127.0.0.1", "localhost", "::1")
LOCKED_OUT = (401, 403)
SKEW_MS = 2_000
"""A lag below zero or above this is not the network's."""

Sign = Callable[[], Mapping[str, str]]
"""Makes the headers of one handshake: a signature holds for its moment, so each attempt gets its own."""


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """What to listen to, and how patiently. `use_yes_price` is always sent: the exchange will change its default.

    `private_channels` are of our own account, not of the markets.
    """

    url: str
    market_tickers: tuple[str, ...]
    channels: tuple[str, ...] = (BOOKS_CHANNEL, TRADES_CHANNEL)
    private_channels: tuple[str, ...] = ()
    use_yes_price: bool = True
    open_seconds: float = 10
    idle_seconds: float = 30
    tick_seconds: float = 1
    first_backoff_seconds: float = 0.5
    longest_backoff_seconds: float = 60
    first_attempts: int = 8
    settled_seconds: float = 30
    queue_limit: int = 200_000


class _Heard(ClientConnection):
    """A connection that knows when anything came last: a frame, a ping, a pong."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.heard_s = time.monotonic()

    def data_received(self, data: bytes) -> None:
        self.heard_s = time.monotonic()
        super().data_received(data)


class Stream:
    """One stream over all its connections; used as `async with`, events are taken with `next_batch`."""

    def __init__(
        self,
        settings: StreamSettings,
        *,
        sign: Sign,
        clock: Clock = utc_now,
        chance: random.Random | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self._sign = sign
        self._clock = clock
        self._chance = chance or random.Random()
        self._monotonic = monotonic
        self._feed = Feed(
            settings.market_tickers,
            channels=settings.channels,
            private_channels=settings.private_channels,
            use_yes_price=settings.use_yes_price,
        )
        self._reads_yes_price = settings.use_yes_price
        self._reader = FrameReader(use_yes_price=self._reads_yes_price)
        self._queue: list[Event] = []
        self._arrived, self._taken, self._stopped = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._connection: _Heard | None = None
        self._running: asyncio.Task[None] | None = None
        self._ever_connected = False
        self._told_skew = False

    async def __aenter__(self) -> Stream:
        self._running = asyncio.create_task(self._run())
        self._running.add_done_callback(lambda _: self._arrived.set())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()
        if self._running is not None:
            await asyncio.wait([self._running])
            if not self._running.cancelled():
                self._running.exception()  # next_batch has told it, or nobody asked

    @property
    def books(self) -> Mapping[str, Book]:
        """The books as of the newest event, by ticker; one that is not `live` must not be used."""
        return self._feed.books

    @property
    def counts(self) -> Counts:
        """What has happened so far."""
        return self._feed.counts

    @property
    def reads_yes_price(self) -> bool:
        """Whether the no side is read at yes prices, as of now."""
        return self._reads_yes_price

    @property
    def least_lag_ms(self) -> int | None:
        """The shortest time from sending to receipt on this connection: network plus the skew between both clocks."""
        return self._feed.least_lag_ms

    @property
    def silent_seconds(self) -> float | None:
        """How long nothing has come on this connection, not even a ping; None while there is none."""
        return None if self._connection is None else time.monotonic() - self._connection.heard_s

    def stop(self) -> None:
        """End the stream in good order: the connection is closed, and the last events can still be taken."""
        self._stopped.set()
        self._taken.set()

    def give_up(self, cause: str) -> None:
        """End the connection soon, and tell everything anew on the next: events were lost behind the stream."""
        self._feed.give_up(cause)

    async def follow(self, market_tickers: Iterable[str]) -> None:
        """Follow more markets."""
        self._feed.add(market_tickers)
        await self._send_commands()

    async def leave(self, market_tickers: Iterable[str]) -> None:
        """Follow some markets no longer."""
        self._feed.remove(market_tickers, self._now_us())
        self._queue_events()
        await self._send_commands()

    async def next_batch(self, *, timeout_seconds: float | None = None) -> list[Event] | None:
        """Return everything that has come, at the latest after the timeout (then maybe nothing); None at the end."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._arrived.wait()
        except TimeoutError:
            return []
        self._arrived.clear()
        events, self._queue = self._queue, []
        self._taken.set()
        if self._running is None or not self._running.done():
            return events
        self._arrived.set()
        if not events:
            self._running.result()
            return None
        return events

    async def _run(self) -> None:
        failures = 0
        while not self._stopped.is_set():
            began_s = self._monotonic()
            try:
                await self._connection_until_it_ends()
            except (OSError, WebSocketException, TimeoutError) as error:
                logger.warning("no connection to the stream: %s", error)
                self._refuse_if_hopeless(error, failures)
            failures = 0 if self._has_settled(self._monotonic() - began_s) else failures + 1
            await self._wait_before_next(failures)

    def _has_settled(self, seconds: float) -> bool:
        """Tell whether a connection was a good one: it told a book and then was lost, or it lasted."""
        was_lost = self._feed.has_told_a_book and self._feed.failed is None
        return was_lost or seconds > self.settings.settled_seconds

    def _refuse_if_hopeless(self, error: Exception, failures: int) -> None:
        """Give up before the first connection only: later the same error is an outage, and outages end."""
        if self._ever_connected:
            return
        url = self.settings.url
        if isinstance(error, InvalidStatus) and error.response.status_code in LOCKED_OUT:
            raise VendorRefused(
                f"the stream {url} answered {error.response.status_code} to the signed handshake",
                hint="look at the key and its id, and at this machine's clock: a signature holds for a moment",
            ) from error
        if failures + 1 >= self.settings.first_attempts:
            raise VendorDown(f"the stream {url} cannot be reached: {error}", hint="is the address right?") from error

    async def _wait_before_next(self, failures: int) -> None:
        """Wait a random part of a doubling time, and until a slow reader has taken what is there."""
        longest = min(
            self.settings.longest_backoff_seconds, self.settings.first_backoff_seconds * 2 ** min(failures, 30)
        )
        await _wait(self._stopped, self._chance.uniform(0, longest))
        while len(self._queue) >= self.settings.queue_limit // 2 and not self._stopped.is_set():
            self._taken.clear()
            await self._taken.wait()

    async def _connection_until_it_ends(self) -> None:
        async with connect(
            self.settings.url,
            additional_headers=dict(self._sign()),
            create_connection=_Heard,
            open_timeout=self.settings.open_seconds,
            close_timeout=self.settings.tick_seconds,
            ping_interval=self.settings.idle_seconds / 2,
            ping_timeout=None,  # silence is judged here, by anything that comes
            max_size=LARGEST_MESSAGE_BYTES,
            max_queue=256,
            proxy=None if urlsplit(self.settings.url).hostname in LOOPBACK else True,
        ) as opened:
            connection = cast("_Heard", opened)
            self._connection, self._ever_connected = connection, True
            self._feed.connect()
            ticking = asyncio.create_task(self._tick(connection))
            cause = "the connection was lost"
            try:
                cause = await self._listen(connection)
            finally:
                self._connection = None
                ticking.cancel()
                self._feed.disconnect(self._now_us(), cause)
                self._queue_events()
        if self._feed.refused is not None:
            raise VendorRefused(f"the stream refused the subscription: {self._feed.refused}")
        self._read_other_way_if_misread()

    async def _listen(self, connection: _Heard) -> str:
        """Take frames until the feed gives the connection up, the queue is full, or the stream is stopped."""
        await self._send_commands()
        while True:
            try:
                raw = await connection.recv(decode=False)
            except WebSocketException as error:
                if self._stopped.is_set():
                    return STOPPED
                return self._feed.failed or f"the connection was lost: {error}"
            self._feed.take(self._reader.read(raw), self._now_us())
            self._queue_events()
            if self._feed.commands.pending:
                await self._send_commands()
            if self._feed.failed is not None:
                return self._feed.failed
            if len(self._queue) >= self.settings.queue_limit:
                return "events were taken too slowly"

    async def _tick(self, connection: _Heard) -> None:
        """Watch over a connection: ask again, see silence, end it when it is to end."""
        while True:
            await _wait(self._stopped, self.settings.tick_seconds)
            silent_s = time.monotonic() - connection.heard_s
            if silent_s > self.settings.idle_seconds:
                logger.warning("nothing was heard for %.0f s", silent_s)
            elif not self._stopped.is_set():
                self._feed.tick()
                self._queue_events()
                self._tell_skew()
                await self._send_commands()
            if self._stopped.is_set() or self._feed.failed or silent_s > self.settings.idle_seconds:
                await connection.close()
                return

    def _queue_events(self) -> None:
        events = self._feed.drain()
        if events:
            self._queue += events
            self._arrived.set()

    async def _send_commands(self) -> None:
        if self._connection is None:
            return
        for command in self._feed.commands.take():
            try:
                await self._connection.send(msgspec.json.encode(command), text=True)
            except WebSocketException:
                return  # the listener sees the same end, and everything is asked for anew

    def _read_other_way_if_misread(self) -> None:
        if self._feed.misread:
            self._reads_yes_price = not self._reads_yes_price
            self._reader = FrameReader(use_yes_price=self._reads_yes_price)
            logger.error("from now on the no side is read at %s prices", "yes" if self._reads_yes_price else "no")

    def _tell_skew(self) -> None:
        lag_ms = self._feed.least_lag_ms
        if lag_ms is not None and not self._told_skew and not 0 <= lag_ms <= SKEW_MS:
            self._told_skew = True
            logger.warning("frames are received %d ms after they are sent: this machine's clock is off", lag_ms)

    def _now_us(self) -> int:
        return microseconds(self._clock())


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until the event."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
