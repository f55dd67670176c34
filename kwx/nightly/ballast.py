"""Ballast: a file that takes room and gives it back when the disk is full, so that the night can still be told."""

from __future__ import annotations

import os
from pathlib import Path

BALLAST_BYTES = 4_000_000


def take_ballast(path: Path) -> None:
    """Take the room where it is not taken yet; a disk that has none is told by who needs more of it."""
    if path.is_file() and path.stat().st_size == BALLAST_BYTES:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("wb") as file:
            file.write(os.urandom(BALLAST_BYTES))  # zeros would take no room on a file system that packs
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        drop_ballast(path)


def drop_ballast(path: Path) -> None:
    """Give the room back."""
    path.unlink(missing_ok=True)
