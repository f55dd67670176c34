"""Signals on their way: an ordered queue in append-only files, on the disk before a write is acknowledged.

Everything goes through it: what came first is stored first, and a kill at any moment leaves each signal either not yet
acknowledged or here. It leaves the queue only after it was committed, or set aside because the database refused it.
Storing again what was stored already changes nothing, so the mark of how far the queue is done need not be durable.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kwx.live.sink.aside import Aside, damaged
from kwx.live.sink.lines import Line, line_of, read_line
from kwx.live.sink.signal import Signal
from kwx.live.sink.tail import Tail, full_disk
from warehouse.errors import LakeBusy

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 1_000_000
APPEND_ROWS = 1_000
"""Most rows of one append: with the size of a segment it bounds a file."""

ENDING = ".spool"
_DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The next of the queue, in order: signals with their numbers, the damaged lines between them, where it ends."""

    signals: tuple[Signal, ...]
    numbers: tuple[int, ...]
    damaged: tuple[bytes, ...]
    last: int
    offset: int


class Spool:
    """One folder of files, held by one process at a time. One thread appends, one takes."""

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self._segment_bytes = segment_bytes
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _held(folder)
        self._mark = os.open(folder / "done", os.O_RDWR | os.O_CREAT, 0o644)
        self._state = threading.Lock()  # over _done, _offset, _last, _segments and the size of the tail
        try:
            self._open()
        except BaseException:
            os.close(self._mark)
            os.close(self._lock)
            raise

    def _open(self) -> None:
        """Find where the last holder of the folder stopped."""
        folder = self.folder
        self.aside = Aside(folder)
        self._segments = sorted(folder.glob(f"{'[0-9]' * _DIGITS}{ENDING}")) or [self._segment(self._marked() + 1)]
        self._last = self._mend(self._segments[-1]) if self._segments[-1].exists() else self._marked()
        self._tail = Tail(self._segments[-1])
        # A mark that is not within these files is not theirs: then all of them is done again.
        before = _first(self._segments[0]) - 1
        self._done = self._marked() if before <= self._marked() <= self._last else before
        self._drop_done()
        self._offset = _end_of_done(self._segments[0], self._done)

    @property
    def waiting(self) -> int:
        """Rows that are neither committed nor set aside."""
        with self._state:
            return self._last - self._done

    @property
    def done(self) -> int:
        """The number up to which all is committed or set aside."""
        with self._state:
            return self._done

    def append(self, signals: Sequence[Signal]) -> range:
        """Put signals at the end, wait for the disk, and return their numbers; on an error none of them is there."""
        if len(signals) > APPEND_ROWS:
            raise ValueError(f"{len(signals)} rows in one append; at most {APPEND_ROWS}")
        numbers = range(self._last + 1, self._last + 1 + len(signals))
        content = b"".join(map(line_of, numbers, signals))
        try:
            if self._tail.size and self._tail.size + len(content) > self._segment_bytes:
                self._begin_segment(numbers.start)
            with self._state:
                self._tail.extend(content)
                self._last += len(signals)
        except OSError as error:
            raise full_disk(
                error,
                what=f"{len(signals)} signals",
                folder=self.folder,
                hint="free some room; until then signals are kept only while the database answers",
            ) from error
        return numbers

    def take(self, most: int) -> Batch | None:
        """Return up to so many of the oldest rows that are not done, at most to the end of a file; None when none."""
        with self._state:
            self._drop_done()
            if self._done >= self._last:
                return None
            path, offset, last = self._segments[0], self._offset, self._end_of(0)
            limit = self._tail.size if path == self._tail.path else path.stat().st_size
        lines, offset = _lines(path, offset, limit=limit, most=most)
        there = [(line.number, line.signal) for line in lines if line.signal is not None]
        reached = there[-1][0] if there else self._done
        return Batch(
            signals=tuple(signal for _, signal in there),
            numbers=tuple(number for number, _ in there),
            damaged=tuple(line.raw for line in lines if line.signal is None),
            last=last if offset >= limit else reached,
            offset=offset,
        )

    def finish(self, batch: Batch) -> None:
        """Take a batch out of the queue, and remove the file of which nothing waits any longer."""
        with self._state:
            self._done, self._offset = batch.last, batch.offset
            with suppress(OSError):  # no room: what is stored again after a restart changes nothing
                os.pwrite(self._mark, b"%0*d" % (_DIGITS, batch.last), 0)
            self._drop_done()

    def close(self) -> None:
        """Let go of the folder; what waits stays."""
        self._tail.close()
        os.close(self._mark)
        os.close(self._lock)

    def _segment(self, number: int) -> Path:
        return self.folder / f"{number:0{_DIGITS}d}{ENDING}"

    def _marked(self) -> int:
        told = os.pread(self._mark, _DIGITS, 0)
        return int(told) if len(told) == _DIGITS and told.isdigit() else 0

    def _begin_segment(self, number: int) -> None:
        tail = Tail(self._segment(number))
        with self._state:
            self._tail.close()
            self._tail = tail
            self._segments.append(tail.path)

    def _end_of(self, place: int) -> int:
        """Return the number of a file's last row."""
        following = self._segments[place + 1 : place + 2]
        return _first(following[0]) - 1 if following else self._last

    def _drop_done(self) -> None:
        """Remove the files before the newest of which nothing waits."""
        while len(self._segments) > 1 and self._end_of(0) <= self._done:
            self._segments.pop(0).unlink(missing_ok=True)
            self._offset = 0

    def _mend(self, path: Path) -> int:
        """Cut off what a kill left half-written behind the last whole line; return the number of that line."""
        last, end, offset = _first(path) - 1, 0, 0
        content = path.read_bytes()
        for raw in content.splitlines(keepends=True):
            offset += len(raw)
            line = read_line(raw)
            if line.signal is not None:
                last, end = line.number, offset
        if end < len(content):
            logger.warning("%d bytes behind the last whole line of %s are cut off", len(content) - end, path)
            self.aside.put(damaged(raw) for raw in content[end:].splitlines(keepends=True) if raw.endswith(b"\n"))
            os.truncate(path, end)
        return last


def _lines(path: Path, offset: int, *, limit: int, most: int) -> tuple[list[Line], int]:
    """Read up to so many lines from an offset, none beyond the limit; return them and where the next begins."""
    lines: list[Line] = []
    with path.open("rb") as handle:
        handle.seek(offset)
        while len(lines) < most and offset < limit:
            raw = handle.readline(limit - offset)
            if not raw:
                return lines, limit
            offset += len(raw)
            lines.append(read_line(raw))
    return lines, offset


def _end_of_done(path: Path, done: int) -> int:
    """Return where in a file the rows that are not done begin."""
    end = offset = 0
    with path.open("rb") as handle:
        for raw in handle:
            number = read_line(raw).number
            offset += len(raw)
            if number > done:
                break
            if number:  # a damaged line has none, and is not behind us before a whole one after it is
                end = offset
    return end


def _first(path: Path) -> int:
    return int(path.stem)


def _held(folder: Path) -> int:
    """Take the folder for this process; the system gives it back however the process ends."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 40, 0).decode(errors="replace") or "another process"
        os.close(handle)
        raise LakeBusy(
            f"the signals in {folder} are being stored by {holder}",
            hint="the running loop replays by itself as soon as the database answers",
        ) from None
    with suppress(OSError):  # no room for a name is no reason not to start
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()}".encode(), 0)
    return handle
