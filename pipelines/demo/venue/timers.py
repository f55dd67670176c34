"""The present, and what is to happen at which instant: the earlier first, at one instant by rank, then as planned."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count

Action = Callable[[], None]


class Rank(IntEnum):
    """Who comes first at one instant."""

    CLOSE = 0
    PAUSE = 1
    EXPIRE = 2
    RESTORE = 3
    BACKDROP = 4
    TELL = 5
    TICK = 6


@dataclass(kw_only=True)
class Now:
    """The present of a venue, in microseconds since the epoch; all of its parts look at the same one."""

    us: int


@dataclass(kw_only=True)
class Timers:
    """Actions by instant."""

    _heap: list[tuple[int, Rank, int, Action]] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)

    def at(self, at_us: int, rank: Rank, action: Action) -> None:
        """Plan an action."""
        heapq.heappush(self._heap, (at_us, rank, next(self._numbers), action))

    @property
    def next_us(self) -> int | None:
        """The instant of the next action."""
        return self._heap[0][0] if self._heap else None

    def pop(self) -> Action:
        """Return the next action; it is not planned any more."""
        return heapq.heappop(self._heap)[3]
