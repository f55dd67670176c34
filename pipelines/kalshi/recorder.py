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
    """Take events and flush them, in another thread: meanwhile frames are read, and wait within the stream's limit."""
    pending: list[Event] = []
    flush_at_s = time.monotonic() + flush_seconds
    try:
        while (events := await stream.next_batch(timeout_seconds=flush_at_s - time.monotonic())) is not None:
            on_events(events, stream)
            pending += events
            if time.monotonic() < flush_at_s and len(pending) < flush_events:
                continue
            taken, pending = pending, []
            await asyncio.to_thread(writer.flush, taken, tuple(stream.books), reads_yes_price=stream.reads_yes_price)
            if writer.take_loss():
                stream.give_up("rows were lost for want of room on the disk")
            flush_at_s = time.monotonic() + flush_seconds
            on_progress(writer.seen(stream))
    finally:
        writer.flush(pending, tuple(stream.books), reads_yes_price=stream.reads_yes_price)
        on_progress(writer.seen(stream))


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
