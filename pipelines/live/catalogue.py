"""The events that are listed: which markets trade from when to when. Feeds share it; it is safe for threads."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from pipelines.kalshi.calls import candle_window

KEPT_AFTER_CLOSE = timedelta(days=2)


@dataclass(frozen=True, kw_only=True)
class ListedEvent:
    """One event as it is listed."""

    city: str
    event_date: date
    event_ticker: str
    market_tickers: tuple[str, ...]
    opens_utc: datetime
    closes_utc: datetime

    @property
    def last_candle_utc(self) -> datetime:
        """The last minute that may have a candle."""
        return candle_window(self.opens_utc, self.closes_utc)[1]


class Catalogue:
    """Every event that is listed now or was of late."""

    def __init__(self, markets: pl.DataFrame | None = None) -> None:
        self._lock = threading.Lock()
        self._events: dict[str, ListedEvent] = {}
        if markets is not None:
            self.update(markets)

    def update(self, markets: pl.DataFrame) -> None:
        """Take in rows of markets with their path columns."""
        told = markets.group_by("city", "event_date", "event_ticker", maintain_order=True).agg(
            pl.col("market_ticker").sort_by("bracket_order"), pl.col("open_utc").min(), pl.col("close_utc").max()
        )
        with self._lock:
            for city, event_date, event_ticker, tickers, opens_utc, closes_utc in told.iter_rows():
                self._events[event_ticker] = ListedEvent(
                    city=city, event_date=event_date, event_ticker=event_ticker, market_tickers=tuple(tickers),
                    opens_utc=opens_utc, closes_utc=closes_utc,
                )  # fmt: skip

    def forget(self, now_utc: datetime) -> None:
        """Forget events that closed long ago."""
        with self._lock:
            self._events = {
                name: event for name, event in self._events.items() if event.closes_utc + KEPT_AFTER_CLOSE > now_utc
            }

    def events(self, *, cities: Iterable[str] | None = None) -> list[ListedEvent]:
        """Return the events, oldest date first."""
        with self._lock:
            found = list(self._events.values())
        wanted = None if cities is None else set(cities)
        chosen = [event for event in found if wanted is None or event.city in wanted]
        return sorted(chosen, key=lambda event: (event.event_date, event.city))
