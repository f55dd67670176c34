"""The watch over a loop: file and address tell the same, callers are bounded, and no secret is ever told anywhere."""

from __future__ import annotations

import http.client
import io
import json
import logging
import socket
import threading
import time
import urllib.error
import urllib.request
from datetime import UTC, date, datetime, timedelta

import pytest

from kwx.config.live import AlertRule, HealthFields
from kwx.live.health.file import HALTED, RUNNING, STOPPED, Health, HealthFile, read_health
from kwx.live.health.log import logging_to, tell
from kwx.live.health.redact import Redactor
from kwx.live.health.server import MOST_THREADS, HealthServer
from kwx.live.health.watch import Watch
from warehouse.errors import FileBroken

NOW = datetime(2026, 11, 2, 15, tzinfo=UTC)


class Clock:
    """A clock that is put forward by hand."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        """Return its instant."""
        return self.now


def a_health(**said):
    usual = {"state": RUNNING, "mode": "paper", "tick_utc": NOW, "minute_utc": NOW, "event_dates": (date(2026, 11, 2),)}
    return Health(**(usual | said))


def a_watch(folder, clock, **said):
    usual = {"fields": HealthFields(port=0), "every_s": 0}
    return Watch(path=folder / "live" / "health.json", clock=clock, **(usual | said))


def asked(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def test_the_file_says_how_the_loop_is(tmp_path):
    """As JSON, one object, the newest; nothing else is left beside it."""
    file = HealthFile(path=tmp_path / "health.json")

    file.write(a_health(state=HALTED, why="positions differ"))
    file.write(a_health(stale_s={"prices": 4.0}))

    said = read_health(tmp_path / "health.json")
    assert (RUNNING, "2026-11-02T15:00:00+00:00", ["2026-11-02"]) == (
        said["state"],
        said["tick_utc"],
        said["event_dates"],
    )
    assert ({"prices": 4.0}, "") == (said["stale_s"], said["why"])
    assert ["health.json"] == [path.name for path in tmp_path.iterdir()]
    assert read_health(tmp_path / "none.json") is None


def test_whoever_reads_the_file_reads_it_whole(tmp_path):
    """While it is written again and again."""
    file, done = HealthFile(path=tmp_path / "health.json"), threading.Event()
    file.write(a_health())

    def write():
        while not done.is_set():
            file.write(a_health(why="x" * 3_000))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert {RUNNING} == {read_health(tmp_path / "health.json")["state"] for _ in range(300)}
    finally:
        done.set()
        thread.join()


def test_a_broken_file_is_named(tmp_path):
    """Not a traceback of a parser."""
    (tmp_path / "health.json").write_text("{")

    with pytest.raises(FileBroken, match=r"health\.json is not JSON"):
        read_health(tmp_path / "health.json")


def test_the_address_tells_numbers_and_health(tmp_path):
    """On this machine alone; what is not there is told."""
    clock = Clock()
    with a_watch(tmp_path, clock) as watch:
        watch.watched.ticks.add(3)
        watch.ticked(a_health(open_orders=2))
        status, kind, numbers = asked(f"{watch.url}/metrics")
        well, _, health = asked(f"{watch.url}/healthz")
        missing, _, _ = asked(f"{watch.url}/else")
        host = watch.url.removeprefix("http://").partition(":")[0]

    assert (200, "text/plain; version=0.0.4; charset=utf-8", 200, 404) == (status, kind, well, missing)
    assert "kwx_live_ticks_total 3\n" in numbers
    assert "127.0.0.1" == host
    assert json.loads(health) == read_health(tmp_path / "live" / "health.json")
    assert (2, watch.path) == (json.loads(health)["open_orders"], tmp_path / "live" / "health.json")


def test_a_loop_that_hangs_or_ended_is_not_well(tmp_path):
    """A minute without a look, whatever it said last; before its first word it is starting."""
    clock = Clock()
    with a_watch(tmp_path, clock) as watch:
        before = asked(f"{watch.url}/healthz")
        watch.ticked(a_health())
        clock.now += timedelta(seconds=61)
        numbers = asked(f"{watch.url}/metrics")[2]
        hangs = asked(f"{watch.url}/healthz")
        watch.ticked(a_health(state=STOPPED, tick_utc=clock.now))
        ended = asked(f"{watch.url}/healthz")

    assert (503, {"state": "starting"}) == (before[0], json.loads(before[2]))
    assert "kwx_live_seconds_since_tick 61\n" in numbers
    assert (503, 503) == (hangs[0], ended[0])


def test_alerts_are_looked_at_though_the_loop_hangs(tmp_path):
    """From a thread of their own; the next look tells them in the file."""
    clock = Clock()
    with a_watch(tmp_path, clock, every_s=0.02) as watch:
        watch.ticked(a_health())
        clock.now += timedelta(seconds=31)
        for _ in range(200):
            if watch.alerts.standing():
                break
            time.sleep(0.02)
        watch.ticked(a_health())

    assert ["no_tick"] == [one.name for one in watch.alerts.standing()]
    assert ["no_tick (critical) since 15:00:31Z: the loop has not looked for half a minute (31)"] == read_health(
        watch.path
    )["alerts"]


def test_a_port_that_is_taken_does_not_stop_the_loop(tmp_path, caplog):
    """It runs without an address, and says so."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with a_watch(tmp_path, Clock(), fields=HealthFields(port=port)) as watch:
            watch.ticked(a_health())

    assert "" == watch.url
    assert "no address" in caplog.messages


