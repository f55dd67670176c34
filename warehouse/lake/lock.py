"""One writer at a time: a file lock that the system releases when the holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.errors import LakeBusy

_LOOK_EVERY_SECONDS = 0.2


@contextmanager
def writer_lock(
    path: Path, *, purpose: str, wait_seconds: float = 0, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Hold the writer's lock, or say who holds it, at once or after a wait. The file stays; only its lock matters."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _take(descriptor, path, wait_seconds=wait_seconds, sleep=sleep)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}, {purpose}".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path, *, wait_seconds: float, sleep: Callable[[float], None]) -> None:
    for _ in range(int(wait_seconds / _LOOK_EVERY_SECONDS)):
        if _taken(descriptor):
            return
        sleep(_LOOK_EVERY_SECONDS)
    if not _taken(descriptor):
        holder = os.pread(descriptor, 200, 0).decode(errors="replace") or "another process"
        raise LakeBusy(
            f"the lake {path.parent} is being written by {holder}",
            hint="wait for it to finish; readers are not affected",
        )


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
