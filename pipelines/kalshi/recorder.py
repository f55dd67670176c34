"""Recording a stream: what comes is on the disk within a second, so a kill loses at most the last one.

Rows go to `hot/books` and `hot/trades` in small files; a publish folds them in. Whatever is missing is marked: frames
that never came, a connection that was lost, a recorder that died. Trades that are missing are fetched by REST.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime

from pipelines.kalshi.book_rows import rows_of
from pipelines.kalshi.events import Counts, Event
from pipelines.kalshi.recordings import Recording, close_abandoned
from pipelines.kalshi.stream import Sign, Stream, StreamSettings
from pipelines.payload import Parsed
from warehouse.clock import Clock, utc_now
from warehouse.errors import Usage
from warehouse.lake.hot import HotArea
from warehouse.lake.layout import LakePaths
from warehouse.lake.quarantine import put_in_quarantine
from warehouse.lake.tables import BOOKS, TRADES
from warehouse.market.tickers import parse_market_ticker

logger = logging.getLogger(__name__)

FLUSHES_PER_FILE = 60
"""After so many flushes their files become one: a day leaves thousands of files, not a hundred thousand."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a recorder has done so far; `rows` are on the disk. `gaps_closed` were left by recorders that died."""

    book_rows: int = 0
    trade_rows: int = 0
    refused_rows: int = 0
    flushes: int = 0
    gaps_closed: int = 0
    live_books: int = 0
    least_lag_ms: int | None = None
    counts: Counts | None = None


OnProgress = Callable[[Progress], None]


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
) -> Progress:
    """Record until told to stop (the event, an instant, SIGINT or SIGTERM); return what was recorded."""
    _require_own_markets(settings.market_tickers)
    stop = stop or asyncio.Event()
    closed = close_abandoned(paths)
    writer = _Writer(paths, clock=clock, gaps_closed=closed)
    try:
        with _stopped_by_signals(stop):
            async with Stream(settings, sign=sign, clock=clock) as stream:
                stopping = asyncio.create_task(_stop_stream(stop, stream, until=until, clock=clock))
                try:
                    await _pump(stream, writer, flush_seconds, flush_events, on_progress)
                finally:
                    stopping.cancel()
    except BaseException:
        writer.abandon()
        raise
    writer.close()
    return writer.progress


async def _pump(
    stream: Stream, writer: _Writer, flush_seconds: float, flush_events: int, on_progress: OnProgress
) -> None:
    """Take events and flush them, in another thread: meanwhile frames are read, and wait within the stream's limit."""
    pending: list[Event] = []
    flush_at_s = time.monotonic() + flush_seconds
    try:
        while (events := await stream.next_batch(timeout_seconds=flush_at_s - time.monotonic())) is not None:
            pending += events
            if time.monotonic() < flush_at_s and len(pending) < flush_events:
                continue
            taken, pending = pending, []
            await asyncio.to_thread(writer.flush, taken, tuple(stream.books))
            flush_at_s = time.monotonic() + flush_seconds
            on_progress(writer.seen(stream))
    finally:
        writer.flush(pending, tuple(stream.books))
        on_progress(writer.seen(stream))


class _Writer:
    """Lays events down in the hot area as rows; what is no row goes to quarantine."""

    def __init__(self, paths: LakePaths, *, clock: Clock, gaps_closed: int) -> None:
        self._recording = Recording(paths, clock=clock)
        self._area = HotArea(paths)
        self._clock = clock
        self.progress = Progress(gaps_closed=gaps_closed)

    def flush(self, events: Sequence[Event], market_tickers: Sequence[str]) -> None:
        """Write events; when this returns they are on the disk."""
        if not events:
            return
        self._recording.note(events, market_tickers)
        books, trades = rows_of(events, sid_of=self._recording.sid_of)
        for parsed in (books, trades):
            self._write(parsed)
        flushes = self.progress.flushes + 1
        self.progress = replace(
            self.progress,
            book_rows=self.progress.book_rows + books.frame.height,
            trade_rows=self.progress.trade_rows + trades.frame.height,
            refused_rows=self.progress.refused_rows + books.refused.height + trades.refused.height,
            flushes=flushes,
        )
        if not flushes % FLUSHES_PER_FILE:
            self._merge()

    def seen(self, stream: Stream) -> Progress:
        """Return the progress, with what the stream says of itself."""
        live = sum(book.live for book in stream.books.values())
        self.progress = replace(
            self.progress, live_books=live, least_lag_ms=stream.least_lag_ms, counts=replace(stream.counts)
        )
        return self.progress

    def close(self) -> None:
        """Merge what was written and leave."""
        self._merge()
        self._recording.close()

    def abandon(self) -> None:
        """Leave what is written, and the marks of the gaps to the next recorder."""
        self._recording.abandon()

    def _write(self, parsed: Parsed) -> None:
        if parsed.refused.height:
            put_in_quarantine(
                self._area.paths, table=parsed.table.name, run_id=self._recording.name, refused=parsed.refused
            )
        if parsed.frame.height:
            self._area.append(parsed.table, parsed.frame, name=self._name("part"))

    def _merge(self) -> None:
        for table in (BOOKS, TRADES):
            self._area.merge(
                table,
                prefix=f"{self._recording.name}-part",
                name=self._name("merged"),
                run_id=self._recording.name,
            )

    def _name(self, kind: str) -> str:
        return f"{self._recording.name}-{kind}-{self.progress.flushes:08d}"


async def _stop_stream(stop: asyncio.Event, stream: Stream, *, until: datetime | None, clock: Clock) -> None:
    seconds = None if until is None else (until - clock()).total_seconds()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    stream.stop()


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
