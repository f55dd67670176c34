"""The sink that the loop writes to: on the disk first, in the table as soon as it answers, none lost, none twice."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from kwx.live.sink.drain import Drain
from kwx.live.sink.postgres import SignalTable
from kwx.live.sink.server import Server, server_of
from kwx.live.sink.signal import Signal
from kwx.live.sink.spool import APPEND_ROWS, Spool
from warehouse.clock import Clock, utc_now
from warehouse.errors import DiskFull

logger = logging.getLogger(__name__)

PATIENCE_S = 0.05
"""How long a write waits for the commit of its rows."""

LAST_RESORT_S = 2.0
"""How long it waits when the disk is full, and the table alone can keep them."""

FLUSH_WITHIN_S = 30.0
CLOSE_WITHIN_S = 15.0


@dataclass(frozen=True, kw_only=True)
class Written:
    """What became of the rows of one write by the time it returned: each is in one of the three."""

    committed: int = 0
    spooled: int = 0
    refused: int = 0

    def __add__(self, other: Written) -> Written:
        return Written(
            committed=self.committed + other.committed,
            spooled=self.spooled + other.spooled,
            refused=self.refused + other.refused,
        )


class Sink:
    """Signals in, by one thread. A returned `write` is a promise: its rows are on the disk here, or committed there."""

    def __init__(self, server: Server, spool: Spool, *, clock: Clock, patience_s: float = PATIENCE_S) -> None:
        self._spool = spool
        self._clock = clock
        self._patience_s = patience_s
        self._table = SignalTable(server)
        self._drain = Drain(spool, self._table, clock=clock)
        self._stamped_utc = datetime.min.replace(tzinfo=UTC)
        self._closed = False

    @property
    def waiting(self) -> int:
        """Rows in the spool that the table does not have yet."""
        return self._spool.waiting

    @property
    def trouble(self) -> str | None:
        """Why the last try to store failed; None when it did not."""
        return self._drain.trouble

    @property
    def set_aside(self) -> int:
        """Rows since the start that the database refused, or that the disk had damaged."""
        return self._drain.set_aside

    def write(self, signals: Sequence[Signal]) -> Written:
        """Keep signals and return what became of them; raises only when neither disk nor database takes them."""
        if self._closed:
            raise ValueError("the sink is closed")
        # A clock that was set back makes no later write look older than an earlier one.
        now = self._stamped_utc = max(self._clock(), self._stamped_utc)
        stamped = [signal if signal.created_at is not None else signal.stamped(now) for signal in signals]
        parts = (stamped[start : start + APPEND_ROWS] for start in range(0, len(stamped), APPEND_ROWS))
        return sum((self._write(part) for part in parts), Written())

    def flush(self, *, timeout_s: float = FLUSH_WITHIN_S) -> Written:
        """Try now, pause or not, to store all that waits; return what became of it."""
        waited, set_aside = self._spool.waiting, self._drain.set_aside
        run = self._drain.ask()
        self._drain.wait(run, until=lambda: self._spool.waiting == 0, timeout_s=timeout_s)
        waiting, refused = self._spool.waiting, self._drain.set_aside - set_aside
        return Written(committed=waited - waiting - refused, spooled=waiting, refused=refused)

    def close(self) -> None:
        """Store what can be stored, and let go of everything; what waits stays on the disk for the next start."""
        if self._closed:
            return
        self._closed = True
        if self._spool.waiting and self._drain.is_due:
            self.flush(timeout_s=CLOSE_WITHIN_S)
        if self._drain.close(timeout_s=CLOSE_WITHIN_S):
            self._spool.close()
        else:
            logger.error("the database does not let go; %d signals wait in %s", self.waiting, self._spool.folder)

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, signals: Sequence[Signal]) -> Written:
        try:
            numbers = self._spool.append(signals)
        except DiskFull as full:
            return self._write_straight(signals, full)
        if self._drain.is_due:
            run = self._drain.ask()
            self._drain.wait(run, until=lambda: self._spool.done >= numbers[-1], timeout_s=self._patience_s)
        settled = min(max(self._spool.done + 1 - numbers.start, 0), len(numbers))
        refused = self._drain.refused_among(numbers[:settled])
        return Written(committed=settled - refused, spooled=len(numbers) - settled, refused=refused)

    def _write_straight(self, signals: Sequence[Signal], full: DiskFull) -> Written:
        """Store what the disk cannot keep; when the database does not take it either, say so: it is lost."""
        refused = self._drain.store_now(signals, timeout_s=LAST_RESORT_S) if self._drain.is_due else None
        if refused is None:
            logger.critical(
                "%d signals are lost: %s; and the database: %s", len(signals), full, self.trouble or "silent"
            )
            raise full
        logger.error("signals go to the database alone: %s (%s)", full, full.hint)
        return Written(committed=len(signals) - refused, refused=refused)


def open_sink(
    dsn: str, spool_folder: Path, *, clock: Clock = utc_now, patience_s: float = PATIENCE_S
) -> Sink:  # fmt: skip
    """Return a sink over a database and a spool. Nothing is asked of the database yet: it may be away."""
    return Sink(server_of(dsn), Spool(spool_folder), clock=clock, patience_s=patience_s)
