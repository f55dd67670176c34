"""The journal: a file for each event date, which holds every minute that was decided before anything is done about it.

What was decided between two minutes, of orders that rest at an exchange, stands behind the minute that it follows.

After a restart the state of a date is what stepping its minutes again comes to (kwx.live.journal.recovery). Minutes
follow each other without a hole: those that the loop missed are stepped, and written, without an opinion. Settlements
follow all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec

from kwx.live.journal.frames import FrameFile, frames_of
from kwx.live.journal.packed import Parts
from kwx.live.journal.record import MinuteRecord, Origin
from kwx.live.journal.recorded import Recorded, Segment
from kwx.live.journal.wire import BETWEEN, ORIGIN, Kept, between_bytes, kept_of, origin_bytes, origin_of, record_bytes
from warehouse.errors import FileBroken, Refused
from warehouse.lake.store import Lake

MINUTE = timedelta(minutes=1)
WHOLE_EVERY = 30
"""So many records after which one is kept whole, not against the one before."""
_SUFFIX = ".journal"


def journal_folder(lake: Lake) -> Path:
    """Return where the loop of a lake keeps its journal."""
    return lake.paths.root / "live" / "journal"


class Journal:
    """The journals of some event dates, in one folder; one process writes a date at a time, any number read.

    Its threads write one after the other, and wait for the disk so.
    sync: wait for the disk. A test of speed does without.
    """

    def __init__(self, folder: Path | str, *, sync: bool = True) -> None:
        self.folder = Path(folder)
        self._sync = sync
        self._writing: dict[date, _Writing] = {}
        self._one_at_a_time = threading.Lock()

    def event_dates(self) -> list[date]:
        """Return the dates that have a journal, in order."""
        return sorted(date.fromisoformat(path.stem) for path in self.folder.glob(f"*{_SUFFIX}"))

    def path(self, event_date: date) -> Path:
        """Return the file of a date."""
        return self.folder / f"{event_date.isoformat()}{_SUFFIX}"

    def begin(self, origin: Origin) -> None:
        """Say of what the minutes that follow are made; what is so already is not said again."""
        with self._one_at_a_time:
            self._open(origin.event_date).begin(origin)

    def append(self, event_date: date, record: MinuteRecord) -> None:
        """Write a record; it is on the disk when this returns."""
        with self._one_at_a_time:
            self._open(event_date).append(record)

    def append_between(self, event_date: date, record: MinuteRecord) -> None:
        """Write what was decided after a minute and before the next; it is on the disk when this returns."""
        content = between_bytes(record)
        with self._one_at_a_time:
            self._open(event_date).file.append(content)

    def read(self, event_date: date) -> Recorded:
        """Return all that a date's journal holds."""
        path, segments = self.path(event_date), list[Segment]()

        def take(kept: Kept) -> None:
            segments[-1].kept.append(kept)

        def take_between(kept: Kept) -> None:
            segments[-1].between.append(kept)

        _visit(path, segments.append, take, take_between)
        if not segments:
            known = " ".join(map(str, self.event_dates())) or "none"
            raise Refused(f"{path} holds nothing of {event_date}", hint=f"dates that have a journal: {known}")
        return Recorded(segments=tuple(segment for segment in segments if segment.kept) or (segments[-1],))

    def last(self, event_date: date) -> MinuteRecord | None:
        """Return the last record of a date, None where there is none."""
        found: list[Kept] = []
        _visit(self.path(event_date), lambda _: None, lambda kept: found.__setitem__(slice(None), [kept]))
        return found[0].record() if found else None

    def close(self) -> None:
        """Let go of every file."""
        with self._one_at_a_time:
            while self._writing:
                self._writing.popitem()[1].file.close()

    def let_go(self, event_date: date) -> None:
        """Let go of the file of a date of which nothing more comes."""
        with self._one_at_a_time:
            if (writing := self._writing.pop(event_date, None)) is not None:
                writing.file.close()

    def _open(self, event_date: date) -> _Writing:
        if event_date not in self._writing:
            self._writing[event_date] = _Writing(self.path(event_date), sync=self._sync)
        return self._writing[event_date]


Result = TypeVar("Result")


