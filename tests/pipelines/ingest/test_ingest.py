"""Ingest over real HTTP: what comes in is what the world is, whatever fails on the way and however often it is run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.build import build_demo, demo_world
from pipelines.demo.wire import Faults
from pipelines.ingest.run import fetch_and_fold, plan_of, replay_folder
from warehouse.errors import LakeError, QuotaSpent
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_1M, FORECASTS, OBS, SETTLEMENTS, TRADES

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 11, 1, 18, tzinfo=UTC)


def test_an_ingest_gives_exactly_the_lake_that_the_world_writes(way, direct, contents, tmp_path):
    """Through the vendors' formats, over HTTP, byte for byte: nothing is lost, invented or known too early."""
    ingested = way.ingest(tmp_path)

    assert contents(direct) == contents(Lake(tmp_path))
    assert [] == ingested.folded.refused


def test_a_second_run_asks_only_for_what_can_change(way, contents, tmp_path):
    """What is final is at hand, what is folded is not folded again, and the lake stays as it is."""
    first = way.ingest(tmp_path)
    before = contents(Lake(tmp_path))

    again = way.ingest(tmp_path)

    assert again.fetched.asked < first.fetched.asked / 2
    assert not again.folded.built.changed
    assert before == contents(Lake(tmp_path))


def test_failures_on_the_way_change_nothing(way_from, direct, contents, tmp_path):
    """Too fast, broken, cut off, answered in HTML, not answered at all: asked again, until it is right."""
    way = way_from(
        faults=Faults(http_429=0.05, http_500=0.05, http_truncated=0.05, http_html=0.05, http_hang=0.02, seed=4)
    )

    ingested = way.ingest(tmp_path)

    assert set() == {"http_429", "http_500", "http_truncated", "http_html", "http_hang"} - set(way.served.struck)
    assert [] == ingested.fetched.failed
    assert contents(direct) == contents(Lake(tmp_path))


@pytest.mark.slow
def test_kinds_one_after_the_other_give_the_same_as_all_at_once(way, direct, contents, tmp_path):
    """Trades before candles: the tape makes candles, and the exchange's own take their place."""
    for kind in ("settlements", "trades", "candles", "forecasts", "obs"):
        way.ingest(tmp_path, kinds=(kind,))

    assert contents(direct) == contents(Lake(tmp_path))


@pytest.mark.slow
def test_a_replay_of_the_raw_archive_gives_the_lake_again(way, direct, contents, tmp_path):
    """Every table can be made again from what was received, without a network."""
    way.ingest(tmp_path / "lake")

    replay_folder(tmp_path / "lake" / "raw", tmp_path / "again", workers=2)

    assert contents(direct) == contents(Lake(tmp_path / "again"))


def test_a_plan_sends_nothing(way, tmp_path):
    """A dry run only counts."""
    plan = plan_of(way.wish(), tmp_path, entry=way.entry)

    assert 0 == way.served.asked
    assert {"obs", "forecasts", "settlements", "markets", "candles", "trades"} == {line.kind for line in plan.lines}


def test_a_plan_names_the_calls_that_the_run_makes(way, tmp_path):
    """Once the markets are known, a plan is what is asked: no more, no less."""
    way.ingest(tmp_path, kinds=("markets",))
    known = plan_of(way.wish(kinds=("candles",)), tmp_path, entry=way.entry, clock=lambda: NOON + timedelta(days=3))

    assert [0] == [line.expected for line in known.lines if line.kind == "candles"]
    assert [True] == [bool(line.missing) for line in known.lines if line.kind == "candles"]


def test_only_what_is_missing_is_asked_for(way, tmp_path):
    """A longer range costs its new days alone."""
    way.ingest(tmp_path, kinds=("trades",), until=way.world.event_dates[0])
    before = way.served.asked

    grown = plan_of(way.wish(kinds=("trades",)), tmp_path, entry=way.entry)

    assert [6] == [line.expected for line in grown.lines if line.kind == "trades"]
    assert before == way.served.asked


