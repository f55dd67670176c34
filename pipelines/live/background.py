"""Feeds in threads of their own: a vendor that is slow, silent or down keeps nobody waiting but itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime

from pipelines.live.arrivals import Arrival
from pipelines.live.feed import Feed
from warehouse.clock import Clock

logger = logging.getLogger(__name__)

INBOX_ROWS = 1_000_000
"""So many rows may lie there unread; then nothing more is asked until somebody takes them."""

_LOOK_S = 0.2
_CLOSE_S = 5.0


def polled(feed: Feed, now_utc: datetime) -> Sequence[Arrival]:
    """Poll a feed; a fault of ours in it is told like a vendor's, and ends neither the loop nor the other feeds."""
    try:
        return feed.poll(now_utc)
    except Exception as error:
        logger.exception("the feed %s failed", feed.name)
        feed.heard.failed("", f"{type(error).__name__}: {error}")
        return []


class Inbox:
    """What feeds brought and nobody has taken yet."""

    def __init__(self, woken: threading.Event, *, most_rows: int = INBOX_ROWS) -> None:
        self._woken = woken
        self._most_rows = most_rows
        self._lock = threading.Lock()
        self._arrivals: list[Arrival] = []
        self._rows = 0

    @property
    def is_full(self) -> bool:
        """True while nothing more shall be asked."""
        return self._rows >= self._most_rows

    def put(self, arrivals: Sequence[Arrival]) -> None:
        """Lay arrivals down."""
        if not arrivals:
            return
        with self._lock:
            self._arrivals += arrivals
            self._rows += sum(arrival.frame.height + arrival.refused.height for arrival in arrivals)
        self._woken.set()

    def take(self) -> list[Arrival]:
        """Take everything."""
        with self._lock:
            taken, self._arrivals, self._rows = self._arrivals, [], 0
        return taken


class Threads:
    """One thread for each feed, from start to close."""

    def __init__(self, feeds: Sequence[Feed], inbox: Inbox, *, clock: Clock) -> None:
        self._inbox = inbox
        self._clock = clock
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(feed,), name=f"live-{feed.name}", daemon=True) for feed in feeds
        ]

    def start(self) -> None:
        """Begin to poll."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End; a thread that waits for a vendor is left to end by itself."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_CLOSE_S)

    def _run(self, feed: Feed) -> None:
        while not self._stop.is_set():
            if not self._inbox.is_full:
                self._inbox.put(polled(feed, self._clock()))
                feed.delivered()
            self._stop.wait(_LOOK_S)
