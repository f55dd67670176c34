"""The file that grows: bytes are whole and on the disk when `extend` returns, and not there when it fails."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from warehouse.errors import DiskFull
from warehouse.lake.files import sync_folder

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Tail:
    """One file that is written at its end; its name is durable from the start."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            sync_folder(path.parent)
            self.size = os.fstat(self._handle).st_size
        except OSError:
            os.close(self._handle)
            raise

    def extend(self, content: bytes) -> None:
        """Put bytes at the end and wait for the disk; after an error the file is as it was."""
        try:
            written = 0
            while written < len(content):
                written += os.pwrite(self._handle, content[written:], self.size + written)
            os.fsync(self._handle)
        except OSError:
            # Where even cutting fails, the next bytes go over those of today, and a restart knows them by checksum.
            with suppress(OSError):
                os.ftruncate(self._handle, self.size)
            raise
        self.size += len(content)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)


def full_disk(error: OSError, *, what: str, folder: Path, hint: str) -> OSError | DiskFull:
    """Return a full disk as what it is, told with what could not be kept; any other error as it came."""
    if error.errno not in _NO_ROOM:
        return error
    return DiskFull(f"{what} cannot be kept: no room in {folder} ({error.strerror})", hint=hint)
