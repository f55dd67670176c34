"""A circuit breaker: a vendor that failed several times in a row is left alone for a while."""

from __future__ import annotations

import threading
import time

from pipelines.asking.rates import Monotonic
from warehouse.errors import VendorDown

FAILURES_TO_OPEN = 5
REST_S = 60.0


class Breaker:
    """Counts failures in a row; after too many it refuses at once, then lets one question through to try again."""

    def __init__(
        self,
        vendor: str,
        *,
        failures: int = FAILURES_TO_OPEN,
        rest_s: float = REST_S,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._vendor = vendor
        self._most = failures
        self._rest_s = rest_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failures = 0
        self._last = ""
        self._opens_at_s: float | None = None

    def admit(self) -> None:
        """Let a question pass, or refuse it while the vendor rests; after the rest one passes as a probe."""
        with self._lock:
            if self._opens_at_s is None:
                return
            left_s = self._opens_at_s - self._monotonic()
            if left_s <= 0:
                # The rest begins anew for all others; a probe that never reports back holds nobody up for longer.
                self._opens_at_s = self._monotonic() + self._rest_s
                return
        raise VendorDown(
            f"{self._vendor} is left alone for {left_s:.0f} s more after {self._failures} failures in a row; "
            f"the last: {self._last}",
            hint="what was fetched is kept; run the same command again later",
        )

    def succeeded(self) -> None:
        """End the count: the answer was usable."""
        with self._lock:
            self._failures, self._opens_at_s = 0, None

    def failed(self, reason: str) -> None:
        """Count a failure; enough of them in a row open the circuit."""
        with self._lock:
            self._failures += 1
            self._last = reason
            if self._failures >= self._most:
                self._opens_at_s = self._monotonic() + self._rest_s
