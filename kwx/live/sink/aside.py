"""What will not be stored: signals that the database refuses and lines that the disk spoiled, kept with the reason."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kwx.live.sink.signal import Signal
from kwx.live.sink.tail import Tail

FILE = "refused.jsonl"
_REMEMBERED_BYTES = 8_000_000


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """A signal that the database does not take, or a damaged line, and why."""

    reason: str
    signal: Signal | None = None
    damaged: str | None = None


def damaged(raw: bytes) -> SetAside:
    """Return a damaged line as what is written down of it."""
    return SetAside(reason="the line is damaged: its checksum differs", damaged=raw.decode(errors="backslashreplace"))


class Aside:
    """The file of what was set aside, in the folder of a spool."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._before = _last_lines(self._path)

    def put(self, rows: Iterable[SetAside]) -> None:
        """Write rows down durably; what a killed process wrote of them already is not written again."""
        said = dict.fromkeys(msgspec.json.encode(row) + b"\n" for row in rows)
        new = [line for line in said if line not in self._before]
        if not new:
            return
        tail = Tail(self._path)
        try:
            tail.extend(b"".join(new))
        finally:
            tail.close()


def _last_lines(path: Path) -> set[bytes]:
    """Return the last lines that were written before this start, and cut off a half-written one."""
    if not path.exists():
        return set()
    size = path.stat().st_size
    with path.open("rb") as handle:
        handle.seek(max(size - _REMEMBERED_BYTES, 0))
        lines = handle.readlines()
    if lines and not lines[-1].endswith(b"\n"):
        os.truncate(path, size - len(lines.pop()))
    return set(lines)
