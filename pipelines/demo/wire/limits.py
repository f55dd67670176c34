"""The limits that vendors set to whoever asks: tokens a second, questions at a time, records a day."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of one server; None is no limit.

    The exchange's are those of its Basic tier, with three seconds of budget at once for questions and one for commands.
    The real archives throttle to one question a second, which on a loopback would only cost time.
    """

    kalshi_tokens_per_second: float | None = 200
    kalshi_burst_tokens: float = 600
    kalshi_write_tokens_per_second: float | None = 100
    kalshi_write_burst_tokens: float = 100
    vc_concurrency: int | None = None
    vc_records_per_day: int | None = None


class Buckets:
    """One token bucket for each client; who finds it empty is told so, and waits by himself."""

    def __init__(
        self,
        *,
        tokens_per_second: float | None,
        burst_tokens: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = tokens_per_second
        self._burst = burst_tokens
        self._monotonic = monotonic
        self._levels: dict[str, tuple[float, float]] = {}
        self._refused = 0
        self._lock = threading.Lock()

    def take(self, client: str, tokens: float) -> bool:
        """Take tokens of a client's bucket; a bucket that holds too few keeps what it has, and the question fails."""
        if self._rate is None:
            return True
        now_s = self._monotonic()
        with self._lock:
            level, since_s = self._levels.get(client, (self._burst, now_s))
            level = min(self._burst, level + (now_s - since_s) * self._rate)
            granted = level >= tokens
            self._levels[client] = (level - tokens if granted else level, now_s)
            self._refused += not granted
        return granted

    @property
    def refused(self) -> int:
        """How many questions came too soon."""
        with self._lock:
            return self._refused


class Turnstile:
    """How many questions are being answered at the same time."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._inside = 0
        self._lock = threading.Lock()

    @contextmanager
    def passage(self) -> Iterator[bool]:
        """Yield whether there is room for one more."""
        with self._lock:
            room = self._most is None or self._inside < self._most
            self._inside += room
        try:
            yield room
        finally:
            with self._lock:
                self._inside -= room


class Quota:
    """What each client has spent on each day."""

    def __init__(self, records_per_day: int | None) -> None:
        self._most = records_per_day
        self._spent: Counter[tuple[str, date]] = Counter()
        self._lock = threading.Lock()

    def spend(self, client: str, today: date, records: int) -> bool:
        """Count records; the question that passes the quota is still answered, the next one is not."""
        with self._lock:
            if self._most is not None and self._spent[client, today] >= self._most:
                return False
            self._spent[client, today] += records
        return True
