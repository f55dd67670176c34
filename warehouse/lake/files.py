"""Durable steps on files: what returned is on the disk, and no reader sees a state between."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from warehouse.errors import DiskFull, FileBroken
from warehouse.lake.layout import DRAFT

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
_NEXT_TO_NOTHING_BYTES = 1_000_000
READ_ONLY = 0o444
_MANY_FOLDERS = 64
"""A folder is flushed in about a millisecond, a file system in some ten, whatever lies on it."""


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make every name below a folder durable, the deepest first; of many folders by one flush of their file system."""
    below = sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True)
    if len(below) > _MANY_FOLDERS and _flushed(folder):
        return
    for one in (*below, folder):
        sync_folder(one)


def _flushed(folder: Path) -> bool:
    """Flush the whole file system on which a folder lies; tell whether the system could."""
    flush = getattr(ctypes.CDLL(None), "syncfs", None)
    if flush is None:
        return False
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        return bool(flush(descriptor) == 0)
    finally:
        os.close(descriptor)


def write_new(path: Path, content: bytes) -> None:
    """Write a file whose name was never used, and wait for the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())


def write_json(path: Path, value: Any) -> None:
    """Write JSON that a person can read: a draft first, then its name."""
    draft = path.with_name(path.name + DRAFT)
    write_new(draft, json.dumps(value, indent=1, sort_keys=True).encode())
    draft.replace(path)


def read_json(path: Path) -> Any:
    """Read a JSON file of the lake; a torn one is a broken file, not a Python traceback."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise FileBroken(
            f"{path} cannot be read: {error}", hint="kwx lake check names what is whole; kwx lake rollback goes back"
        ) from error


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name; where the file system has no hard links, copy it."""
    try:
        os.link(source, target)
    except FileNotFoundError as error:
        raise FileBroken(
            f"{source} is missing: the snapshot that is built upon is not whole",
            hint="kwx lake check names what is missing",
        ) from error
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        write_new(target, source.read_bytes())
        target.chmod(READ_ONLY)


def switch_link(link: Path, target: str) -> None:
    """Point a symbolic link elsewhere in one atomic step."""
    draft = link.with_name(link.name + DRAFT)
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(link)
    sync_folder(link.parent)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def remove_tree(folder: Path) -> None:
    """Remove a folder if it is there; it loses its name first: a kill never leaves half of it under that name."""
    if folder.is_dir() and folder.suffix != DRAFT:
        doomed = folder.with_name(folder.name + DRAFT)
        shutil.rmtree(doomed, ignore_errors=True)
        folder = folder.replace(doomed)
    shutil.rmtree(folder, ignore_errors=True)


def _for_want_of_room(error: Exception, root: Path) -> bool:
    """Tell whether an error means a full disk: the databases say so in words of their own."""
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    return shutil.disk_usage(root).free < _NEXT_TO_NOTHING_BYTES


@contextmanager
def naming_a_full_disk(root: Path) -> Iterator[None]:
    """Tell a full disk as what it is, with the room that is left and the next step."""
    try:
        yield
    except (OSError, duckdb.Error, sqlite3.OperationalError) as error:
        if not _for_want_of_room(error, root):
            raise
        free_mb = shutil.disk_usage(root).free / 1e6
        raise DiskFull(
            f"the disk of {root} is full ({free_mb:.1f} MB free); nothing was published, the last snapshot is whole",
            hint="free some room, or drop old snapshots with: kwx lake gc --keep 2",
        ) from error
