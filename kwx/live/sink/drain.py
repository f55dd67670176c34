"""From the spool into the table, in a thread of its own: the loop waits for a database no longer than it wants to."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kwx.live.sink.aside import SetAside, damaged
from kwx.live.sink.postgres import Refusal, SignalTable
from kwx.live.sink.signal import Signal
from kwx.live.sink.spool import Batch, Spool
from warehouse.clock import Clock
from warehouse.errors import KwxError

logger = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=60)
BATCH_ROWS = 2_000
_REMEMBERED = 10_000


@dataclass(kw_only=True)
class _Straight:
    """Rows that no disk holds; `refused` is said once they are committed."""

    signals: Sequence[Signal]
    refused: int | None = None


class Drain:
    """One thread that stores what waits, whenever asked; after a failure asking means nothing until a pause is over."""

    def __init__(self, spool: Spool, table: SignalTable, *, clock: Clock, batch_rows: int = BATCH_ROWS) -> None:
        self._spool = spool
        self._table = table
        self._clock = clock
        self._batch_rows = batch_rows
        self._changed = threading.Condition()
        self._asked = 0
        self._finished = 0
        self._closing = False
        self._failures = 0
        self._failed_utc: datetime | None = None
        self._refused: deque[int] = deque(maxlen=_REMEMBERED)
        self._straight: _Straight | None = None
        self.set_aside = 0
        self.trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="signals", daemon=True)
        self._thread.start()

    @property
    def is_due(self) -> bool:
        """False during the pause after a failure; it doubles from one failure to the next, up to a minute."""
        if self._failed_utc is None:
            return True
        pause = min(FIRST_PAUSE * 2 ** min(self._failures - 1, 10), LONGEST_PAUSE)
        now = self._clock()
        return not self._failed_utc <= now < self._failed_utc + pause  # a clock that was set back ends the pause

    def ask(self) -> int:
        """Ask for a run over what waits now; return its number."""
        with self._changed:
            self._asked += 1
            self._changed.notify_all()
            return self._asked

    def wait(self, run: int, *, until: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until something is so or the run is over, at most so long; return whether it is so."""
        with self._changed:
            self._changed.wait_for(lambda: until() or self._finished >= run, timeout=timeout_s)
            return until()

    def refused_among(self, numbers: range) -> int:
        """Return how many of these rows the database refused."""
        with self._changed:
            return sum(number in numbers for number in self._refused)

    def store_now(self, signals: Sequence[Signal], *, timeout_s: float) -> int | None:
        """Store rows that no disk holds, behind all that waits; return how many were refused, None when not stored."""
        straight = _Straight(signals=signals)
        with self._changed:
            self._straight = straight
            run = self.ask()
        self.wait(run, until=lambda: straight.refused is not None, timeout_s=timeout_s)
        return straight.refused

    def close(self, *, timeout_s: float) -> bool:
        """End the thread and return whether it ended: one that hangs in a database that hangs is left behind."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (run := self._next()) is not None:
            try:
                self._store_all()
                self._store_straight()
            except Exception as error:
                # The thread outlives whatever happens to a run: what is not done is tried again after a pause.
                self._note_failure(error)
                run = self._asked  # who asked meanwhile would ask the same database
            else:
                self._note_success()
            with self._changed:
                self._finished = run
                self._changed.notify_all()
        try:
            self._table.close()
        except KwxError as error:
            logger.warning("%s (%s)", error, error.hint)

    def _next(self) -> int | None:
        """Wait for the next run; None when it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._asked > self._finished)
            return None if self._closing else self._asked

    def _store_all(self) -> None:
        if self._spool.waiting:
            self._table.reach()  # before hours of a spool are read for a database that is away
        while not self._closing and (batch := self._spool.take(self._batch_rows)) is not None:
            self._store(batch)
            self._note_success()  # before anybody who waited for the batch looks
            with self._changed:
                self._changed.notify_all()

    def _store(self, batch: Batch) -> None:
        """Commit, then note what was refused, then let the queue forget it: repeating any of it changes nothing."""
        refusals = self._table.upsert(batch.signals) if batch.signals else []
        self._put_aside([*_refused(batch.signals, refusals), *map(damaged, batch.damaged)])
        with self._changed:
            self._refused.extend(batch.numbers[refusal.place] for refusal in refusals)
        self._spool.finish(batch)

    def _store_straight(self) -> None:
        with self._changed:
            straight, self._straight = self._straight, None
        if straight is not None:
            refusals = self._table.upsert(straight.signals)
            self._put_aside(_refused(straight.signals, refusals))
            straight.refused = len(refusals)

    def _put_aside(self, rows: Sequence[SetAside]) -> None:
        if rows:
            logger.error("%d signals are set aside in %s: %s", len(rows), self._spool.folder, rows[0].reason)
            self._spool.aside.put(rows)
            with self._changed:
                self.set_aside += len(rows)

    def _note_failure(self, error: Exception) -> None:
        said = str(error)
        if not isinstance(error, KwxError):
            logger.error("signals cannot be stored", exc_info=error)
        elif said != self.trouble:
            logger.warning("signals wait on the disk: %s (%s)", said, error.hint)
        with self._changed:
            self._failures += 1
            self._failed_utc = self._clock()
            self.trouble = said

    def _note_success(self) -> None:
        if self.trouble is not None:
            logger.warning("signals are stored again; %d wait", self._spool.waiting)
        with self._changed:
            self._failures, self._failed_utc, self.trouble = 0, None, None


def _refused(signals: Sequence[Signal], refusals: Sequence[Refusal]) -> list[SetAside]:
    return [SetAside(reason=refusal.reason, signal=signals[refusal.place]) for refusal in refusals]
