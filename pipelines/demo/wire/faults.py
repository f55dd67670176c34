"""Failures on purpose: how often an answer is refused, late, cut or wrong, and how a stream loses its order.

Whether a question fails is drawn from the seed, the question and how often it was asked before: neither threads nor
other questions change it, and whoever asks again often enough is answered.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass, fields

from warehouse.errors import Usage

_BITS = 2**64


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Rates between 0 and 1, of questions (`http_*`) and of stream frames (`ws_*`).

    `hang_seconds` is how long a hanging answer keeps silent before the connection is dropped.
    """

    http_429: float = 0.0
    http_500: float = 0.0
    http_hang: float = 0.0
    http_truncated: float = 0.0
    http_html: float = 0.0
    ws_drop: float = 0.0
    ws_duplicate: float = 0.0
    ws_reorder: float = 0.0
    ws_gap: float = 0.0
    ws_disconnect: float = 0.0
    ws_error: float = 0.0
    seed: int = 0
    hang_seconds: float = 60.0

    def __post_init__(self) -> None:
        for kind in ("http", "ws"):
            rates = {name: getattr(self, name) for name in self.names(kind)}
            if any(not 0 <= rate <= 1 for rate in rates.values()) or sum(rates.values()) > 1:
                raise Usage(f"fault rates {rates} are no shares of one", hint="each is 0 … 1, and their sum too")

    @classmethod
    def names(cls, kind: str) -> list[str]:
        """Return the names of the rates of a kind, http or ws."""
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
    """The faults of one server's answers; counts how often each question came, and what befell it."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._asked: Counter[str] = Counter()
        self._struck: Counter[str] = Counter()
        self._lock = threading.Lock()

    def strike(self, target: str) -> str | None:
        """Return the fault that befalls a question this time."""
        with self._lock:
            self._asked[target] += 1
            fault = self._faults.strike("http", f"{target} {self._asked[target]}")
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
