"""A token bucket: never more than a vendor allows in any window of time, and hardly less when there is work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from warehouse.errors import Usage

Monotonic = Callable[[], float]
Sleep = Callable[[float], None]


class TokenBucket:
    """Hands out tokens in the order of asking: at most `burst + rate * T` in any window of T seconds.

    Whoever asks takes a place at once, under the lock, and waits for it outside: nobody overtakes, nobody starves.
    """

    def __init__(
        self,
        *,
        tokens_per_second: float,
        burst: float,
        monotonic: Monotonic = time.monotonic,
        sleep: Sleep = time.sleep,
    ) -> None:
        _require_some(tokens_per_second, burst)
        self._rate = tokens_per_second
        self._burst = burst
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._level = burst
        self._at_s = monotonic()

    def resize(self, *, tokens_per_second: float, burst: float) -> None:
        """Go on at another rate; what was handed out already is not given twice."""
        _require_some(tokens_per_second, burst)
        with self._lock:
            now_s = self._monotonic()
            self._level = min(burst, self._level + (now_s - self._at_s) * self._rate)
            self._at_s, self._rate, self._burst = now_s, tokens_per_second, burst

    def take(self, tokens: float) -> float:
        """Wait until the tokens are ours; return the seconds waited."""
        began_s, due_s = self._reserve(tokens)
        while (left_s := due_s - self._monotonic()) > 0:
            self._sleep(left_s)
        return max(0.0, due_s - began_s)

    def _reserve(self, tokens: float) -> tuple[float, float]:
        """Take the tokens from the level, below zero if need be; return now, and when they will have come in."""
        if tokens > self._burst:
            raise Usage(f"{tokens} tokens at once never fit into a bucket of {self._burst}")
        with self._lock:
            now_s = self._monotonic()
            self._level = min(self._burst, self._level + (now_s - self._at_s) * self._rate) - tokens
            self._at_s = now_s
            return now_s, now_s + max(0.0, -self._level / self._rate)


def _require_some(tokens_per_second: float, burst: float) -> None:
    if not (tokens_per_second > 0 and burst > 0):
        raise Usage(f"a rate of {tokens_per_second} tokens a second with a burst of {burst} lets nothing through")
