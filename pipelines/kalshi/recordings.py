"""What a recorder leaves behind for whoever comes after it: unique names, and how far it had come when it died.

The exchange numbers subscriptions from 1 on each connection. In the lake `sid` names one subscription of one connection
for good: the second (since 2020) in which it began, or the next free one, claimed by creating a file. Before rows are
written it is noted up to which number they reach. So the first number that is certainly missing after a kill is known
even when the rows themselves were folded in long ago, and the next recorder puts the mark of the gap there.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from pipelines.kalshi.book_rows import rows_of
from pipelines.kalshi.events import BOOKS_CHANNEL, Event, Gap
from pipelines.kalshi.messages import Delta, Snapshot
from warehouse.clock import Clock
from warehouse.errors import FileBroken
from warehouse.lake.files import read_json, write_json
from warehouse.lake.hot import HotArea
from warehouse.lake.layout import LakePaths
from warehouse.lake.tables import BOOKS, TRADES

logger = logging.getLogger(__name__)

SIDS_SINCE = datetime(2020, 1, 1, tzinfo=UTC)
"""Seconds since then fit the column until 2088."""

CLAIMS_KEPT = timedelta(days=2)


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How far the rows of one subscription go: its last number, when that came, and its markets."""

    seq: int
    received_us: int
    market_tickers: tuple[str, ...]


class Recording:
    """One recorder's place in the hot area, held by a lock that goes with the process."""

    def __init__(self, paths: LakePaths, *, clock: Clock) -> None:
        self._folder = paths.hot / "recorders"
        self._sids = paths.hot / "sids"
        self._clock = clock
        self._sid_of: dict[int, int] = {}
        self._reach: dict[int, Reach] = {}
        self.name, self._lock = self._enter()

    def sid_of(self, subscription: int) -> int:
        """Return the name of a subscription in the lake; the first time it is claimed."""
        if subscription not in self._sid_of:
            self._sid_of[subscription] = self._claim()
        return self._sid_of[subscription]

    def note(self, events: Sequence[Event], market_tickers: Sequence[str]) -> None:
        """Write down how far the rows of these events will reach; a subscription that ended with a gap is done."""
        for received_us, subscription, said in events:
            if isinstance(said, Gap) and said.ends:
                self._reach.pop(subscription, None)
            elif isinstance(said, Snapshot | Delta) or (isinstance(said, Gap) and said.channel == BOOKS_CHANNEL):
                self._reach[subscription] = Reach(
                    seq=said.seq, received_us=received_us, market_tickers=tuple(market_tickers)
                )
        write_json(
            self._folder / f"{self.name}.json",
            {str(self.sid_of(number)): asdict(reach) for number, reach in self._reach.items()},
        )

    def close(self) -> None:
        """Leave in good order: every subscription has its last gap in the rows."""
        (self._folder / f"{self.name}.json").unlink(missing_ok=True)
        (self._folder / f"{self.name}.lock").unlink(missing_ok=True)
        os.close(self._lock)

    def abandon(self) -> None:
        """Leave as one who died: the next recorder marks the gaps."""
        os.close(self._lock)

    def _enter(self) -> tuple[str, int]:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sids.mkdir(parents=True, exist_ok=True)
        while True:
            name = f"{self._clock():%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
            path = self._folder / f"{name}.lock"
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            if _locked(lock) and path.exists():  # not taken for a dead one's between both steps
                return name, lock
            os.close(lock)

    def _claim(self) -> int:
        sid = (self._clock() - SIDS_SINCE) // timedelta(seconds=1)
        oldest = sid - CLAIMS_KEPT // timedelta(seconds=1)
        for claim in self._sids.iterdir():
            if claim.name.isdigit() and int(claim.name) < oldest:
                claim.unlink(missing_ok=True)
        while True:
            try:
                (self._sids / str(sid)).touch(exist_ok=False)
            except FileExistsError:
                sid += 1
            else:
                return sid


def close_abandoned(paths: LakePaths) -> int:
    """Mark the gap behind every recorder that died without a farewell; return how many markets have one."""
    marked = 0
    for lock_path in sorted((paths.hot / "recorders").glob("*.lock")):
        with _taken_over(lock_path) as is_dead:
            if is_dead:
                marked += _mark(paths, lock_path)
    return marked


def _mark(paths: LakePaths, lock_path: Path) -> int:
    note_path = lock_path.with_suffix(".json")
    area, name = HotArea(paths), lock_path.stem
    reach = _noted(note_path)
    events = list(_last_gaps(_still_here(area, name, reach) if reach else {}))
    if events:
        books, _ = rows_of(events, sid_of=lambda sid: sid)
        closing = f"{name}-closing-{secrets.token_hex(4)}"
        area.append(BOOKS, books.frame, name=closing)
        logger.warning("the recorder %s died; a gap is marked behind %d subscriptions", name, len(events))
    for table in (BOOKS, TRADES):
        area.remove_drafts(table, prefix=name)
    note_path.unlink(missing_ok=True)
    lock_path.unlink(missing_ok=True)
    return sum(len(event.message.market_tickers) for event in events if isinstance(event.message, Gap))


def _last_gaps(reached: Mapping[int, Reach]) -> Iterator[Event]:
    for sid, reach in reached.items():
        gap = Gap(reach.seq + 1, BOOKS_CHANNEL, reach.market_tickers, "the recorder died", ends=True)
        # Known from the last frame on: nobody was there to trust the book any longer.
        yield Event(reach.received_us, sid, gap)


def _still_here(area: HotArea, name: str, noted: Mapping[int, Reach]) -> dict[int, Reach]:
    """Return how far the rows really go: the last flush may not have come to its end.

    Where a publish has taken all rows of a subscription, what was noted is the nearest place that is certainly free.
    """
    reached = dict(noted)
    for part in area.rows(BOOKS, run_id=name, prefix=name):
        last = part.frame.group_by("sid").agg(pl.col("seq").max(), pl.col("known_utc").max().to_physical())
        for sid, seq, known_us in last.iter_rows():
            seen = reached.get(sid)
            if seen is not None and (seen == noted[sid] or seen.seq < seq):
                reached[sid] = replace(seen, seq=seq, received_us=known_us)
    return reached


def _noted(path: Path) -> dict[int, Reach]:
    if not path.exists():
        return {}
    try:
        noted = read_json(path)
    except FileBroken as error:
        logger.error("how far a recorder came cannot be read, so its gap is not marked: %s", error)
        return {}
    return {
        int(sid): Reach(**{**reach, "market_tickers": tuple(reach["market_tickers"])}) for sid, reach in noted.items()
    }


@contextmanager
def _taken_over(lock_path: Path) -> Iterator[bool]:
    """Yield whether the recorder of this lock is dead; while it is being closed, no other closes it."""
    try:
        lock = os.open(lock_path, os.O_RDWR)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _locked(lock) and lock_path.exists()
    finally:
        os.close(lock)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
