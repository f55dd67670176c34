"""The kill switch: a file. While it is there nothing new is sent; a person removes it, never this program.

It is made by hand, by SIGUSR1, or by `kill_now` from another process. SIGTERM and SIGINT ask to stop: nothing new is
sent any more, and whoever runs the loop cancels all and leaves.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from kwx.exec.venue.contract import Venue
from kwx.exec.venue.standing_down import stand_down
from warehouse.clock import Clock
from warehouse.lake.files import sync_folder

logger = logging.getLogger(__name__)

FILE_NAME = "KILL"
_LONGEST_REASON = 500


@dataclass(frozen=True, kw_only=True)
class Killed:
    """What a kill did: the file, the orders of ours that still rest (None: nobody looked), and what went wrong."""

    path: Path
    left: tuple[str, ...] | None
    errors: tuple[str, ...] = ()


class Kill:
    """One kill switch, looked at before everything that is sent."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stopping = False
        self._latched = ""
        path.parent.mkdir(parents=True, exist_ok=True)

    @property
    def engaged(self) -> bool:
        """True while nothing new may be sent: the file is there, or nobody can tell whether it is."""
        if self._latched:
            return True
        try:
            self.path.stat()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    @property
    def holds(self) -> bool:
        """True when nothing new may be sent, killed or about to stop."""
        return self.stopping or self.engaged

    @property
    def why(self) -> str:
        """The reason in words, empty where nothing holds."""
        if self.engaged:
            return f"killed: {self._latched or self._said()} (remove {self.path} to go on)"
        return "stopping" if self.stopping else ""

    def engage(self, reason: str) -> None:
        """Make the file; where that is not possible this process stays killed until it ends."""
        try:
            _make(self.path, reason)
        except OSError as error:
            self._latched = f"{reason}; the file could not be written: {error.strerror}"
        logger.critical("killed: %s", reason)

    def stop(self) -> None:
        """Ask to stop."""
        self.stopping = True

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear signals: SIGTERM and SIGINT stop, SIGUSR1 kills and lets the process live; a main thread alone may."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        heard = {signal.SIGTERM: self._on_stop, signal.SIGINT: self._on_stop, signal.SIGUSR1: self._on_kill}
        before = {number: signal.signal(number, handler) for number, handler in heard.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self.stop()

    def _on_kill(self, number: int, frame: FrameType | None) -> None:
        self.engage("by signal")

    def _said(self) -> str:
        try:
            return self.path.read_text(errors="replace")[:_LONGEST_REASON].strip() or "by hand"
        except OSError:
            return "by hand"


def kill_now(
    path: Path, *, reason: str, clock: Clock, venue: Venue | None = None, groups: Sequence[str] = ()
) -> Killed:
    """Make the file, then cancel everything at the exchange from here and look whether it is gone.

    The file comes first and needs no exchange: the loop sees it before it sends anything. Whatever goes wrong after it
    is told and does not keep the rest from being tried.
    """
    _make(path, f"{reason} at {clock():%Y-%m-%dT%H:%M:%SZ}")
    if venue is None:
        return Killed(path=path, left=None)
    stood = stand_down(venue, groups=groups)
    return Killed(path=path, left=stood.left, errors=stood.errors)


def _make(path: Path, reason: str) -> None:
    """Make the file durable, or leave one that is there as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return
    try:
        os.write(descriptor, f"{reason}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)