@pytest.mark.slow
def test_a_spent_budget_stops_one_vendor_and_the_next_day_goes_on(way_from, direct, contents, tmp_path):
    """What was fetched is published; the rest comes when the budget is new."""
    way = way_from(now=NOON + timedelta(days=5))
    poor = replace(way.entry, vc_records_per_day=1_500)
    stopped = fetch_and_fold(way.wish(), tmp_path, entry=poor)
    tomorrow = way.served.told.clock() + timedelta(days=1)

    went_on = fetch_and_fold(way.wish(), tmp_path, entry=poor, clock=lambda: tomorrow)

    assert [QuotaSpent] == [type(error) for error in stopped.stopped.values()]
    assert {} == went_on.stopped
    assert contents(direct) == contents(Lake(tmp_path))


def test_two_simulated_worlds_are_never_mixed(way, tmp_path):
    """A lake that a world wrote directly takes no ingest, and one from a server takes no replay."""
    build_demo(demo_world(days=1, until=date(2026, 8, 15), cities=("miami",), seed=5), tmp_path, workers=1)

    with pytest.raises(LakeError, match="mix two worlds"):
        way.ingest(tmp_path)


def test_nothing_is_told_before_it_could_be_known(way_from, tmp_path):
    """Ingested at noon, and again when all is over: whatever is known by noon is the same rows."""
    at_noon = way_from(now=NOON).ingest(tmp_path / "noon")
    afterwards = way_from().ingest(tmp_path / "after")

    for contract in (CANDLES_1M, TRADES, OBS, FORECASTS, SETTLEMENTS):
        known = pl.col("known_utc") <= NOON
        if contract is FORECASTS:  # at noon the forecast of that moment is asked for too, afterwards nobody can
            known &= pl.col("issued_utc") < NOON
        early, late = (
            run.folded.built.snapshot.scan(contract).filter(known).collect() for run in (at_noon, afterwards)
        )
        assert early.height > 0
        assert early.equals(late), contract.name


@pytest.fixture
def running(way, tmp_path):
    """Start the command as its own process on the served world."""
    started = []

    def start(root: Path) -> subprocess.Popen[bytes]:
        days = ["--since", str(way.world.event_dates[0]), "--until", str(way.world.until), "--city", "chicago"]
        words = ["ingest", "all", *days, "--server", way.served.url, "--lake", str(root)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "VISUAL_CROSSING_API_KEY": "key-of-the-demo"}
        process = subprocess.Popen(
            [sys.executable, "-m", "kwx", *words], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.mark.slow
def test_killed_at_any_step_it_goes_on_without_gap_or_repetition(way, running, direct, contents, tmp_path):
    """However far it came: the next runs bring the rest, and the lake is the same as if nothing had happened."""
    for calls in (3, 15, 40, 70):
        process, seen = running(tmp_path / "lake"), way.served.asked
        while way.served.asked < seen + calls and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()

    assert 0 == running(tmp_path / "lake").wait()
    assert contents(direct) == contents(Lake(tmp_path / "lake"))


@pytest.mark.slow
def test_killed_while_it_folds_it_folds_again(way, running, direct, contents, tmp_path):
    """Between the last answer and the switch: what is archived is folded by the next run, without being asked again."""
    for after_s in (0.3, 1.2, 2.0):
        process = running(tmp_path / "lake")
        wait_for_staging(tmp_path / "lake", process)
        time.sleep(after_s)
        process.kill()
        process.wait()

    assert 0 == running(tmp_path / "lake").wait()
    assert contents(direct) == contents(Lake(tmp_path / "lake"))


def wait_for_staging(root, process):
    """Wait until a run begins to fold."""
    while process.poll() is None and not list(root.glob("staging/*/shards")):
        time.sleep(0.01)


@pytest.mark.slow
def test_two_at_once_make_one_lake(running, direct, contents, tmp_path):
    """Both end well, and the lake is that of one."""
    both = [running(tmp_path / "lake") for _ in range(2)]

    assert [0, 0] == [process.wait() for process in both]
    assert contents(direct) == contents(Lake(tmp_path / "lake"))