class _Writing:
    """A file that is being written: where it stands, and what the next record is held against."""

    def __init__(self, path: Path, *, sync: bool) -> None:
        self.origin: Origin | None = None
        self.last_utc: datetime | None = None
        self.is_settled = False
        self.parts: Parts = {}
        self.records = 0
        reader = _Reader(path, self._began, self._took)
        self.file = reader.naming_the_minute(lambda: FrameFile(path, reader.visit, sync=sync))

    def _began(self, segment: Segment) -> None:
        self.origin = segment.origin

    def _took(self, kept: Kept) -> None:
        self.last_utc, self.is_settled, self.parts = kept.minute_utc, kept.is_settlement, kept.parts
        self.records += 1

    def begin(self, origin: Origin) -> None:
        if self.origin is not None:
            self._require_room(self.origin, origin)
            if not origin.differs_from(self.origin):
                return
        self.file.append(origin_bytes(origin))
        self.origin = origin

    def append(self, record: MinuteRecord) -> None:
        is_settlement = record.is_settlement
        self._require_next(record, is_settlement=is_settlement)
        whole = self.records % WHOLE_EVERY == 0
        content, parts = record_bytes(record, {} if whole else self.parts)
        self.file.append(content)
        self.last_utc, self.is_settled, self.parts = record.minute_utc, is_settlement, parts
        self.records += 1

    def _require_room(self, before: Origin, origin: Origin) -> None:
        if before.tickers.shape != origin.tickers.shape or before.cities != origin.cities:
            ours, theirs = (f"{len(o.tickers)} brackets of {' '.join(o.cities)}" for o in (origin, before))
            raise Refused(
                f"{self.file.path} holds {theirs}, not {ours}",
                hint="a date keeps its cities and its room for brackets: trade it with those that it began with",
            )

    def _require_next(self, record: MinuteRecord, *, is_settlement: bool) -> None:
        path = self.file.path
        if self.origin is None:
            raise Refused(f"{path} does not say of what its minutes are made", hint="begin the date first")
        if record.minute.open.shape != self.origin.tickers.shape:
            raise Refused(
                f"{path}: a minute of {record.minute.open.shape} brackets, cities and dates, where the journal has"
                f" {self.origin.tickers.shape}",
                hint="begin the date with the axes of its minutes",
            )
        if self.last_utc is None or (is_settlement and record.minute_utc >= self.last_utc):
            return
        if self.is_settled or record.minute_utc != self.last_utc + MINUTE:
            raise Refused(
                f"{path} is at {'the settlement' if self.is_settled else 'minute'} {self.last_utc:%Y-%m-%dT%H:%M}Z, the"
                f" record is of {record.minute_utc:%Y-%m-%dT%H:%M}Z",
                hint="step what was missed first, without an opinion; settle after the last minute",
            )


@dataclass
class _Reader:
    """What frames hold, told one by one; what cannot be read is named by the last minute before it."""

    path: Path
    began: Callable[[Segment], None]
    took: Callable[[Kept], None]
    took_between: Callable[[Kept], None] = lambda _: None
    last: Kept | None = None

    def visit(self, content: bytes) -> None:
        try:
            if content[:1] == ORIGIN:
                self.began(Segment(origin=origin_of(content), kept=[]))
                return
            if content[:1] == BETWEEN:
                self.took_between(kept_of(content, {}))
                return
            self.last = kept_of(content, {} if self.last is None else self.last.parts)
        except (ValueError, KeyError, TypeError, msgspec.DecodeError) as error:
            raise FileBroken(
                f"{self.path} holds what this code cannot read: {error}",
                hint="bring back the code that wrote it, or move the file away: the date is begun anew",
            ) from error
        self.took(self.last)

    def naming_the_minute(self, read: Callable[[], Result]) -> Result:
        """Read, and say of what is broken where the whole minutes end."""
        try:
            return read()
        except FileBroken as error:
            until = "no minute" if self.last is None else f"minutes to {self.last.minute_utc:%Y-%m-%dT%H:%M}Z"
            raise FileBroken(f"{error}; {until} before it can be read", hint=error.hint) from error


def _visit(
    path: Path, began: Callable[[Segment], None], took: Callable[[Kept], None],
    took_between: Callable[[Kept], None] = lambda _: None,
) -> None:  # fmt: skip
    reader = _Reader(path, began, took, took_between)

    def read() -> None:
        for frame in frames_of(path):
            reader.visit(frame.content)

    reader.naming_the_minute(read)
