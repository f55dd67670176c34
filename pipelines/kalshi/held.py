"""Holding back what came first on a connection, until it is proven at which prices the exchange says the no side.

A snapshot proves it that is a book as read, and would be crossed if read the other way. One-sided books prove nothing,
so the wait is bounded.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from pipelines.kalshi.events import BOOKS_CHANNEL, Event, Gap, Message
from pipelines.kalshi.messages import Delta, Snapshot

logger = logging.getLogger(__name__)

HELD_TICKS = 1  # seconds: what is held back is lost by a kill, and that is to be one second at most
HELD_FRAMES = 20_000


@dataclass(kw_only=True)
class Held:
    """What is held back on one connection, whose events begin at `place`. `let_out`: some books are out unproven."""

    place: int = 0
    holds: bool = False
    is_proven: bool = False
    let_out: bool = False
    let_out_us: int = 0
    _books: list[Event] = field(default_factory=list)
    _frames: int = 0
    _ticks: int = 0

    def prove(self) -> None:
        """End the wait: the books are read as they are meant."""
        self.is_proven, self.holds = True, False

    def frame(self) -> None:
        """Count a frame."""
        self._frames += 1
        self._end_at_the_bounds()

    def tick(self) -> None:
        """Let a second pass."""
        self._ticks += 1
        self._end_at_the_bounds()

    def let_through(self, events: list[Event]) -> list[Event]:
        """Return what may go out of everything since the last call: all, or while it is open all but books."""
        place, self.place = self.place, 0
        if self.holds:
            mine = events[place:]
            self._books += [event for event in mine if is_of_books(event.message)]
            return [*events[:place], *(event for event in mine if not is_of_books(event.message))]
        if self._books:
            events, self._books = [*events[:place], *self._books, *events[place:]], []
        if not self.is_proven and not self.let_out:
            first = next((event for event in events if isinstance(event.message, Snapshot | Delta)), None)
            self.let_out, self.let_out_us = first is not None, first.received_us if first is not None else 0
        return events

    def without_books(self, events: list[Event]) -> list[Event]:
        """Drop the books of this connection, those that are held too; return what is left."""
        self._books = []
        mine = (event for event in events[self.place :] if not is_of_books(event.message))
        return [*events[: self.place], *mine]

    def _end_at_the_bounds(self) -> None:
        if self.holds and (self._frames > HELD_FRAMES or self._ticks > HELD_TICKS):
            self.holds = False
            logger.warning("no book proves yet at which prices the no side comes; it is kept as it was asked for")


def is_of_books(message: Message) -> bool:
    """Tell whether a message is about a book."""
    return isinstance(message, Snapshot | Delta) or (isinstance(message, Gap) and message.channel == BOOKS_CHANNEL)
