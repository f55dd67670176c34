"""The journal of orders: lines of JSON that are on the disk before what they announce is done.

Each line has a checksum over its content and a number that follows the last. A last line that is torn was never acted
upon, since only what is wholly written is; it is cut off. Damage anywhere else is a broken file. One process at a time
writes it.

What is announced is waited for; what has happened is written at once and waited for a little later, with the rest of
its tick. A killed process loses neither. A machine that loses its power loses at most the second, and the exchange
knows it: an intent without an outcome is looked for at the next start.
"""

from __future__ import annotations

import fcntl
import logging
import os
import zlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from kwx.exec.venue.entries import Entry, Numbered
from warehouse.clock import Clock
from warehouse.errors import FileBroken, Refused
from warehouse.lake.files import naming_a_full_disk, sync_folder

logger = logging.getLogger(__name__)

_HEAD = b'{"crc":"'
_MIDDLE = b'","line":'


class _Line(msgspec.Struct):
    """A line: the checksum, and what it is of."""

    crc: str
    line: msgspec.Raw


_encode = msgspec.json.Encoder().encode
_decode_line = msgspec.json.Decoder(_Line).decode
_decode_entry = msgspec.json.Decoder(Numbered).decode


class Journal:
    """One journal, opened to be gone on with. `entries` are those that it had."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = FileIO(path, "ab+")
        try:
            self._lock()
            sync_folder(path.parent)
            self.entries = self._read()
        except BaseException:
            self._file.close()
            raise
        self._last = len(self.entries)
        self._is_whole = self._is_synced = True

    def append(self, entry: Entry, *, waits: bool = True) -> Numbered:
        """Write one entry and, if told so, wait for the disk; what could not be written wholly is not there at all."""
        if not self._is_whole:
            raise FileBroken(f"{self.path} could not be written before", hint="restart: its tail is mended then")
        numbered = Numbered(n=self._last + 1, at_utc=self._clock(), entry=entry)
        end = self._file.seek(0, os.SEEK_END)
        try:
            with naming_a_full_disk(self.path.parent):
                self._write(_line_of(numbered), end, waits=waits)
        except BaseException:
            self._is_whole = False
            raise
        self._last, self._is_synced = numbered.n, waits
        return numbered

    def sync(self) -> None:
        """Wait until everything that was written is on the disk."""
        if not self._is_synced:
            os.fsync(self._file.fileno())
            self._is_synced = True

    def close(self) -> None:
        """Put everything on the disk and let go of the file."""
        if not self._file.closed:
            self.sync()
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, line: bytes, end: int, *, waits: bool) -> None:
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
            if waits:
                os.fsync(self._file.fileno())
        except OSError:
            os.ftruncate(self._file.fileno(), end)
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                f"another process trades with the journal {self.path}", hint="stop it first: one account, one trader"
            ) from None

    def _read(self) -> list[Numbered]:
        """Return the entries, and cut off a last line that is torn."""
        self._file.seek(0)
        content = self._file.readall() or b""
        found, whole = _whole(self.path, content)
        if whole < len(content):
            logger.warning("%s ends in a torn line of %d bytes: it is cut off", self.path, len(content) - whole)
            os.ftruncate(self._file.fileno(), whole)
            os.fsync(self._file.fileno())
        return found


def entries_of(path: Path) -> list[Numbered]:
    """Return what a journal holds that somebody else may be writing, a torn last line left out; nothing of none."""
    return _whole(path, path.read_bytes())[0] if path.exists() else []


def _whole(path: Path, content: bytes) -> tuple[list[Numbered], int]:
    """Return the entries of the whole lines, and where these end."""
    found, whole = list[Numbered](), 0
    for number, line, end in _lines(content):
        entry = _entry_of(line)
        if entry is None and end >= len(content):
            break
        if entry is None or entry.n != number:
            raise FileBroken(
                f"{path}, line {number}, is not as it was written",
                hint="orders may be open that no line tells of: look at the account, then move the journal away",
            )
        found.append(entry)
        whole = end
    return found, whole


def _line_of(numbered: Numbered) -> bytes:
    content = _encode(numbered)
    return b"%s%08x%s%s}\n" % (_HEAD, zlib.crc32(content), _MIDDLE, content)


def _lines(content: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield each line with its number and where it ends; one without an end is torn."""
    begin, number = 0, 1
    while begin < len(content):
        end = content.find(b"\n", begin) + 1 or len(content)
        yield number, content[begin:end], end
        begin, number = end, number + 1


def _entry_of(line: bytes) -> Numbered | None:
    """Return what a line says, None where it is not whole."""
    if not line.endswith(b"\n"):
        return None
    try:
        said = _decode_line(line)
        if said.crc != f"{zlib.crc32(bytes(said.line)):08x}":
            return None
        return _decode_entry(said.line)
    except msgspec.DecodeError:
        return None
