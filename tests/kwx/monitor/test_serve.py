"""The page at an address: tags, news, strangers, and an end when it is asked for."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest

from kwx.live.health.file import RUNNING, Health, HealthFile, health_path
from kwx.monitor.look import Wish
from kwx.monitor.serve import PageServer
from tests.browser import require_sound
from tests.conftest import ROOT
from warehouse.errors import KwxError, Usage
from warehouse.lake.store import Lake


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return what was set."""
        return self.now


def asked(url, **headers):
    """Return status, headers and body of an answer."""
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


@pytest.fixture
def served(tmp_path):
    """The page of an empty lake, at an address; such a page is made at once."""
    clock = Clock()
    with PageServer(Lake(tmp_path), Wish(), every_s=7, clock=clock) as server:
        yield server, clock, tmp_path


def test_a_browser_is_told_to_ask_again_and_that_nothing_is_new(served):
    """By a header, for the page has no script; the second answer has no body."""
    server, _, _ = served

    status, headers, body = asked(server.url)
    again, _, nothing = asked(server.url, **{"If-None-Match": headers["ETag"]})

    assert (200, "7") == (status, headers["Refresh"])
    assert "kwx lake build" in body
    assert (304, "") == (again, nothing)
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_without_news_nothing_is_made(served):
    """Neither of the same snapshot nor of a loop that looks on."""
    server, clock, root = served
    HealthFile(path=health_path(Lake(root))).write(Health(state=RUNNING, mode="paper", tick_utc=clock.now))

    first, clock.now = server.turn(), clock.now + timedelta(seconds=7)
    HealthFile(path=health_path(Lake(root))).write(Health(state=RUNNING, mode="paper", tick_utc=clock.now))

    assert first is not None
    assert server.turn() is None


def test_news_make_another_page_with_another_tag(served):
    """An alert of the loop is news, and so is a quarter of an hour."""
    server, clock, root = served
    before = asked(server.url)[1]["ETag"]

    HealthFile(path=health_path(Lake(root))).write(Health(state=RUNNING, mode="paper", alerts=("spool (warning)",)))
    told = server.turn()
    _, headers, body = asked(server.url, **{"If-None-Match": before})
    clock.now += timedelta(minutes=15)

    assert "made anew" in told
    assert headers["ETag"] != before
    assert "spool (warning)" in body
    assert server.turn() is not None


def test_a_page_that_cannot_be_made_leaves_the_old_one(served):
    """The lake is gone for a while."""
    server, _, root = served
    body = asked(server.url)[2]
    root.rename(root.with_name("away"))
    (root.with_name("away") / "current").symlink_to("snapshots/nonsense")
    root.with_name("away").rename(root)

    told = server.turn()

    assert "the page of before is kept" in told
    assert body == asked(server.url)[2]


def test_strangers_and_other_places_are_sent_away(served):
    """A name that leads here from elsewhere is not ours."""
    server, _, _ = served

    assert 403 == asked(server.url, Host="evil.example")[0]
    assert 404 == asked(f"{server.url}/etc")[0]
    assert 204 == asked(f"{server.url}/favicon.ico")[0]


def test_a_port_that_is_taken_is_told(served):
    """With the option that names another."""
    server, _, root = served

    with pytest.raises(Usage, match="cannot be opened") as refusal:
        PageServer(Lake(root), Wish(), port=int(server.url.rpartition(":")[2]))

    assert "--port" in refusal.value.hint


def test_it_ends_when_told_and_after_so_long(served):
    """And looks no more."""
    server, _, _ = served
    done = threading.Event()
    done.set()

    assert [] == list(server.turns(done))
    assert [] == list(server.turns(threading.Event(), seconds=0.01))


def test_a_lake_that_is_not_there_is_refused_before_anything_is_served(tmp_path):
    """A slip of the pen in --lake."""
    with pytest.raises(KwxError, match="does not exist"):
        PageServer(Lake(tmp_path / "nowhere"), Wish())


def test_a_browser_follows_by_itself(tmp_path, browser):
    """While nothing is new it is told so; when something is, it shows it, without a touch and without a complaint."""
    with (
        PageServer(Lake(tmp_path), Wish(), every_s=2, clock=Clock()) as server,
        browser.page(f"{server.url}/", width=400) as tab,
    ):
        first = tab.look()
        tab.wait_for_load()
        HealthFile(path=health_path(Lake(tmp_path))).write(Health(state=RUNNING, mode="paper", alerts=("spool waits",)))
        server.turn()
        tab.wait_for_load()
        tab.wait_for_load()
        last = tab.look()

    assert "spool waits" not in first.text
    assert "spool waits" in last.text
    assert {200, 304} == set(tab.statuses())
    require_sound(last)


def test_the_command_serves_until_sigterm(tmp_path):
    """It says where, answers, and leaves with 0."""
    command = [sys.executable, "-m", "kwx", "monitor", "--serve", "--port", "0", "--lake", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        url = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())[0]
        status = asked(url)[0]
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
    finally:
        process.kill()
        process.stderr.close()

    assert (200, 0) == (status, code)
