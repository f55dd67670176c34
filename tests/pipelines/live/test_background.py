"""Feeds in threads: a fault of ours ends nothing, and who is not read is not asked for more."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import polars as pl

from pipelines.live.arrivals import Arrival
from pipelines.live.background import Inbox, Threads, polled
from pipelines.live.heard import Heard
from warehouse.lake.tables import OBS

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ROWS = Arrival(table=OBS, frame=pl.DataFrame({"row": range(10)}), received_utc=NOON)


class Counting:
    """A feed that brings ten rows each time, and fails at some times."""

    name = "counting"

    def __init__(self, *, fails_at: frozenset[int] = frozenset()):
        self.heard = Heard(self.name, ("",))
        self.polls = self.deliveries = 0
        self._fails_at = fails_at

    def poll(self, now_utc):
        """Bring ten rows, or fail."""
        self.polls += 1
        if self.polls in self._fails_at:
            raise ZeroDivisionError("a fault of ours")
        self.heard.heard("", now_utc)
        return [ROWS]

    def delivered(self):
        """Count."""
        self.deliveries += 1


def test_a_fault_of_ours_is_told_and_the_next_turn_comes():
    """No thread dies of it."""
    feed = Counting(fails_at=frozenset({2}))

    brought = [len(polled(feed, NOON)) for _ in range(2)]
    told = feed.heard.why_not
    brought.append(len(polled(feed, NOON)))

    assert [1, 0, 1] == brought
    assert "ZeroDivisionError: a fault of ours" == told
    assert feed.heard.why_not is None


def test_what_is_not_taken_is_not_asked_for():
    """An inbox that nobody reads stays small; when it is read, asking goes on."""
    feed, inbox = Counting(), Inbox(threading.Event(), most_rows=25)
    threads = Threads([feed], inbox, clock=lambda: NOON)

    threads.start()
    time.sleep(1.5)
    full, polls = inbox.is_full, feed.polls
    taken = inbox.take()
    time.sleep(0.5)
    threads.close()

    assert full
    assert 3 == polls == len(taken)
    assert feed.polls > 3
    assert feed.polls == feed.deliveries
