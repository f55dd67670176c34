"""What a stream of frames means: which came twice, what is missing, which books can be trusted, what to ask for.

No input or output, no clock: frames and ticks (one a second) go in; events, and commands to send, are collected. Each
subscription counts its frames over all its markets. A number that is missing makes all its books stale; each is live
again with its next snapshot.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from pipelines.kalshi.book import Book
from pipelines.kalshi.events import BOOKS_CHANNEL, TRADES_CHANNEL, Counts, Event, Gap
from pipelines.kalshi.following import PASSING_CODES, TERMINAL_CODES, Following
from pipelines.kalshi.held import Held
from pipelines.kalshi.levels import is_crossed_otherwise
from pipelines.kalshi.messages import (
    Damaged,
    Delta,
    Frame,
    Reply,
    Snapshot,
    TapeTrade,
    from_the_future,
    known_us,
)
from pipelines.kalshi.own import Own
from pipelines.kalshi.subscriptions import ASKS, PATIENCE_TICKS, Subscription

logger = logging.getLogger(__name__)

CROSSED_TICKS = 2
"""How long a book may stay crossed: within one match its changes may come in any order."""

REPEATS = 100
"""So many old numbers in a row are no repeats: the count began anew without a word."""

FUTURE_US = 86_400 * 10**6
"""A stamp that is later than its receipt by more than a day is no stamp."""


class Feed:
    """The state of one stream over all its connections. `use_yes_price` is what the exchange is asked for."""

    def __init__(
        self,
        market_tickers: Iterable[str] = (),
        *,
        channels: Sequence[str] = (BOOKS_CHANNEL, TRADES_CHANNEL),
        private_channels: Sequence[str] = (),
        use_yes_price: bool = True,
        adopts: bool = False,
    ) -> None:
        self.books: dict[str, Book] = {ticker: Book() for ticker in market_tickers}
        self.counts = Counts()
        self.failed: str | None = None
        self.refused: str | None = None
        self.misread = False
        self.has_told_a_book = False
        self.least_lag_ms: int | None = None
        self._following = Following(
            self.books, channels=channels, private_channels=private_channels, use_yes_price=use_yes_price
        )
        self.commands = self._following.commands
        self._subs = self._following.subs
        self._adopts = adopts
        self._events: list[Event] = []
        self._crossed: dict[str, int] = {}
        self._held = Held()

    @property
    def is_live(self) -> bool:
        """True when every book has its snapshot and nothing was missed since."""
        return all(book.live for book in self.books.values())

    def drain(self) -> list[Event]:
        """Hand over the events since the last call, in their order; no books while it is open how they are read."""
        events, self._events = self._events, []
        return self._held.let_through(events)

    def connect(self) -> None:
        """Begin a new connection: all subscriptions are to be made anew."""
        self._crossed.clear()
        self.failed = None
        self.misread = self.has_told_a_book = False
        self._held = Held(place=len(self._events), holds=True)
        self.least_lag_ms = None
        self.counts.connections += 1
        self._following.connect()

    def disconnect(self, received_us: int, cause: str) -> None:
        """End the connection: whatever comes next is missing, on every subscription."""
        for sub in list(self._subs.values()):
            self._end(sub, received_us, cause)
        self._held.holds = False
        self._events = self._held.let_through(self._events)

    def add(self, market_tickers: Iterable[str]) -> None:
        """Follow more markets; their snapshots come, or are asked for."""
        new = [ticker for ticker in dict.fromkeys(market_tickers) if ticker not in self.books]
        self.books.update((ticker, Book()) for ticker in new)
        if new:
            self._following.add(new)

    def remove(self, market_tickers: Iterable[str], received_us: int) -> None:
        """Follow some markets no longer."""
        gone = [ticker for ticker in market_tickers if self.books.pop(ticker, None) is not None]
        for sub in self._subs.values():
            left = self._following.leave(sub, gone)
            if sub.channel == BOOKS_CHANNEL and left and sub.last_seq is not None:
                # The next number may be another market's: of this one nothing is kept any more, so its place is free.
                self._mark(sub, received_us, sub.last_seq + 1, left, "followed no longer")

    def take(self, frame: Frame, received_us: int) -> None:
        """Take in one frame."""
        self.counts.frames += 1
        latest_us = known_us(frame, received_us)
        if latest_us > received_us + FUTURE_US:
            frame, latest_us = from_the_future(frame), received_us
        elif frame.sending_ts_ms is not None:
            self._measure_lag(received_us // 1000 - frame.sending_ts_ms)
        sub = None
        if frame.seq is not None and frame.sid is not None:
            sub = self._subs.get(frame.sid) or self._adopt(frame, frame.sid)
            last = sub.last_seq
            if last is not None and frame.seq != last + 1:
                if frame.seq <= last:
                    self._old(sub, frame, frame.seq)
                    return
                self._gap(sub, sub.doubted_us or received_us, last + 1, f"{frame.seq - last - 1} frames are missing")
            sub.counted(frame, frame.seq, latest_us)
        if self._held.holds:
            self._held.frame()
        self._mean(frame, sub, received_us)

    def _mean(self, frame: Frame, sub: Subscription | None, received_us: int) -> None:
        if sub is not None and type(frame) is Delta:
            self._delta(sub, frame, received_us)
        elif sub is not None and type(frame) is Snapshot:
            self._snapshot(sub, frame, received_us)
        elif isinstance(frame, TapeTrade | Own):
            self._events.append(Event(received_us, sub.number if sub else 0, frame))
        elif isinstance(frame, Reply):
            self._reply(frame, received_us)
        elif isinstance(frame, Damaged):
            self._damaged(sub, frame, received_us)

    def tick(self) -> None:
        """Let a second pass: ask again for what did not come, and give up what does not come at all."""
        self._held.tick()
        for sub in self._subs.values():
            self._wait_for_snapshots(sub)
        if unanswered := self.commands.tick(PATIENCE_TICKS * ASKS):
            self.give_up(f"no answer to the subscription of {unanswered}")
        self._watch_crossed()

    def _wait_for_snapshots(self, sub: Subscription) -> None:
        if sub.is_minute():
            self.commands.update(sub.sid, "get_snapshot", sorted(sub.given_up))
        wanted = sub.tick()
        if wanted == "ask":
            self._ask_snapshots(sub)
        elif wanted == "enough" and self._has_live(sub):
            self._give_up_markets(sub)
        elif wanted == "enough":
            self.give_up(f"no snapshot came for {len(sub.awaiting)} markets")

    def _has_live(self, sub: Subscription) -> bool:
        """Tell whether a line is of use without the snapshots that do not come; one of a single market cannot tell."""
        return any(self.books[ticker].live for ticker in (sub.markets if len(sub.markets) > 1 else self.books))

    def _give_up_markets(self, sub: Subscription) -> None:
        """Let markets be that are not told, so that they do not keep the others away; their books stay unknown."""
        tickers, sub.awaiting = sorted(sub.awaiting), set()
        sub.given_up.update(tickers)
        sub.waited = sub.asks = 0
        cause = "no snapshot came; it is asked for once a minute"
        logger.error("%s and %d more are given up: %s", tickers[0], len(tickers) - 1, cause)
        # The place of the last number is free for every market but the one that it told of.
        others = [ticker for ticker in tickers if ticker != sub.last_ticker]
        if sub.last_seq is not None:
            self._mark(sub, sub.latest_us, sub.last_seq, others, cause)

    def _watch_crossed(self) -> None:
        crossed = [ticker for ticker, book in self.books.items() if book.live and book.is_crossed]
        self._crossed = {ticker: self._crossed.get(ticker, 0) + 1 for ticker in crossed}
        for ticker, ticks in self._crossed.items():
            if ticks > CROSSED_TICKS:
                self.counts.crossed += 1
                self.give_up(f"the book of {ticker} stays crossed")

    def _adopt(self, frame: Frame, sid: int) -> Subscription:
        """Begin a subscription with its first frame, where the answer to the command was not seen."""
        if isinstance(frame, Snapshot | Delta):
            return self._following.begin(sid, BOOKS_CHANNEL)
        return self._following.begin(sid, TRADES_CHANNEL if isinstance(frame, TapeTrade) else "")

    def _end(self, sub: Subscription, received_us: int, cause: str) -> None:
        if sub.last_seq is not None:
            self._gap(sub, received_us, sub.last_seq + 1, cause, ends=True)
        del self._subs[sub.sid]
        self.counts.ended += 1

    def _gap(self, sub: Subscription, received_us: int, seq: int, cause: str, *, ends: bool = False) -> None:
        self.counts.gaps += 1
        self._mark(sub, received_us, seq, sub.markets, cause, ends=ends)
        logger.warning("%s subscription %d has a gap from number %d: %s", sub.channel, sub.sid, seq, cause)
        self._make_stale(sub)
        if not ends:
            self._ask_snapshots(sub)

    def _mark(
        self, sub: Subscription, received_us: int, seq: int, tickers: Iterable[str], cause: str, *, ends: bool = False
    ) -> None:
        """Put the mark of a gap in a place, once for each market; it is known after everything before it."""
        marked = sub.unmarked(seq, tickers)
        if marked or ends:
            gap = Gap(seq, sub.channel, marked, cause, ends, sub.latest_us)
            self._events.append(Event(max(received_us, sub.latest_us), sub.number, gap))

    def _make_stale(self, sub: Subscription) -> None:
        if sub.channel != BOOKS_CHANNEL:
            return
        for ticker in sub.markets & self.books.keys():
            self.books[ticker].live = False
        sub.awaiting.update(sub.markets - sub.given_up)

    def _old(self, sub: Subscription, frame: Frame, seq: int) -> None:
        """Drop a repeat; a count that began anew ends the connection: nothing tells its books from the old ones."""
        self.counts.repeats += 1
        sub.repeats += 1
        if sub.repeats > REPEATS or sub.judge_old(frame, seq) == "restart":
            self.give_up(f"subscription {sub.sid} counts from the beginning")

    def _delta(self, sub: Subscription, frame: Delta, received_us: int) -> None:
        book = self._book(sub, frame.market_ticker)
        if book is None:
            return
        if book.live and not book.apply(frame.side, frame.price_ticks, frame.delta_centi):
            self.counts.defects += 1
            self._doubt(sub, frame.seq, received_us, frame.market_ticker, "a level had less than was taken from it")
            return
        self._events.append(Event(received_us, sub.number, frame))

    def _snapshot(self, sub: Subscription, frame: Snapshot, received_us: int) -> None:
        book = self._book(sub, frame.market_ticker)
        if book is None:
            return
        book.reset(frame.levels)
        sub.awaiting.discard(frame.market_ticker)
        sub.given_up.discard(frame.market_ticker)
        crossed_otherwise = is_crossed_otherwise(frame.levels)
        if not book.is_crossed:
            self.has_told_a_book = True
            self._events.append(Event(received_us, sub.number, frame))
            if crossed_otherwise:
                self._held.prove()
            return
        self.counts.crossed += 1
        book.live = False
        self.misread = not crossed_otherwise and not self._held.is_proven
        why = "the no side comes at other prices than were asked for" if self.misread else "it is damaged"
        cause = f"the snapshot of {frame.market_ticker} is crossed: {why}"
        if self.misread:
            self._take_back(received_us, cause)
        self._mark(sub, received_us, frame.seq, [frame.market_ticker], cause)
        self.give_up(cause)

    def _take_back(self, received_us: int, cause: str) -> None:
        """Drop the books of this connection: they were read at the wrong prices. What is already out is told."""
        self._events = self._held.without_books(self._events)
        for sub in self._subs.values():
            if sub.channel == BOOKS_CHANNEL and sub.first_seq is not None:
                sub.marks.clear()
                seq = sub.first_seq if not self._held.let_out else sub.last_seq or sub.first_seq
                self._mark(sub, received_us, seq, sub.markets, cause)
        if self._held.let_out:
            told = f'{{"from_us": {self._held.let_out_us}, "until_us": {received_us}}}'
            rule = "the books of one connection were kept before this was seen, at wrong prices of the no side"
            self._events.append(Event(received_us, 0, Damaged(None, None, None, rule, told)))

    def _doubt(self, sub: Subscription, seq: int, received_us: int, ticker: str, cause: str) -> None:
        """Put the mark of a gap in the place of a frame, for one market."""
        self.counts.gaps += 1
        logger.error("the book of %s is in doubt: %s", ticker, cause)
        self.books[ticker].live = False
        sub.awaiting.add(ticker)
        self._mark(sub, received_us, seq, [ticker], cause)
        self._ask_snapshots(sub)

    def _damaged(self, sub: Subscription | None, frame: Damaged, received_us: int) -> None:
        self.counts.damaged += 1
        self._events.append(Event(received_us, sub.number if sub else 0, frame))
        if sub is None or frame.seq is None:
            self._unnumbered(frame, received_us)
        elif sub.channel == TRADES_CHANNEL:
            self._mark(sub, received_us, frame.seq, sub.markets_of(frame), frame.rule)
        elif sub.channel == BOOKS_CHANNEL and frame.market_ticker in sub.markets:
            self._doubt(sub, frame.seq, received_us, frame.market_ticker, frame.rule)
        elif sub.channel == BOOKS_CHANNEL:
            self._gap(sub, received_us, frame.seq, frame.rule)

    def _unnumbered(self, frame: Damaged, received_us: int) -> None:
        """Doubt every line of which a frame may have been the next: the number after it tells whether it was."""
        for sub in self._following.lines_of(frame):
            if sub.doubted_us is None:
                sub.doubted_us = received_us
            if frame.kind == TRADES_CHANNEL and sub.last_seq is None:  # this line may have no numbers at all
                self._mark(sub, received_us, 0, sub.markets_of(frame), frame.rule)
            self._make_stale(sub)
            if sub.channel == BOOKS_CHANNEL:
                self._ask_snapshots(sub)

    def _reply(self, frame: Reply, received_us: int) -> None:
        sub = None if frame.sid is None else self._subs.get(frame.sid)
        if frame.kind == "subscribed" and frame.sid is not None:
            self._following.subscribed(frame, frame.sid, sub)
        elif frame.kind == "ok":
            self._following.carried_out(frame, sub)
        elif frame.kind == "unsubscribed" and sub is not None:
            self._end(sub, received_us, "the exchange ended the subscription")
            self._following.again(sub)
        elif frame.kind == "error":
            self._error(frame, sub, received_us)

    def _error(self, frame: Reply, sub: Subscription | None, received_us: int) -> None:
        said = f"error {frame.code} {frame.text[:200]!r}"
        if frame.code in TERMINAL_CODES and sub is not None:
            self._end(sub, received_us, said)
            self._following.again(sub)
        elif frame.code in (*TERMINAL_CODES, *PASSING_CODES) or not self._following.refused(frame, said):
            self.give_up(said)
        self.counts.unfollowed = len({ticker for _, ticker in self._following.unfollowed})
        if self._following.is_hopeless:
            self.refused = None if self._following.begun else said  # what was right once is an outage
            self.give_up(said)

    def _book(self, sub: Subscription, ticker: str) -> Book | None:
        book = self.books.get(ticker)
        if self._adopts and ticker not in sub.markets:
            sub.markets.add(ticker)
            book = self.books.setdefault(ticker, Book())
        return book

    def give_up(self, why: str) -> None:
        """End the connection as soon as somebody looks: the next one tells everything anew."""
        if self.failed is None:
            logger.error("the connection is given up: %s", why)
        self.failed = self.failed or why

    def _ask_snapshots(self, sub: Subscription) -> None:
        """Ask for what is awaited, once in a second: on a bad line each answer may be the next gap."""
        if sub.may_ask():
            self.commands.update(sub.sid, "get_snapshot", sorted(sub.awaiting))

    def _measure_lag(self, lag_ms: int) -> None:
        if self.least_lag_ms is None or lag_ms < self.least_lag_ms:
            self.least_lag_ms = lag_ms
