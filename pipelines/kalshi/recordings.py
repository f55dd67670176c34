"""What a recorder leaves behind for whoever comes after it: unique names, and how far it had come when it died.

The exchange numbers subscriptions from 1 on each connection. In the lake `sid` names one subscription of one connection
for good: the second (since 2020) in which it began, or the one after the last name where that is later: a clock that is
set back uses no name again. Before rows are
written it is noted up to which number they reach. So the first number that is certainly missing after a kill is known
even when the rows themselves were folded in long ago: the next recorder, or the next publish, marks the gap there.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from pipelines.kalshi.book_rows import rows_of, trade_gap
from pipelines.kalshi.events import BOOKS_CHANNEL, TRADES_CHANNEL, Event, Gap, event_known_us
from pipelines.kalshi.messages import Delta, Snapshot
from pipelines.payload import refused_frame
from warehouse.clock import Clock
from warehouse.errors import FileBroken
from warehouse.lake.files import read_json, write_json
from warehouse.lake.hot import HotArea
from warehouse.lake.layout import LakePaths
from warehouse.lake.quarantine import put_in_quarantine
from warehouse.lake.tables import BOOKS, TRADES

logger = logging.getLogger(__name__)

SIDS_SINCE = datetime(2020, 1, 1, tzinfo=UTC)
"""Seconds since then fit the column until 2088."""

RECORDERS = "recorders"
"""The folder of those who record, below the hot area."""

_SID_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How far the rows of one subscription go: its last number, since when all is known, and the markets of its rows.

    `reads_yes_price` says at which prices the no side was read.
    """

    seq: int
    known_us: int
    market_tickers: tuple[str, ...]
    reads_yes_price: bool = True


class Recording:
    """One recorder's place in the hot area, held by a lock that goes with the process."""

    def __init__(self, paths: LakePaths, *, clock: Clock) -> None:
        self._folder = paths.hot / RECORDERS
        self._last_sid = paths.hot / "last-sid"
        self._clock = clock
        self._sid_of: dict[int, int] = {}
        self._reach: dict[int, Reach] = {}
        self.name, self._lock = self._enter()

    def sid_of(self, subscription: int) -> int:
        """Return the name of a subscription in the lake; the first time it is claimed."""
        if subscription not in self._sid_of:
            self._sid_of[subscription] = self._claim()
        return self._sid_of[subscription]

    def note(self, events: Sequence[Event], market_tickers: Collection[str], *, reads_yes_price: bool = True) -> None:
        """Write down how far the rows of these events will reach; a subscription that ended with a gap is done.

        A market that is followed no longer has its own mark.
        """
        reached = {number: _Reached.of(reach) for number, reach in self._reach.items()}
        for event in events:
            said = event.message
            if isinstance(said, Gap) and said.ends:
                reached.pop(event.subscription, None)
            elif isinstance(said, Snapshot | Delta) or (isinstance(said, Gap) and said.channel == BOOKS_CHANNEL):
                reached.setdefault(event.subscription, _Reached()).take(event, said)
        followed = set(market_tickers)
        self._reach = {
            number: Reach(
                seq=far.seq,
                known_us=far.known_us,
                market_tickers=tuple(sorted(far.tickers & followed)),
                reads_yes_price=reads_yes_price,
            )
            for number, far in reached.items()
        }
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
        while True:
            name = f"{self._clock():%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
            path = self._folder / f"{name}.lock"
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            if _locked(lock) and path.exists():  # not taken for a dead one's between both steps
                return name, lock
            os.close(lock)

    def _claim(self) -> int:
        """Take the next name, under a lock over all recorders; it is written in place, in one step."""
        handle = os.open(self._last_sid, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            told = os.pread(handle, _SID_DIGITS, 0)
            last = int(told) if told.isdigit() else 0
            sid = max((self._clock() - SIDS_SINCE) // timedelta(seconds=1), last + 1)
            os.pwrite(handle, f"{sid:0{_SID_DIGITS}d}".encode(), 0)
            os.fsync(handle)
        finally:
            os.close(handle)
        return sid


@dataclass(kw_only=True)
class _Reached:
    """What `Reach` says, while it grows."""

    seq: int = 0
    known_us: int = 0
    tickers: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, reach: Reach) -> _Reached:
        """Go on from what was noted."""
        return cls(seq=reach.seq, known_us=reach.known_us, tickers=set(reach.market_tickers))

    def take(self, event: Event, said: Snapshot | Delta | Gap) -> None:
        """Take in the next row."""
        self.seq, self.known_us = max(self.seq, said.seq), max(self.known_us, event_known_us(event))
        self.tickers.update(said.market_tickers if isinstance(said, Gap) else (said.market_ticker,))


def close_abandoned(paths: LakePaths) -> int:
    """Mark the gap behind every recorder that died without a farewell; return how many markets have one.

    The lock of one that lives protects it.
    """
    marked = 0
    for lock_path in sorted((paths.hot / RECORDERS).glob("*.lock")):
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
        put_in_quarantine(paths, table=TRADES.name, run_id=name, refused=refused_frame([_trades_behind(reach)]))
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
        yield Event(reach.known_us, sid, gap)


def _trades_behind(reached: Mapping[int, Reach]) -> dict[str, str | None]:
    last_us = max(reach.known_us for reach in reached.values())
    tickers = tuple(sorted({ticker for reach in reached.values() for ticker in reach.market_tickers}))
    return trade_gap(
        Gap(0, TRADES_CHANNEL, tickers or ("",), "the recorder died", ends=True, since_us=last_us), last_us
    )


def _still_here(area: HotArea, name: str, noted: Mapping[int, Reach]) -> dict[int, Reach]:
    """Return how far the rows really go: the last flush may not have come to its end.

    Where a publish has taken all rows of a subscription, what was noted is the nearest place that is certainly free.
    """
    reached = dict(noted)
    for part in area.rows(BOOKS, run_id=name, prefix=name):
        last = part.frame.group_by("sid").agg(pl.col("seq").max(), pl.col("known_utc").max().to_physical())
        for sid, seq, last_us in last.iter_rows():
            seen = reached.get(sid)
            if seen is not None and (seen == noted[sid] or seen.seq < seq):
                reached[sid] = replace(seen, seq=seq, known_us=last_us)
    return reached


def _noted(path: Path) -> dict[int, Reach]:
    if not path.exists():
        return {}
    try:
        noted = read_json(path)
        return {
            int(sid): Reach(**{**reach, "market_tickers": tuple(reach["market_tickers"])})
            for sid, reach in noted.items()
        }
    except (FileBroken, TypeError, ValueError, KeyError, AttributeError) as error:
        logger.error("how far a recorder came cannot be read, so its gap is not marked: %s", error)
        return {}


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
