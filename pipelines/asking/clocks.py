"""How far our clock is ahead of a vendor's: what the dates of its last answers leave possible.

A vendor dates an answer in whole seconds, somewhere between our sending and our receiving. So each answer says between
which bounds the difference lies; several together say it more closely. What is told is the least that all of them
allow: a slow answer, or one that is dated coarsely, never makes a clock look wrong.
"""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime, timedelta
from typing import NamedTuple

from pipelines.asking.responses import Response, dated

ANSWERS = 8
"""So many answers are held against each other; older ones may be of a time when either clock was another."""


class _Bounds(NamedTuple):
    """Our clock is ahead by more than the first and by no more than the second, in seconds."""

    above_s: float
    upto_s: float


class Clocks:
    """The clocks of all vendors that were asked. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heard: dict[str, deque[_Bounds]] = {}

    def hear(self, vendor: str, response: Response, *, sent_utc: datetime, received_utc: datetime) -> None:
        """Take in an answer; one without a date says nothing."""
        said = dated(response)
        if said is None:
            return
        second = timedelta(seconds=1)
        bounds = _Bounds((sent_utc - said - second).total_seconds(), (received_utc - said).total_seconds())
        with self._lock:
            self._heard.setdefault(vendor, deque(maxlen=ANSWERS)).append(bounds)

    def ahead_s(self, vendor: str) -> float | None:
        """Return by how many seconds our clock is ahead of a vendor's at least, below zero where it is behind.

        None where no answer was dated yet. Where answers contradict each other a clock was set: the last one counts.
        """
        with self._lock:
            heard = list(self._heard.get(vendor, ()))
        if not heard:
            return None
        above_s, upto_s = max(one.above_s for one in heard), min(one.upto_s for one in heard)
        if above_s >= upto_s:
            above_s, upto_s = heard[-1]
        return max(above_s, 0.0) + min(upto_s, 0.0)
