"""Durable steps on files: what returned is on the disk, and no reader sees a state between."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from warehouse.errors import DiskFull, FileBroken
from warehouse.lake.layout import DRAFT

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP}
READ_ONLY = 0o444


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; a journalling file system commits every earlier rename with them."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
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
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copy2(source, target)


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
    """Remove a folder if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def naming_a_full_disk(root: Path) -> Iterator[None]:
    """Tell a full disk as what it is, with the room that is left and the next step."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        free_mb = shutil.disk_usage(root).free / 1e6
        raise DiskFull(
            f"the disk of {root} is full ({free_mb:.1f} MB free); nothing was published, the last snapshot is untouched",
            hint="free some room, or drop old snapshots with: kwx lake gc --keep 2",
        ) from error
