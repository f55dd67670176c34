"""Frames: pieces of bytes one after the other in a file that only grows, each with its length and its checksum.

A frame that the file ends within was being written when the writer died: nothing was done about it yet, and it is cut
off when the file is opened to go on. A frame that is whole and has another checksum was altered later: it is refused.
"""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from warehouse.errors import FileBroken, LakeBusy
from warehouse.lake.files import naming_a_full_disk, sync_folder

_HEAD = struct.Struct("<4sIII")  # mark, length, checksum of the content, checksum of the three
_CHECKED_HEAD = struct.Struct("<4sII")
_MARK, _END = b"KWXJ", b"\x0aKWX"


class Frame(NamedTuple):
    """One frame of a file: where it begins, and what it holds."""

    at: int
    content: bytes


def framed(content: bytes) -> bytes:
    """Return the bytes of a frame."""
    head = _CHECKED_HEAD.pack(_MARK, len(content), zlib.crc32(content))
    return b"".join((head, zlib.crc32(head).to_bytes(4, "little"), content, _END))


def frames_of(path: Path) -> Iterator[Frame]:
    """Yield the whole frames of a file; a torn one at its end is nobody's, an altered one is refused."""
    # No frame ends in zeros: a file that does was given room by a system that died before it wrote what belongs there.
    said = memoryview(path.read_bytes().rstrip(b"\0") if path.exists() else b"")
    at = 0
    while (content := _frame_at(said[at:], at, path)) is not None:
        yield Frame(at, content)
        at += _frame_bytes(content)


def _frame_bytes(content: bytes) -> int:
    return _HEAD.size + len(content) + len(_END)


def _frame_at(said: memoryview, at: int, path: Path) -> bytes | None:
    """Return what the first of some frames holds, None where the file ends, or ends within it."""
    if len(said) < _HEAD.size:
        return None
    mark, length, checksum, head_checksum = _HEAD.unpack(said[: _HEAD.size])
    if mark != _MARK or zlib.crc32(said[: _CHECKED_HEAD.size]) != head_checksum:
        raise _altered(path, at)
    rest = said[_HEAD.size + length :]
    if len(rest) < len(_END):
        return None
    content = bytes(said[_HEAD.size : _HEAD.size + length])
    if rest[: len(_END)] != _END or zlib.crc32(content) != checksum:
        raise _altered(path, at)
    return content


def _altered(path: Path, at: int) -> FileBroken:
    return FileBroken(
        f"{path} was altered: the record at byte {at:,} is not what was written",
        hint="bring the file back from a copy, or move it away: the date is begun anew without its minutes",
    )


class FrameFile:
    """A file of frames that is written, by one process at a time; what was appended is on the disk."""

    def __init__(self, path: Path, visit: Callable[[bytes], None], *, sync: bool = True) -> None:
        """Open a file, show what it holds to `visit`, frame by frame, and cut off what is torn."""
        self.path = path
        self._sync = sync
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            self._lock()
            self._size = 0
            for frame in frames_of(path):
                visit(frame.content)
                self._size = frame.at + _frame_bytes(frame.content)
            os.ftruncate(self._descriptor, self._size)
            if is_new and sync:
                sync_folder(path.parent)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LakeBusy(
                f"{self.path} is being written by another loop", hint="one loop at a time: stop the other"
            ) from error

    def append(self, content: bytes) -> None:
        """Add a frame; where it could not be written whole, nothing of it stays."""
        frame = framed(content)
        with naming_a_full_disk(self.path.parent):
            try:
                self._write(frame)
            except BaseException:
                os.ftruncate(self._descriptor, self._size)
                raise
        self._size += len(frame)

    def _write(self, frame: bytes) -> None:
        left = memoryview(frame)
        while left:
            left = left[os.write(self._descriptor, left) :]
        if self._sync:
            os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
