"""How far our clock is ahead of a vendor's: what the dates of its last answers leave possible.

A vendor dates an answer in whole seconds, somewhere between our sending and our receiving. So each answer says between
which bounds the difference lies; several together say it more closely. What is told is the least that all of them
allow: a slow answer, or one that is dated coarsely, never makes a clock look wrong.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from pipelines.asking.responses import Response, dated

ANSWERS = 8
"""So many answers are held against each other; older ones may be of a time when either clock was another."""
BELIEVED_S = 300.0
"""For so long an answer says anything of the clocks: what is older may have been true of them."""


class _Bounds(NamedTuple):
    """Our clock is ahead by more than the first and by no more than the second, in seconds; heard when."""

    above_s: float
    upto_s: float
    heard_s: float


@dataclass
class Clocks:
    """The clocks of all vendors that were asked. Safe for threads.

    monotonic: how time goes on whatever our clock is set to.
    """

    monotonic: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _heard: dict[str, deque[_Bounds]] = field(default_factory=dict, init=False, repr=False)

    def hear(self, vendor: str, response: Response, *, sent_utc: datetime, received_utc: datetime) -> None:
        """Take in an answer; one without a date says nothing."""
        said = dated(response)
        if said is None:
            return
        second = timedelta(seconds=1)
        bounds = _Bounds(
            (sent_utc - said - second).total_seconds(), (received_utc - said).total_seconds(), self.monotonic()
        )  # fmt: skip
        with self._lock:
            self._heard.setdefault(vendor, deque(maxlen=ANSWERS)).append(bounds)

    def ahead_s(self, vendor: str) -> float | None:
        """Return by how many seconds our clock is ahead of a vendor's at least, below zero where it is behind.

        None where no answer was dated of late. Where answers contradict each other a clock was set: the last counts.
        """
        since_s = self.monotonic() - BELIEVED_S
        with self._lock:
            heard = [one for one in self._heard.get(vendor, ()) if one.heard_s >= since_s]
        if not heard:
            return None
        above_s, upto_s = max(one.above_s for one in heard), min(one.upto_s for one in heard)
        if above_s >= upto_s:
            above_s, upto_s, _ = heard[-1]
        return max(above_s, 0.0) + min(upto_s, 0.0)
