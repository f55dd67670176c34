"""`kwx ingest`, `kwx record`, `kwx demo serve`: as a user types them, against a served world."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pipelines.build import demo_world
from pipelines.demo.wire import Limits, serve

ROOT = Path(__file__).parents[2]
DAYS = ("--since", "2026-11-03", "--until", "2026-11-04", "--city", "chi")
FAST = Limits(kalshi_tokens_per_second=100_000, kalshi_burst_tokens=100_000)


@pytest.fixture(scope="module")
def world():
    """Two event days of one city."""
    return demo_world(days=2, until=date(2026, 11, 4), cities=("chicago",), seed=11)


@pytest.fixture(scope="module")
def served(world):
    """The world, served when all of it is over."""
    with serve(world, limits=FAST) as running:
        yield running


@pytest.fixture
def keys(monkeypatch, served, tmp_path):
    """The keys with which the server lets one in."""
    monkeypatch.setenv("VISUAL_CROSSING_API_KEY", "key-of-the-demo")
    monkeypatch.setenv("KALSHI_API_KEY_ID", served.write_key(tmp_path / "key.pem"))
    monkeypatch.setenv("KALSHI_PRIVATE_KEY_FILE", str(tmp_path / "key.pem"))


@pytest.fixture(scope="module")
def ingested(served, tmp_path_factory):
    """A lake that one `kwx ingest all` made, and what the command said."""
    root = tmp_path_factory.mktemp("ingested") / "lake"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "VISUAL_CROSSING_API_KEY": "key-of-the-demo"}
    words = ["ingest", "all", *DAYS, "--server", served.url, "--lake", str(root), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "kwx", *words], capture_output=True, text=True, env=environment, check=True
    )
    return root, json.loads(done.stdout)


def test_an_ingest_says_what_it_did(ingested):
    """Machines read calls, refusals and rows from one object."""
    _, said = ingested

    assert ([], {}, []) == (said["failed"], said["stopped"], said["refused"])
    assert said["asked"] > 50
    assert 12 == said["built"]["rows"]["markets"]


def test_the_status_tells_what_is_archived(kwx, ingested):
    """How many answers of each vendor lie in raw/."""
    root, _ = ingested

    assert re.search(r"raw: answers archived, .*\d+ of kalshi", kwx("lake", "status", lake=root).stdout)


def test_nothing_new_makes_no_new_snapshot(kwx, ingested, served, keys):
    """The same command again says so, and ends well."""
    root, _ = ingested

    done = kwx("ingest", "all", *DAYS, "--server", served.url, lake=root)

    assert 0 == done.returncode
    assert "nothing differed" in done.stdout or "holds all of it already" in done.stdout


def test_a_poll_with_nothing_new_is_silent(kwx, ingested, served):
    """A timer asks for the newest dates, and its log stays empty until something is new."""
    root, _ = ingested

    done = kwx("ingest", "settlements", "--city", "chi", "--last", "4", "--quiet", "--server", served.url, lake=root)

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_a_poll_that_brings_something_says_so(kwx, served, keys, tmp_path):
    """Quiet is not mute: what is new is told as always."""
    words = ("ingest", "settlements", "--city", "chi", "--last", "4", "--quiet", "--server", served.url)

    done = kwx(*words, lake=tmp_path / "lake")

    assert 0 == done.returncode, done.stderr
    assert "snapshot 1" in done.stdout
    assert "settlements" in done.stdout


def test_a_plan_lists_calls_and_cost(kwx, served, keys, tmp_path):
    """Before anything is sent, a person can check what would be."""
    done = kwx("ingest", "all", *DAYS, "--server", served.url, "--dry-run", lake=tmp_path / "lake")

    assert 0 == done.returncode
    assert "vc GET /VisualCrossingWebServices/rest/services/timeline/stn:KMDW/" in done.stdout
    assert "nothing was sent" in done.stdout
    assert not (tmp_path / "lake").exists()


def test_a_plan_for_machines_has_every_call(kwx, ingested, served, keys):
    """Every question word for word, with its tokens."""
    root, _ = ingested

    said = json.loads(kwx("ingest", "trades", *DAYS, "--server", served.url, "--dry-run", "--json", lake=root).stdout)

    (line,) = [line for line in said["lines"] if line["kind"] == "trades"]
    assert 12 == len(line["requests"]) + line["at_hand"]


def test_without_a_key_the_vendor_is_left_out_and_that_is_said(kwx, served, tmp_path):
    """A missing key is no silent hole."""
    done = kwx("ingest", "obs", *DAYS, "--server", served.url, "--source", "vc", lake=tmp_path / "lake")

    assert "vc is left out: VISUAL_CROSSING_API_KEY is not set" in done.stderr


def test_half_a_key_is_a_mistake(kwx, served, monkeypatch, tmp_path):
    """A key id without its file is told, with the next step."""
    monkeypatch.setenv("KALSHI_API_KEY_ID", "abc")

    done = kwx("ingest", "markets", *DAYS, "--server", served.url, lake=tmp_path / "lake")

    assert 2 == done.returncode
    assert "KALSHI_PRIVATE_KEY_FILE" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["all", "--city", "chi"], "which days?"),
        (["all", "--since", "2026-11-04", "--until", "2026-11-01"], "ends before it begins"),
        (["all", "--last", "3", "--until", "2026-11-01"], "--last says the dates by itself"),
        (["all", *DAYS, "--source", "radar"], "no vendor is asked for 'radar'"),
        (["all", "--replay", "nowhere"], "is no folder"),
        (["books", *DAYS], "'books' is not one of"),
    ],
    ids=["no days", "backwards", "dates twice", "foreign source", "no folder", "foreign kind"],
)
def test_what_cannot_be_meant_is_said(kwx, tmp_path, words, said):
    """A wrong request ends with 2 and a next step."""
    done = kwx("ingest", *words, lake=tmp_path / "lake")

    assert 2 == done.returncode
    assert said in done.stderr


def test_a_silent_vendor_ends_the_command_with_1(kwx, tmp_path):
    """Nobody answers at that address: it is said which vendor, and what to do."""
    done = kwx("ingest", "markets", *DAYS, "--server", "http://127.0.0.1:9", lake=tmp_path / "lake")

    assert 1 == done.returncode
    assert "kalshi" in done.stderr


def test_a_replay_needs_no_network(kwx, ingested, tmp_path):
    """The archive of a run gives its lake again."""
    root, _ = ingested

    done = kwx("ingest", "all", "--replay", root / "raw", "--json", lake=tmp_path / "again")

    assert json.loads(done.stdout)["built"]["rows"]["markets"] == 12


def test_a_dry_replay_says_what_lies_there(kwx, ingested, tmp_path):
    """Kinds and numbers, before anything is built."""
    root, _ = ingested

    said = json.loads(kwx("ingest", "all", "--replay", root / "raw", "--dry-run", "--json", lake=tmp_path).stdout)

    assert {"kalshi_markets", "vc_obs", "iem_afos"} <= set(said["kinds"])


def test_what_is_recorded_comes_into_the_lake_with_the_next_ingest(kwx, world, monkeypatch, tmp_path):
    """Books and trades of the stream: in hot/ within a second, folded in and gone from there after the publish."""
    root = tmp_path / "lake"
    with serve(world, limits=FAST, now=datetime(2026, 11, 4, 20, tzinfo=UTC)) as running:
        monkeypatch.setenv("KALSHI_API_KEY_ID", running.write_key(tmp_path / "key.pem"))
        monkeypatch.setenv("KALSHI_PRIVATE_KEY_FILE", str(tmp_path / "key.pem"))
        recorded = kwx("record", "--city", "chi", "--seconds", "2", "--server", running.url, "--json", lake=root)
        kwx("ingest", "markets", *DAYS, "--server", running.url, lake=root)

    kinds = kwx("sql", "select distinct kind from books order by kind", "--csv", lake=root).stdout.split()
    assert json.loads(recorded.stdout)["book_rows"] > 100
    assert ["kind", "delta", "gap", "snapshot"] == kinds
    assert [] == list((root / "hot").rglob("*.parquet"))


def test_a_served_world_prints_what_to_type(tmp_path):
    """Addresses and keys first; Ctrl-C ends it."""
    words = ["demo", "serve", "--days", "1", "--city", "chicago", "--port", "0", "--ws-port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "kwx", *words], stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
    ) as serving:
        said = [serving.stdout.readline() for _ in range(7)]
        mode = (tmp_path / "demo-key.pem").stat().st_mode & 0o777
        serving.send_signal(signal.SIGINT)

    assert re.search(r"http://127\.0\.0\.1:\d+", said[1])
    assert said[-1].strip().startswith("kwx ingest all --server http://127.0.0.1:")
    assert 0o600 == mode
    assert not (tmp_path / "demo-key.pem").exists()


def test_a_taken_port_is_said(kwx, served):
    """Nothing hangs where another server already is."""
    port = served.url.rpartition(":")[2]

    done = kwx("demo", "serve", "--days", "1", "--port", port)

    assert 2 == done.returncode
    assert f"port {port} of 127.0.0.1 is taken" in done.stderr
