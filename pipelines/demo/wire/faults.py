"""Failures on purpose: how often an answer is refused, late, cut or wrong, and how a stream loses its order.

Whether a question fails is drawn from the seed, the question and how often it was asked before: neither threads nor
other questions change it, and whoever asks again often enough is answered.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, deque
from dataclasses import dataclass, fields

from warehouse.errors import Usage

KINDS = ("http", "ws", "order", "cancel", "fill")
_BITS = 2**64


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Rates between 0 and 1: of questions (`http_*`), frames (`ws_*`), commands (`order_*`), cancels and fills.

    A command whose reply is lost, or that is answered with an error afterwards, was carried out; the other faults of
    commands come before. `hang_seconds` is how long a hanging answer keeps silent before the connection is dropped,
    `burst` how many questions in a row a fault befalls, `late_seconds` how much too late a fill is told,
    `fills_repeated` how many of the last fills a new subscription tells again, and `clock_skew_seconds` how far the
    exchange's clock is ahead.
    """

    http_429: float = 0.0
    http_500: float = 0.0
    http_hang: float = 0.0
    http_truncated: float = 0.0
    http_html: float = 0.0
    http_503: float = 0.0
    ws_drop: float = 0.0
    ws_duplicate: float = 0.0
    ws_reorder: float = 0.0
    ws_gap: float = 0.0
    ws_disconnect: float = 0.0
    ws_error: float = 0.0
    order_lost_before: float = 0.0
    order_lost_after: float = 0.0
    order_429: float = 0.0
    order_500: float = 0.0
    order_503: float = 0.0
    order_500_after: float = 0.0
    cancel_rejected: float = 0.0
    fill_late: float = 0.0
    seed: int = 0
    hang_seconds: float = 60.0
    burst: int = 1
    late_seconds: float = 30.0
    fills_repeated: int = 0
    clock_skew_seconds: float = 0.0

    def __post_init__(self) -> None:
        for kind in KINDS:
            rates = {name: getattr(self, name) for name in self.names(kind)}
            if any(not 0 <= rate <= 1 for rate in rates.values()) or sum(rates.values()) > 1:
                raise Usage(f"fault rates {rates} are no shares of one", hint="each is 0 … 1, and their sum too")

    @classmethod
    def names(cls, kind: str) -> list[str]:
        """Return the names of the rates of a kind."""
        return [one.name for one in fields(cls) if one.name.startswith(f"{kind}_")]

    def strike(self, kind: str, what: str) -> str | None:
        """Return the fault that befalls something, by its name; None when it is spared."""
        place = _uniform(self.seed, what)
        for name in self.names(kind):
            rate: float = getattr(self, name)
            if place < rate:
                return name
            place -= rate
        return None


class HttpFaults:
    """The faults of one server's answers and fills; counts how often each question came, and what befell it.

    A script goes before chance: the next so many things of its kind have its fault.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._asked: Counter[str] = Counter()
        self._struck: Counter[str] = Counter()
        self._coming: dict[str, deque[str]] = {kind: deque() for kind in KINDS}
        self._lock = threading.Lock()

    def script(self, fault: str, times: int = 1) -> None:
        """Have a fault befall the next so many of its kind."""
        kind = fault.partition("_")[0]
        if kind not in KINDS or fault not in Faults.names(kind):
            raise Usage(f"{fault!r} is no fault", hint=" ".join(name for one in KINDS for name in Faults.names(one)))
        with self._lock:
            self._coming[kind].extend([fault] * times)

    def strike(self, target: str, *, kind: str = "http") -> str | None:
        """Return the fault that befalls a question, a command or a fill this time."""
        with self._lock:
            self._asked[target] += 1
            coming = self._coming[kind]
            if coming:
                fault: str | None = coming.popleft()
            else:
                fault = self._faults.strike(kind, f"{target} {self._asked[target]}")
                coming.extend([fault] * (int(self._faults.burst) - 1) if fault is not None else [])
            if fault is not None:
                self._struck[fault] += 1
        return fault

    @property
    def struck(self) -> dict[str, int]:
        """How often each fault happened."""
        with self._lock:
            return dict(self._struck)


def _uniform(seed: int, what: str) -> float:
    digest = hashlib.sha256(f"{seed} {what}".encode()).digest()
    return int.from_bytes(digest[:8]) / _BITS
