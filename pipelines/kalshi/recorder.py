"""Recording a stream: what comes is on the disk within a second, so a kill loses at most the last one.

Rows go to `hot/books` and `hot/trades` in small files; a publish folds them in. Whatever is missing is marked: frames
that never came, a connection that was lost, a recorder that died, a disk that had no room for too long. Trades that are
missing are told in quarantine, with the instants between which `kwx ingest trades` fetches them.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime

from pipelines.kalshi.events import Event
from pipelines.kalshi.recordings import close_abandoned
from pipelines.kalshi.stream import Sign, Stream, StreamSettings
from pipelines.kalshi.writer import OnRows, Progress, Writer
from warehouse.clock import Clock, utc_now
from warehouse.errors import Usage
from warehouse.lake.layout import LakePaths
from warehouse.market.tickers import parse_market_ticker

logger = logging.getLogger(__name__)

OnProgress = Callable[[Progress], None]

OnEvents = Callable[[Sequence[Event], Stream], None]
"""Hears of events at once, before they are written; it is called where frames are read, so it must be quick."""

Beside = Callable[[Stream], Awaitable[None]]
"""What goes on beside a recording, such as following new markets; it is cancelled at the end."""


async def record(
    settings: StreamSettings,
    *,
    sign: Sign,
    paths: LakePaths,
    clock: Clock = utc_now,
    flush_seconds: float = 1.0,
    flush_events: int = 20_000,
    until: datetime | None = None,
    stop: asyncio.Event | None = None,
    on_progress: OnProgress = lambda progress: None,
    beside: Beside | None = None,
    on_events: OnEvents = lambda events, stream: None,
    on_rows: OnRows = lambda rows: None,
) -> Progress:
    """Record until told to stop (the event, an instant, SIGINT or SIGTERM); return what was recorded."""
    _require_own_markets(settings.market_tickers)
    stop = stop or asyncio.Event()
    closed = close_abandoned(paths)
    writer = Writer(paths, clock=clock, gaps_closed=closed, rows_kept=settings.queue_limit, on_rows=on_rows)
    try:
        with _stopped_by_signals(stop):
            async with (
                Stream(settings, sign=sign, clock=clock) as stream,
                _running(_stop_stream(stop, stream, until=until, clock=clock), beside and beside(stream)),
            ):
                await _pump(stream, writer, flush_seconds, flush_events, on_progress, on_events)
        writer.close()
    except BaseException:
        writer.abandon()
        raise
    return writer.progress


async def _pump(
    stream: Stream,
    writer: Writer,
    flush_seconds: float,
    flush_events: int,
    on_progress: OnProgress,
    on_events: OnEvents,
) -> None:
    """Take events and tell of them as they come, and flush them beside it."""
    flushing = _Flushing(stream, writer, flush_seconds, flush_events, on_progress)
    try:
        while (events := await stream.next_batch(timeout_seconds=flushing.due_in_s)) is not None:
            on_events(events, stream)
            await flushing.take(events)
    finally:
        await flushing.end()


class _Flushing:
    """Flushes in another thread, one after the other; events go on to be told of, so a slow disk delays nobody.

    Beyond so many events they are taken no more, and wait within the stream's limit until the flush is through.
    """

    def __init__(
        self, stream: Stream, writer: Writer, every_s: float, most_events: int, on_progress: OnProgress
    ) -> None:
        self._stream = stream
        self._writer = writer
        self._every_s = every_s
        self._most_events = most_events
        self._on_progress = on_progress
        self._pending: list[Event] = []
        self._at_s = time.monotonic() + every_s
        self._under_way: asyncio.Task[None] | None = None

    @property
    def due_in_s(self) -> float:
        """In how many seconds somebody should look again, whether events come or not."""
        return self._every_s if self._under_way is not None else self._at_s - time.monotonic()

    async def take(self, events: Sequence[Event]) -> None:
        """Take events, and begin a flush where one is due."""
        self._pending += events
        is_full = len(self._pending) >= self._most_events
        if self._under_way is not None and (is_full or self._under_way.done()):
            await self._finish(self._under_way)
        if self._under_way is None and (is_full or time.monotonic() >= self._at_s):
            self._begin()

    async def end(self) -> None:
        """Flush what is left, once the flush under way is through; what went wrong in that is raised after it."""
        last = self._under_way
        if last is not None:
            await asyncio.wait([last])
        self._writer.flush(self._pending, tuple(self._stream.books), reads_yes_price=self._stream.reads_yes_price)
        self._on_progress(self._writer.seen(self._stream))
        if last is not None:
            last.result()

    def _begin(self) -> None:
        taken, self._pending = self._pending, []
        self._at_s = time.monotonic() + self._every_s
        self._under_way = asyncio.create_task(
            asyncio.to_thread(
                self._writer.flush, taken, tuple(self._stream.books), reads_yes_price=self._stream.reads_yes_price
            )
        )

    async def _finish(self, flush: asyncio.Task[None]) -> None:
        self._under_way = None
        await flush
        if self._writer.take_loss():
            self._stream.give_up("rows were lost for want of room on the disk")
        self._on_progress(self._writer.seen(self._stream))


async def _stop_stream(stop: asyncio.Event, stream: Stream, *, until: datetime | None, clock: Clock) -> None:
    seconds = None if until is None else (until - clock()).total_seconds()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    stream.stop()


@asynccontextmanager
async def _running(*several: Awaitable[None] | None) -> AsyncIterator[None]:
    """Let things go on beside; they end with what is within."""
    tasks = [asyncio.ensure_future(one) for one in several if one is not None]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                logger.error("what went on beside the recording ended: %s", ended)


@contextmanager
def _stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the recording in good order; only a main thread may hear them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    heard = (signal.SIGINT, signal.SIGTERM)
    for number in heard:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in heard:
            loop.remove_signal_handler(number)


def _require_own_markets(market_tickers: Sequence[str]) -> None:
    foreign = [ticker for ticker in market_tickers if parse_market_ticker(ticker).event.city is None]
    if foreign or not market_tickers:
        raise Usage(
            f"{foreign[0]!r} is of no city in the registry" if foreign else "there is no market to record",
            hint="say markets of daily highs, such as KXHIGHCHI-26OCT04-B72.5",
        )
