"""When something is due: once in each period of a fixed grid, however late it is asked, and sooner after a failure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import Enum

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_MINUTE_S = 60.0
_DECIDED_WITHIN_S = 12.0
"""So long after the beginning of a minute the one before it is decided: what can be asked later is."""


def spread(place: int, questions: int, every_s: float) -> float:
    """Return the shift of one of several questions: evenly over the period, and none where a minute is decided."""
    after_s = place * every_s / questions
    return after_s + max(_DECIDED_WITHIN_S - after_s % _MINUTE_S, 0.0)


class Turn(Enum):
    """What is due: nothing, everything at its time, or again what failed."""

    NONE = 0
    REGULAR = 1
    AGAIN = 2


class Rhythm:
    """The turns of one question. They lie on a grid from 1970 on, so that neither delays nor restarts shift them.

    What was missed is not made up for: of several turns that have passed there is one. The first is at once. `after_s`
    shifts the grid, so that several questions do not all fall on one instant.
    """

    def __init__(self, every_s: float, *, retry_s: float | None = None, after_s: float = 0.0) -> None:
        self.every = timedelta(seconds=every_s)
        self._begins_utc = _EPOCH + timedelta(seconds=after_s)
        self._retry = min(self.every, timedelta(seconds=every_s if retry_s is None else retry_s))
        self._last: int | None = None
        self._again_utc: datetime | None = None

    def take(self, now_utc: datetime) -> Turn:
        """Return what is due now, and take it."""
        place = (now_utc - self._begins_utc) // self.every
        is_again = self._again_utc is not None and now_utc >= self._again_utc
        if place == self._last and not is_again:
            return Turn.NONE
        turn = Turn.AGAIN if place == self._last else Turn.REGULAR
        self._last, self._again_utc = place, None
        return turn

    def failed(self, now_utc: datetime) -> None:
        """Say that the turn taken last came to nothing: it is tried again soon, at latest at the next one."""
        self._again_utc = now_utc + self._retry
