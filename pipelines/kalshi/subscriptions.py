"""One numbered line of frames: its last number, the markets that it tells of, and what is awaited on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pipelines.kalshi.messages import Damaged, Frame

PATIENCE_TICKS = 5
"""How long an answer is waited for before it is asked for again."""

ASKS = 3
"""How often one snapshot is asked for before its market is given up, or the connection where no book is live."""

MINUTE_TICKS = 60
"""How often a market that was given up is asked for again."""

SEEN = 256
"""So many frames are kept to tell a repeat from a count that began anew."""

Old = Literal["repeat", "late", "restart"]
Wanted = Literal["ask", "enough"] | None


class Subscription:
    """One line of frames. `doubted_us` is when a frame came that may have been its next and could not be read."""

    __slots__ = (
        *("again", "asked", "asks", "awaiting", "channel", "doubted_us", "first_seq", "given_up", "last_seq"),
        *("last_ticker", "latest_us", "marks", "markets", "number", "repeats", "seen", "sid", "ticks", "waited"),
    )

    def __init__(self, *, number: int, sid: int, channel: str, markets: Iterable[str] = ()) -> None:
        self.number, self.sid, self.channel = number, sid, channel
        self.markets = set(markets)
        self.first_seq: int | None = None
        self.last_seq: int | None = None
        self.last_ticker: str | None = None
        self.latest_us = 0
        self.doubted_us: int | None = None
        self.seen: list[Frame | None] = [None] * SEEN
        self.repeats = self.waited = self.asks = self.ticks = 0
        self.awaiting: set[str] = set()
        self.given_up: set[str] = set()
        self.marks: dict[str, int] = {}
        self.asked = self.again = False

    def counted(self, frame: Frame, seq: int, known_us: int) -> None:
        """Note a frame as the last one."""
        if self.last_seq is None:
            self.first_seq = seq
        self.last_seq, self.repeats, self.doubted_us = seq, 0, None
        self.last_ticker = getattr(frame, "market_ticker", None)
        self.seen[seq % SEEN] = frame
        if known_us > self.latest_us:  # noqa: PLR1730 - a call costs more than the comparison, on every frame
            self.latest_us = known_us

    def judge_old(self, frame: Frame, seq: int) -> Old:
        """Tell what an old number means: the same frame again, one that was overtaken, or a count that began anew."""
        seen = self.seen[seq % SEEN]
        if seen is not None and seen.seq == seq:
            return "repeat" if seen == frame else "restart"
        earliest = max(self.first_seq or 0, (self.last_seq or 0) - SEEN + 1)
        return "late" if earliest < seq else "restart"

    def tick(self) -> Wanted:
        """Let a second pass; tell whether snapshots are to be asked for, or were asked for often enough."""
        again, self.asked, self.again = self.again, False, False
        if not self.awaiting:
            self.waited = self.asks = 0
            return None
        self.waited += 1
        if self.waited % PATIENCE_TICKS:
            return "ask" if again else None
        self.asks += 1
        return "ask" if self.asks <= ASKS else "enough"

    def is_minute(self) -> bool:
        """Count a second; tell whether it is one in which markets that were given up are asked for."""
        self.ticks += 1
        return self.ticks % MINUTE_TICKS == 0

    def may_ask(self) -> bool:
        """Tell whether nothing was asked in this second yet; else it is asked in the next."""
        if self.asked:
            self.again = True
            return False
        self.asked = True
        return True

    def leave(self, market_tickers: Iterable[str]) -> list[str]:
        """Follow some markets no longer; return those that were followed."""
        left = [ticker for ticker in market_tickers if ticker in self.markets]
        for held in (self.markets, self.awaiting, self.given_up):
            held.difference_update(left)
        return left

    def markets_of(self, frame: Damaged) -> list[str]:
        """Return the markets that a damaged frame may have told of."""
        ticker = frame.market_ticker
        return [ticker] if ticker is not None and ticker in self.markets else sorted(self.markets)

    def unmarked(self, seq: int, market_tickers: Iterable[str]) -> tuple[str, ...]:
        """Return the markets that have no mark in this place yet, and note that they have one now."""
        new = tuple(sorted(ticker for ticker in market_tickers if self.marks.get(ticker) != seq))
        self.marks |= dict.fromkeys(new, seq)
        return new