def test_callers_are_bounded_and_slow_ones_block_nobody():
    """As many as there are threads may dawdle; others are sent away, and answered once there is room."""
    with HealthServer(lambda: "ok\n", lambda: (True, {})) as server:
        port = int(server.url.rpartition(":")[2])
        slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(MOST_THREADS)]
        time.sleep(0.3)
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError, urllib.error.URLError)):
            asked(f"{server.url}/metrics")
        for one in slow:
            one.close()
        for _ in range(100):
            try:
                status = asked(f"{server.url}/metrics")[0]
                break
            except OSError:
                time.sleep(0.05)

    assert 200 == status


def test_the_port_is_free_again_when_it_stopped():
    """And its threads are gone."""
    with HealthServer(lambda: "ok\n", lambda: (True, {})) as server:
        port = int(server.url.rpartition(":")[2])

    with HealthServer(lambda: "ok\n", lambda: (True, {}), port=port) as again:
        assert 200 == asked(f"{again.url}/metrics")[0]
    assert not [thread for thread in threading.enumerate() if thread.name == "health"]


PLANTED = ("planted-key-id", "planted-vc-key", "planted-db-pw", "PLANTEDprivateKEYlineMIIEvQIBADANBgkq")


@pytest.mark.parametrize("secret", PLANTED)
def test_no_secret_is_told_anywhere(tmp_path, monkeypatch, secret):
    """In no log, number, file, answer, error or repr, though every field is full of it."""
    (tmp_path / "key.pem").write_text(f"-----BEGIN PRIVATE KEY-----\n{PLANTED[3]}\n-----END PRIVATE KEY-----\n")
    monkeypatch.setenv("KALSHI_API_KEY_ID", PLANTED[0])
    monkeypatch.setenv("KALSHI_PRIVATE_KEY_FILE", str(tmp_path / "key.pem"))
    monkeypatch.setenv("VISUAL_CROSSING_API_KEY", PLANTED[1])
    monkeypatch.setenv("KWX_POSTGRES_DSN", f"postgresql://kwx:{PLANTED[2]}@db/kwx")
    redact, people, clock = Redactor.of_environment(), io.StringIO(), Clock()
    rule = AlertRule(name=secret, metric="halted", value=0, meaning=f"because of {secret}")
    (tmp_path / "key.pem").rename(tmp_path / "moved.pem")

    with (
        logging_to(tmp_path / "live.jsonl", redact=redact, stream=people) as path,
        a_watch(tmp_path, clock, redact=redact, fields=HealthFields(port=0, alerts=(rule,))) as watch,
    ):
        watch.watched.stale_seconds.set(1, source=secret)
        watch.watched.halted.set(1)
        watch.ticked(a_health(why=f"GET ?key={secret}", failed={secret: f"{secret} was refused"}))
        tell(logging.getLogger("kwx.live"), f"asked with {secret}", level=logging.WARNING, of=[secret], by={secret: 1})
        answers = asked(f"{watch.url}/metrics")[2] + asked(f"{watch.url}/healthz")[2]
        shown = repr(watch) + repr(redact) + str(redact.secrets)

    told = {
        "log": path.read_text(),
        "people": people.getvalue(),
        "file": watch.path.read_text(),
        "answers": answers,
        "repr": shown,
    }
    assert [] == [where for where, text in told.items() if secret in text]
    assert all(len(text) > 20 for text in told.values())
