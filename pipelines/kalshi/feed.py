"""What a stream of frames means: which came twice, what is missing, which books can be trusted, what to ask for.

No input or output, no clock: frames and ticks (one a second) go in; events, and commands to send, are collected. Each
subscription counts its frames over all its markets. A number that is missing makes all its books stale; each is live
again with its next snapshot.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from pipelines.kalshi.book import Book
from pipelines.kalshi.commands import Commands
from pipelines.kalshi.events import BOOKS_CHANNEL, TRADES_CHANNEL, Counts, Event, Gap
from pipelines.kalshi.levels import Levels
from pipelines.kalshi.messages import Damaged, Delta, Frame, Lifecycle, Quote, Reply, Snapshot, TapeTrade
from warehouse.market.money import TICKS_PER_DOLLAR

logger = logging.getLogger(__name__)

PATIENCE_TICKS = 5
"""How long an answer is waited for before it is asked for again."""

ASKS = 3
"""How often one snapshot is asked for before the connection is given up."""

CROSSED_TICKS = 2
"""How long a book may stay crossed: within one match its changes may come in any order."""

REPEATS = 100
"""So many old numbers in a row are no repeats: the count began anew without a word."""

TERMINAL_CODES = (10, 25)
"""Channel error and buffer overflow: the subscription is over."""

_TIMED_OUT = 18


class Subscription:
    """One numbered line of frames: its last number, and the markets whose snapshot is still awaited."""

    __slots__ = ("again", "asked", "asks", "awaiting", "channel", "last_seq", "number", "repeats", "sid", "waited")

    def __init__(self, *, number: int, sid: int, channel: str) -> None:
        self.number, self.sid, self.channel = number, sid, channel
        self.last_seq: int | None = None
        self.repeats = self.waited = self.asks = 0
        self.awaiting: set[str] = set()
        self.asked = self.again = False


class Feed:
    """The state of one stream over all its connections. `use_yes_price` is what the exchange is asked for."""

    def __init__(
        self,
        market_tickers: Iterable[str] = (),
        *,
        channels: Sequence[str] = (BOOKS_CHANNEL, TRADES_CHANNEL),
        use_yes_price: bool = True,
        adopts: bool = False,
    ) -> None:
        self.books: dict[str, Book] = {ticker: Book() for ticker in market_tickers}
        self.counts = Counts()
        self.commands = Commands(use_yes_price=use_yes_price)
        self.failed: str | None = None
        self.refused: str | None = None
        self.misread = False
        self.least_lag_ms: int | None = None
        self._channels = tuple(channels)
        self._adopts = adopts
        self._events: list[Event] = []
        self._subs: dict[int, Subscription] = {}
        self._begun = 0
        self._crossed: dict[str, int] = {}
        self._convention_proven = False

    @property
    def is_live(self) -> bool:
        """True when every book has its snapshot and nothing was missed since."""
        return all(book.live for book in self.books.values())

    def drain(self) -> list[Event]:
        """Hand over the events since the last call, in their order."""
        events, self._events = self._events, []
        return events

    def connect(self) -> None:
        """Begin a new connection: all subscriptions are to be made anew."""
        self._subs.clear()
        self.commands.clear()
        self._crossed.clear()
        self.failed = None
        self.misread = self._convention_proven = False
        self.least_lag_ms = None
        self.counts.connections += 1
        self.commands.subscribe(self._channels, self.books)

    def disconnect(self, received_us: int, cause: str) -> None:
        """End the connection: whatever comes next is missing, on every subscription."""
        for sub in list(self._subs.values()):
            self._end(sub, received_us, cause)

    def add(self, market_tickers: Iterable[str]) -> None:
        """Follow more markets; their snapshots come, or are asked for."""
        new = [ticker for ticker in market_tickers if ticker not in self.books]
        self.books |= {ticker: Book() for ticker in new}
        for sub in self._subs.values():
            self.commands.update(sub.sid, "add_markets", new)
            if sub.channel == BOOKS_CHANNEL:
                sub.awaiting.update(new)

    def remove(self, market_tickers: Iterable[str], received_us: int) -> None:
        """Follow some markets no longer."""
        gone = [ticker for ticker in market_tickers if self.books.pop(ticker, None) is not None]
        for sub in self._subs.values():
            self.commands.update(sub.sid, "delete_markets", gone)
            sub.awaiting.difference_update(gone)
            if sub.channel == BOOKS_CHANNEL and gone and sub.last_seq is not None:
                # The next number may be another market's: of this one nothing is kept any more, so its place is free.
                gap = Gap(sub.last_seq + 1, sub.channel, tuple(sorted(gone)), "followed no longer")
                self._events.append(Event(received_us, sub.number, gap))

    def take(self, frame: Frame, received_us: int) -> None:
        """Take in one frame."""
        self.counts.frames += 1
        if frame.sending_ts_ms is not None:
            self._measure_lag(received_us // 1000 - frame.sending_ts_ms)
        sub = None
        if frame.seq is not None and frame.sid is not None:
            sub = self._subs.get(frame.sid) or self._adopt(frame, frame.sid)
            last = sub.last_seq
            if last is not None and frame.seq != last + 1:
                if frame.seq <= last:
                    self._repeat(sub)
                    return
                self._gap(sub, received_us, last + 1, f"{frame.seq - last - 1} frames are missing")
            sub.last_seq, sub.repeats = frame.seq, 0
        if sub is not None and type(frame) is Delta:
            self._delta(sub, frame, received_us)
        elif sub is not None and type(frame) is Snapshot:
            self._snapshot(sub, frame, received_us)
        elif isinstance(frame, Reply):
            self._reply(frame, received_us)
        elif isinstance(frame, Damaged):
            self._damaged(sub, frame, received_us)
        elif isinstance(frame, TapeTrade | Quote | Lifecycle):
            self._events.append(Event(received_us, sub.number if sub else 0, frame))

    def tick(self) -> None:
        """Let a second pass: ask again for what did not come, and give up what does not come at all."""
        for sub in self._subs.values():
            self._wait_for_snapshots(sub)
        if unanswered := self.commands.tick(PATIENCE_TICKS * ASKS):
            self._fail(f"no answer to the subscription of {unanswered}")
        self._watch_crossed()

    def _wait_for_snapshots(self, sub: Subscription) -> None:
        again, sub.asked, sub.again = sub.again, False, False
        if not sub.awaiting:
            sub.waited = sub.asks = 0
            return
        if again:
            self._ask_snapshots(sub)
        sub.waited += 1
        if sub.waited % PATIENCE_TICKS:
            return
        sub.asks += 1
        if sub.asks > ASKS:
            self._fail(f"no snapshot came for {len(sub.awaiting)} markets")
        else:
            self._ask_snapshots(sub)

    def _watch_crossed(self) -> None:
        crossed = [ticker for ticker, book in self.books.items() if book.live and book.is_crossed]
        self._crossed = {ticker: self._crossed.get(ticker, 0) + 1 for ticker in crossed}
        for ticker, ticks in self._crossed.items():
            if ticks > CROSSED_TICKS:
                self.counts.crossed += 1
                self._fail(f"the book of {ticker} stays crossed")

    def _adopt(self, frame: Frame, sid: int) -> Subscription:
        """Begin a subscription with its first frame, where the answer to the command was not seen."""
        if isinstance(frame, Snapshot | Delta):
            return self._begin(sid, BOOKS_CHANNEL)
        return self._begin(sid, TRADES_CHANNEL if isinstance(frame, TapeTrade) else "")

    def _begin(self, sid: int, channel: str) -> Subscription:
        self._begun += 1
        sub = self._subs[sid] = Subscription(number=self._begun, sid=sid, channel=channel)
        if channel == BOOKS_CHANNEL:
            sub.awaiting.update(self.books)
        return sub

    def _subscribed(self, frame: Reply, sid: int, sub: Subscription | None) -> None:
        if sub is None:
            sub = self._begin(sid, frame.channel)
        elif not sub.channel:
            sub.channel = frame.channel
            sub.awaiting.update(self.books if frame.channel == BOOKS_CHANNEL else ())
        asked = self.commands.answered(frame.command_id, frame.channel)
        if asked is not None:
            self.commands.update(sid, "add_markets", sorted(self.books.keys() - asked))

    def _end(self, sub: Subscription, received_us: int, cause: str) -> None:
        if sub.last_seq is not None:
            self._gap(sub, received_us, sub.last_seq + 1, cause, ends=True)
        del self._subs[sub.sid]
        self.counts.ended += 1

    def _gap(self, sub: Subscription, received_us: int, seq: int, cause: str, *, ends: bool = False) -> None:
        self.counts.gaps += 1
        tickers = tuple(sorted(self.books))
        self._events.append(Event(received_us, sub.number, Gap(seq, sub.channel, tickers, cause, ends)))
        logger.warning("%s subscription %d has a gap from number %d: %s", sub.channel, sub.sid, seq, cause)
        if sub.channel != BOOKS_CHANNEL:
            return
        for book in self.books.values():
            book.live = False
        sub.awaiting.update(tickers)
        if not ends:
            self._ask_snapshots(sub)

    def _repeat(self, sub: Subscription) -> None:
        self.counts.repeats += 1
        sub.repeats += 1
        if sub.repeats > REPEATS:
            self._fail(f"subscription {sub.sid} counts from the beginning")

    def _delta(self, sub: Subscription, frame: Delta, received_us: int) -> None:
        book = self._book(frame.market_ticker)
        if book is None:
            return
        if book.live and not book.apply(frame.side, frame.price_ticks, frame.delta_centi):
            self.counts.defects += 1
            self._doubt(sub, frame.seq, received_us, frame.market_ticker, "a level had less than was taken from it")
            return
        self._events.append(Event(received_us, sub.number, frame))

    def _snapshot(self, sub: Subscription, frame: Snapshot, received_us: int) -> None:
        book = self._book(frame.market_ticker)
        if book is None:
            return
        book.reset(frame.levels)
        sub.awaiting.discard(frame.market_ticker)
        crossed_otherwise = _is_crossed_otherwise(frame.levels)
        if not book.is_crossed:
            self._convention_proven |= crossed_otherwise
            self._events.append(Event(received_us, sub.number, frame))
            return
        self.counts.crossed += 1
        book.live = False
        self.misread = not crossed_otherwise and not self._convention_proven
        why = "the no side comes at other prices than were asked for" if self.misread else "it is damaged"
        cause = f"the snapshot of {frame.market_ticker} is crossed: {why}"
        gap = Gap(frame.seq, sub.channel, (frame.market_ticker,), cause)
        self._events.append(Event(received_us, sub.number, gap))
        self._fail(cause)

    def _doubt(self, sub: Subscription, seq: int, received_us: int, ticker: str, cause: str) -> None:
        """Put the mark of a gap in the place of a frame, for one market."""
        self.counts.gaps += 1
        logger.error("the book of %s is in doubt: %s", ticker, cause)
        self.books[ticker].live = False
        sub.awaiting.add(ticker)
        self._events.append(Event(received_us, sub.number, Gap(seq, sub.channel, (ticker,), cause)))
        self._ask_snapshots(sub)

    def _damaged(self, sub: Subscription | None, frame: Damaged, received_us: int) -> None:
        self.counts.damaged += 1
        self._events.append(Event(received_us, sub.number if sub else 0, frame))
        if sub is None or frame.seq is None or sub.channel != BOOKS_CHANNEL:
            return
        if frame.market_ticker in self.books:
            self._doubt(sub, frame.seq, received_us, frame.market_ticker, frame.rule)
        else:
            self._gap(sub, received_us, frame.seq, frame.rule)

    def _reply(self, frame: Reply, received_us: int) -> None:
        sub = None if frame.sid is None else self._subs.get(frame.sid)
        if frame.kind == "subscribed" and frame.sid is not None:
            self._subscribed(frame, frame.sid, sub)
        elif frame.kind == "unsubscribed" and sub is not None:
            self._end(sub, received_us, "the exchange ended the subscription")
            self.commands.subscribe((sub.channel,), self.books)
        elif frame.kind == "error":
            self._error(frame, sub, received_us)

    def _error(self, frame: Reply, sub: Subscription | None, received_us: int) -> None:
        said = f"error {frame.code} {frame.text!r}"
        if frame.code in TERMINAL_CODES and sub is not None:
            self._end(sub, received_us, said)
            self.commands.subscribe((sub.channel,), self.books)
            return
        if frame.code not in (*TERMINAL_CODES, _TIMED_OUT) and self.commands.awaits(frame.command_id):
            self.refused = said  # the subscription itself is wrong: asking again changes nothing
        self._fail(said)

    def _book(self, ticker: str) -> Book | None:
        book = self.books.get(ticker)
        if book is None and self._adopts:
            book = self.books[ticker] = Book()
        return book

    def _fail(self, why: str) -> None:
        if self.failed is None:
            logger.error("the connection is given up: %s", why)
        self.failed = self.failed or why

    def _ask_snapshots(self, sub: Subscription) -> None:
        """Ask for what is awaited, once in a second: on a bad line each answer may be the next gap."""
        if sub.asked:
            sub.again = True
            return
        sub.asked = True
        self.commands.update(sub.sid, "get_snapshot", sorted(sub.awaiting))

    def _measure_lag(self, lag_ms: int) -> None:
        if self.least_lag_ms is None or lag_ms < self.least_lag_ms:
            self.least_lag_ms = lag_ms


def _is_crossed_otherwise(levels: Levels) -> bool:
    """Tell whether the book would be crossed had the no side been meant at the other leg's prices."""
    if not levels.bid_prices_ticks or not levels.ask_prices_ticks:
        return False
    return max(levels.bid_prices_ticks) >= TICKS_PER_DOLLAR - max(levels.ask_prices_ticks)
