"""Which markets traded and whose trades are still to be fetched. Feeds share it; it is safe for threads."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple


class Traded(NamedTuple):
    """A market whose trades are wanted: those of the first minute that is missing, through the last that is known."""

    city: str
    market_ticker: str
    first_utc: datetime
    last_utc: datetime


class Tape:
    """The markets whose trades are wanted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: dict[str, Traded] = {}

    def mark(self, city: str, market_ticker: str, minute_utc: datetime) -> None:
        """Say that a market traded in a minute."""
        with self._lock:
            before = self._wanted.get(market_ticker)
            first_utc = minute_utc if before is None else min(before.first_utc, minute_utc)
            last_utc = minute_utc if before is None else max(before.last_utc, minute_utc)
            self._wanted[market_ticker] = Traded(city, market_ticker, first_utc, last_utc)

    def wanted(self) -> list[Traded]:
        """Return what is to be fetched."""
        with self._lock:
            return list(self._wanted.values())

    def done(self, some: Iterable[Traded]) -> None:
        """Strike out what was fetched; a market that traded again meanwhile stays."""
        with self._lock:
            for one in some:
                if self._wanted.get(one.market_ticker) == one:
                    del self._wanted[one.market_ticker]
