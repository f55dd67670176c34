"""The exchange's stream while a day is lived: recorded like any recording, and heard at once.

It runs in a thread of its own. Rows come as the recorder lays them down, about every second; the best quotes of a book
are those of its newest message.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pipelines.ingest.recording import LEFT_AFTER
from pipelines.kalshi.book import Book
from pipelines.kalshi.events import STOPPED, TRADES_CHANNEL, Event, Gap, event_known_us
from pipelines.kalshi.messages import Delta, Snapshot
from pipelines.kalshi.recorder import record
from pipelines.kalshi.stream import Sign, Stream, StreamSettings
from pipelines.live.arrivals import Arrival, Moved, Top
from pipelines.live.catalogue import Catalogue
from pipelines.live.feed import FAILURES
from pipelines.live.heard import Heard
from pipelines.live.tape import Tape
from pipelines.payload import Parsed
from warehouse.clock import Clock
from warehouse.lake.layout import LakePaths
from warehouse.market.tickers import parse_market_ticker

logger = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STREAM = ""
_QUOTES = 4
"""So many fields of a top are prices and sizes."""
_LOOK_S = 0.5
_CONNECTING_S = 5.0
_REST_S = 30.0
_CLOSE_S = 10.0


class BookFeed:
    """The books and trades of every listed market, from the stream."""

    name = "books"

    def __init__(
        self,
        url: str,
        *,
        sign: Sign,
        paths: LakePaths,
        catalogue: Catalogue,
        tape: Tape,
        cities: Sequence[str],
        clock: Clock,
        woken: threading.Event,
        stirred: threading.Event,
    ) -> None:
        self.heard = Heard(self.name, (_STREAM,))
        self._url = url
        self._sign = sign
        self._paths = paths
        self._catalogue = catalogue
        self._tape = tape
        self._cities = tuple(cities)
        self._clock = clock
        self._woken = woken
        self._stirred = stirred
        self._lock = threading.Lock()
        self._rows: list[Arrival] = []
        self._tops: dict[str, Top] = {}
        self._moved: set[str] = set()
        self._moved_us: int | None = None
        self._taken_us: int | None = None
        self._looks_in_vain = 0
        self._closed = threading.Event()
        self._stop: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._thread = threading.Thread(target=self._run, name="live-books", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """End the recording in good order."""
        self._closed.set()
        with self._lock:
            if self._stop is not None:
                loop, stop = self._stop
                loop.call_soon_threadsafe(stop.set)
        if self._thread.is_alive():
            self._thread.join(_CLOSE_S)

    def poll(self, now_utc: datetime) -> list[Arrival]:
        """Return the rows that were laid down since."""
        del now_utc  # the stream knows when things came
        with self._lock:
            rows, self._rows = self._rows, []
        return rows

    def delivered(self) -> None:
        """Nothing is promised of rows that came."""

    def tops(self) -> dict[str, Top]:
        """Return the best quotes of every book that can be trusted now."""
        with self._lock:
            return dict(self._tops)

    def shown(self) -> tuple[datetime | None, dict[str, Top]]:
        """Return them, and from when the newest word is known that was read; None where nothing was.

        What was received after that is not in them, however long ago: who reads may be behind who receives.
        """
        with self._lock:
            return None if self._taken_us is None else _instant(self._taken_us), dict(self._tops)

    def moved(self) -> Moved:
        """Return the markets whose best quotes changed since the last time this was asked."""
        with self._lock:
            moved, since_us = frozenset(self._moved), self._moved_us
            self._moved.clear()
            self._moved_us = None
        return Moved(moved, None if since_us is None else _instant(since_us))

    def is_streamed(self, market_ticker: str) -> bool:
        """Tell whether the stream misses nothing of a market now."""
        with self._lock:
            return market_ticker in self._tops

    def _run(self) -> None:
        while not self._closed.is_set():
            tickers = self._followed()
            if not tickers:
                self._closed.wait(_LOOK_S)
                continue
            try:
                asyncio.run(self._listen(tickers))
            except FAILURES as error:
                self._silent(str(error))
            except Exception as error:
                logger.exception("the stream ended by a fault of ours")
                self._silent(f"{type(error).__name__}: {error}")
            self._closed.wait(_REST_S)

    async def _listen(self, tickers: Sequence[str]) -> None:
        stop = asyncio.Event()
        with self._lock:
            self._stop = asyncio.get_running_loop(), stop
        if self._closed.is_set():
            stop.set()
        try:
            await record(
                StreamSettings(url=self._url, market_tickers=tuple(tickers)),
                sign=self._sign,
                paths=self._paths,
                clock=self._clock,
                stop=stop,
                beside=self._follow,
                on_events=self._take,
                on_rows=self._lay,
            )
        finally:
            with self._lock:
                self._stop = None
                self._tops.clear()

    async def _follow(self, stream: Stream) -> None:
        """Keep the stream on what is listed, and see whether it is alive."""
        while True:
            wanted = self._followed()
            await stream.follow([ticker for ticker in wanted if ticker not in stream.books])
            left = [ticker for ticker in stream.books if ticker not in wanted]
            await stream.leave(left)
            self._forget(left)
            self._judge(stream)
            await asyncio.sleep(_LOOK_S)

    def _judge(self, stream: Stream) -> None:
        silent_s = stream.silent_seconds
        self._looks_in_vain = self._looks_in_vain + 1 if silent_s is None else 0
        if silent_s is None:
            if self._looks_in_vain * _LOOK_S > _CONNECTING_S:
                self._silent("there is no connection to the stream")
        elif silent_s <= stream.settings.idle_seconds:
            self.heard.heard(_STREAM, self._clock() - timedelta(seconds=silent_s))

    def _followed(self) -> list[str]:
        """Return the markets of events that are not long over; those that are not open yet are listened to as well."""
        now_utc = self._clock()
        events = self._catalogue.events(cities=self._cities)
        return [
            ticker for event in events if event.closes_utc + LEFT_AFTER > now_utc for ticker in event.market_tickers
        ]

    def _take(self, events: Sequence[Event], stream: Stream) -> None:
        """Take the best quotes of the books that changed; those of a gap are known no longer.

        A book moved when the first word of it was received, however many came with that one.
        """
        changed: dict[str, Event] = {}
        first_us: dict[str, int] = {}
        for event in events:
            said = event.message
            if isinstance(said, Snapshot | Delta):
                changed[said.market_ticker] = event
                first_us.setdefault(said.market_ticker, event.received_us)
            elif isinstance(said, Gap):
                self._miss(said)
        tops = {ticker: _top(stream.books.get(ticker), event) for ticker, event in changed.items()}
        with self._lock:
            self._taken_us = max((self._taken_us or 0, *map(event_known_us, events))) or None
            for ticker, top in tops.items():
                if top is None:
                    self._tops.pop(ticker, None)
                    continue
                before, self._tops[ticker] = self._tops.get(ticker), top
                if before is None or before[:_QUOTES] != top[:_QUOTES]:
                    self._moved.add(ticker)
                    self._moved_us = self._moved_us or first_us[ticker]
            if self._moved:
                self._stirred.set()
        self._woken.set()

    def _miss(self, gap: Gap) -> None:
        self._forget(gap.market_tickers)
        if gap.channel == TRADES_CHANNEL and gap.cause != STOPPED:
            for ticker in gap.market_tickers:
                city = parse_market_ticker(ticker).event.city
                if city is not None:
                    self._tape.mark(city.key, ticker, self._clock())

    def _forget(self, market_tickers: Sequence[str]) -> None:
        with self._lock:
            for ticker in market_tickers:
                self._tops.pop(ticker, None)

    def _lay(self, rows: Sequence[Parsed]) -> None:
        arrivals = [Arrival.of(parsed, None) for parsed in rows]
        with self._lock:
            self._rows += arrivals
        self._woken.set()

    def _silent(self, why: str) -> None:
        self.heard.failed(_STREAM, why)
        with self._lock:
            self._tops.clear()


def _top(book: Book | None, event: Event) -> Top | None:
    if book is None or not book.live:
        return None
    return Top(
        book.best_bid_ticks,
        book.best_bid_centi,
        book.best_ask_ticks,
        book.best_ask_centi,
        _instant(event_known_us(event)),
    )


def _instant(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
