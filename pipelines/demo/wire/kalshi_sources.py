"""Where a connection's frames come from: numbered feeds, known beforehand or growing as things happen."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

Frame = dict[str, Any]


class Feed(Protocol):
    """Frames of one market on one channel by their number, each with the microsecond at which it is sent."""

    def __len__(self) -> int:
        """Return how many there are by now."""
        ...

    @property
    def start(self) -> int:
        """The number of the first frame that can still be told."""
        ...

    def after(self, at_us: int) -> int:
        """Return the number of the first frame that is sent later."""
        ...

    def at_us(self, place: int) -> int:
        """Return when a frame is sent."""
        ...

    def frame(self, place: int) -> Frame:
        """Return a frame."""
        ...


class Source(Protocol):
    """Where a connection's frames come from."""

    @property
    def lock(self) -> AbstractContextManager[object]:
        """What is held from looking at the next frame to having it."""
        ...

    @property
    def sequenced(self) -> Sequence[str]:
        """The channels whose frames are numbered."""
        ...

    def feed(self, channel: str, ticker: str, *, use_yes_price: bool) -> Feed:
        """Return what a channel says of a market; of no market in particular where that is empty."""
        ...

    def snapshot(self, ticker: str, at: datetime, feed: Feed, *, after_changes: int, use_yes_price: bool) -> Frame:
        """Return a market's book after so many frames of the feed of its changes; an empty side is left out."""
        ...

    def is_market(self, ticker: str) -> bool:
        """Tell whether a market is listed by now."""
        ...

    def every_ticker(self) -> list[str]:
        """Return every market that is listed by now."""
        ...

    def is_private(self, channel: str) -> bool:
        """Tell whether a channel tells an account of itself: to nobody else, and of all markets in one feed."""
        ...


@dataclass(frozen=True, kw_only=True)
class WorldFeed:
    """Frames that are all known beforehand."""

    instants_us: list[int]
    frames: list[Frame]

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def start(self) -> int:
        """The number of the first frame."""
        return 0

    def after(self, at_us: int) -> int:
        """Return the number of the first frame that is sent later."""
        return bisect_right(self.instants_us, at_us)

    def at_us(self, place: int) -> int:
        """Return when a frame is sent."""
        return self.instants_us[place]

    def frame(self, place: int) -> Frame:
        """Return a frame."""
        return self.frames[place]
