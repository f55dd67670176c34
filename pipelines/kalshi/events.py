"""What a feed hands on: messages with the instant of their receipt, the marks of gaps, and counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from pipelines.kalshi.messages import Damaged, Delta, Snapshot, TapeTrade, known_us
from pipelines.kalshi.own import Own

BOOKS_CHANNEL = "orderbook_delta"
TRADES_CHANNEL = "trade"

STOPPED = "the recording was stopped"
"""The cause of a gap that is none: nobody wants what comes after it."""


class Gap(msgspec.Struct, frozen=True):
    """Frames are missing from the number `seq` on: until its next snapshot the book of each market is unknown.

    The last one of a subscription `ends` it: nothing comes on it any more. `since_us` is when the last frame before it
    was known.
    """

    seq: int
    channel: str
    market_tickers: tuple[str, ...]
    cause: str
    ends: bool = False
    since_us: int | None = None


Message = Snapshot | Delta | TapeTrade | Own | Gap | Damaged


class Event(NamedTuple):
    """Something that came, when it was received (µs since 1970), and on which subscription; 0 is none.

    Subscriptions are counted over the whole life of the feed, because the exchange's own numbers begin anew with
    every connection.
    """

    received_us: int
    subscription: int
    message: Message


def event_known_us(event: Event) -> int:
    """Return from when a message is known; a mark of a gap says so itself."""
    return event.received_us if isinstance(event.message, Gap) else known_us(event.message, event.received_us)


@dataclass(kw_only=True)
class Counts:
    """What has happened so far."""

    frames: int = 0
    connections: int = 0
    gaps: int = 0
    repeats: int = 0
    damaged: int = 0
    defects: int = 0
    crossed: int = 0
    ended: int = 0
    unfollowed: int = 0
