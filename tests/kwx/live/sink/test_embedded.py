"""The embedded server: one for all who share a lake, up again after every kill, gone with the last who leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from kwx.live.sink import embedded as room
from kwx.live.sink.privileges import As, CannotRun, as_whom
from kwx.live.sink.server import server_of
from warehouse.errors import KwxError, Usage

ROOT = Path(__file__).parents[4]
HOLDER = """
import sys, time
from kwx.live.sink.server import server_of
server = server_of(sys.argv[1])
server.connect().execute("create table if not exists held (number integer)")
print("up", flush=True)
time.sleep(60)
"""


def alive(pid):
    """Return whether a process runs; one that is dead and not yet buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def beside(server):
    """Return another user of the same server, as another process would be one."""
    return server_of(f"embedded:{server.folder}")


def test_the_last_who_leaves_stops_it_and_the_next_starts_it(own_server):
    """What was committed is there each time; no port is open, and the socket is its owner's alone."""
    other = beside(own_server)
    with own_server.connect() as connection:
        connection.execute("create table kept (number integer)")
        assert [("",)] == connection.execute("show listen_addresses").fetchall()
        assert 0o700 == (Path(connection.info.host) / ".s.PGSQL.5432").stat().st_mode & 0o777
    other.connect().close()
    pid = own_server.pid()
    own_server.close()
    assert alive(pid)
    other.close()
    other.close()
    assert not alive(pid)
    assert other.pid() is None

    with own_server.connect() as connection:
        assert [] == connection.execute("select * from kept").fetchall()


def test_it_is_up_again_after_a_kill_with_all_that_was_committed(own_server):
    """Three kills in a row, with children that had no time to notice."""
    with own_server.connect() as connection:
        connection.execute("create table kept (number integer)")
    for number in range(3):
        with own_server.connect() as connection:
            connection.execute("insert into kept values (%s)", [number])
            os.kill(own_server.pid(), signal.SIGKILL)
    with own_server.connect() as connection:
        assert [(0,), (1,), (2,)] == connection.execute("select number from kept order by 1").fetchall()


def test_a_killed_user_leaves_a_server_that_the_next_takes_over(own_server):
    """A kill of a user gives its share back; nothing is started twice, and the last one still stops it."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, f"embedded:{own_server.folder}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert b"up\n" == holder.stdout.readline()
    pid = own_server.pid()
    holder.kill()
    holder.communicate()

    with own_server.connect() as connection:
        assert [] == connection.execute("select * from held").fetchall()
    assert pid == own_server.pid()
    own_server.close()
    assert not alive(pid)


def test_many_who_come_at_once_share_one(new_server):
    """The first makes and starts it, the others wait."""
    users = [beside(new_server) for _ in range(4)]
    threads = [threading.Thread(target=lambda user=user: user.connect().close()) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pid = new_server.pid()

    assert alive(pid)
    for user in users:
        user.close()
    assert not alive(pid)


def test_a_half_made_folder_is_made_again(new_server):
    """A kill while the files are made leaves a draft, which is nobody's data."""
    draft = new_server.folder / "data.draft"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18")

    with new_server.connect() as connection:
        assert 18 == connection.info.server_version // 10_000


def test_a_long_or_odd_path_has_its_socket_elsewhere(own_server):
    """A socket's path has room for a hundred bytes; a lake's has as many as it likes."""
    folder = own_server.folder.with_name("far away " * 12)
    own_server.folder.rename(folder)
    long = server_of(f"embedded:{folder}")
    try:
        with long.connect() as connection:
            assert Path(tempfile.gettempdir()) == Path(connection.info.host).parent
            assert [(1,)] == connection.execute("select 1").fetchall()
            left = Path(connection.info.host)
    finally:
        long.close()
    left.rmdir()


def test_a_socket_folder_of_another_user_is_refused(new_server, monkeypatch, tmp_path):
    """In a place that all may write to, somebody else's folder may hold somebody else's server."""
    if os.geteuid() != 0:
        pytest.skip("giving a folder to another user needs root")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    long = server_of(f"embedded:{new_server.folder}/{'x' * 100}/postgres")
    long.folder.mkdir(parents=True)
    taken = long._socket_folder()
    taken.mkdir()
    os.chown(taken, 12345, 12345)

    with pytest.raises(KwxError, match="is another user's"):
        long.connect()
    long.close()


def test_without_the_wheel_the_way_to_it_is_told(monkeypatch):
    """The wheel is an extra: a real server needs none."""
    monkeypatch.setattr(room.importlib.util, "find_spec", lambda name: None)

    with pytest.raises(Usage, match="needs its wheel"):
        server_of("embedded")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_runs_it_as_the_owner_of_the_folder(tmp_path):
    """A lake of another user stays that user's; one that this user may not enter is refused with the way out."""
    os.chown(tmp_path, 65534, 65534)
    tmp_path.chmod(0o755)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    inside = closed / "postgres"
    inside.mkdir()
    os.chown(inside, 65534, 65534)

    with pytest.raises(CannotRun, match="PostgreSQL refuses to run as root, and user 65534 may not enter"):
        as_whom(inside, Path("/bin/true"))
    as_root = As().run([sys.executable, "-c", "import os; raise SystemExit(os.geteuid() != 0)"], cwd=tmp_path)
    assert 0 == as_root.returncode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_without_names_to_lend_runs_it_as_nobody(new_server, monkeypatch, tmp_path):
    """Where the system has no namespaces for users the folder is nobody's, and works."""
    monkeypatch.setenv("PATH", str(tmp_path))  # no unshare is found here

    with new_server.connect() as connection:
        assert [(1,)] == connection.execute("select 1").fetchall()
        assert 65534 == new_server.data.stat().st_uid
    os.kill(new_server.pid(), signal.SIGKILL)
    with new_server.connect() as connection:
        assert [(1,)] == connection.execute("select 1").fetchall()


def test_as_oneself_nothing_changes(tmp_path, monkeypatch):
    """Who is not root runs it as is."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert As() == as_whom(tmp_path, Path("/bin/true"))
