"""Nights from a served world: an empty lake is filled, a source that was down for a day comes late, and is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from kwx.nightly.plan import Asked, plan_of
from kwx.nightly.run import NightRun, run_night, the_night
from kwx.nightly.source import SourceKind, source_of
from pipelines.asking.secrets import Secret, Secrets
from pipelines.build import demo_world
from pipelines.demo.wire import Limits, serve
from pipelines.http import Patience
from pipelines.ingest.access import Entry
from pipelines.vendors import loopback
from warehouse.errors import LakeError, Refused, Usage
from warehouse.lake.store import Lake
from warehouse.lake.tables import OBS, Partition

pytestmark = pytest.mark.slow

FIRST, SECOND = date(2026, 10, 31), date(2026, 11, 1)
MORNING_AFTER = {day: datetime(day.year, day.month, day.day, 18, tzinfo=UTC) for day in (SECOND, date(2026, 11, 2))}
NOBODY_THERE = "http://127.0.0.1:9"


@pytest.fixture
def served():
    """Serve a world of one city, whose time goes on when it is told to."""
    world = demo_world(days=2, until=SECOND, cities=("chicago",), seed=11, books=False)
    fast = Limits(kalshi_tokens_per_second=100_000, kalshi_burst_tokens=100_000)
    with serve(world, now=MORNING_AFTER[SECOND], led=True, limits=fast) as running:
        yield running


def entry_of(served, *, down: str | None = None) -> Entry:
    """Return how the server is reached, at an address where nobody is for one vendor."""
    vendors = dict(loopback(served.url, tokens_per_second=100_000))
    if down is not None:
        vendors[down] = replace(vendors[down], base_url=NOBODY_THERE)
    patience = Patience(connect_s=1, read_s=60, answer_s=120, attempts=2, first_wait_s=0.001, longest_wait_s=0.002)
    keys = Secrets(visual_crossing_key=Secret("key-of-the-demo"))
    return Entry(vendors=vendors, secrets=keys, origin="loopback", patience=patience)


def night(root, entry: Entry, **said) -> NightRun:
    source = source_of(Lake(root), entry=entry)
    found = the_night(root, source=source, cities=("chicago",), models=root.parent / "models", workers=1, **said)
    return run_night(found, Asked(skip=("fusion",)))


def states(run: NightRun) -> dict[str, str]:
    return {one.name: one.state.value for one in run.outcomes}


def lines(run: NightRun, kind: str) -> list[str]:
    return [one["words"] for one in run.report["lines"] if one["kind"] == kind]


def reports(root, source: str) -> int:
    rows = Lake(root).snapshot().read(OBS, Partition("chicago", FIRST))
    return rows.filter(pl.col("source") == source).height


def test_a_source_that_is_down_for_a_day_is_told_and_comes_late(served, tmp_path):
    """Its night fails in part and goes on with what others said; the next asks again, and tells what came late."""
    root = tmp_path / "lake"

    first = night(root, entry_of(served, down="iem"))

    assert (first.report["date"], first.exit_code) == (str(FIRST), 1)
    assert (states(first)["ingest"], states(first)["report"]) == ("failed", "done")
    assert any("iem was down" in words for words in lines(first, "source_down"))
    assert reports(root, "vc") > 0
    assert reports(root, "metar") == 0

    served.advance_to(MORNING_AFTER[date(2026, 11, 2)])
    second = night(root, entry_of(served))

    assert (second.report["date"], second.exit_code) == (str(SECOND), 0)
    assert states(second)["ingest"] == "done"
    assert reports(root, "metar") > 0
    assert any(f"{FIRST} came late" in words for words in lines(second, "late_data"))


def test_nights_that_did_not_run_leave_no_hole(tmp_path):
    """The next one asks for all of their dates, and says so; the one after it for its usual ones."""
    last, root = date(2026, 11, 8), tmp_path / "lake"
    world = demo_world(days=9, until=date(2026, 11, 9), cities=("chicago",), seed=11, books=False)
    fast = Limits(kalshi_tokens_per_second=100_000, kalshi_burst_tokens=100_000)
    with serve(world, now=MORNING_AFTER[date(2026, 11, 2)], led=True, limits=fast) as running:
        assert (first := night(root, entry_of(running))).report["date"] == str(SECOND)
        assert lines(first, "late_data") == []
        running.advance_to(datetime(2026, 11, 9, 18, tzinfo=UTC))
        late = night(root, entry_of(running))

        assert (late.report["date"], late.exit_code) == (str(last), 0)
        held = {place.event_date for place in Lake(root).snapshot().partitions(OBS.name)}
        assert {SECOND + timedelta(days=days) for days in range(8)} <= held
        assert any("2026-11-02 … 2026-11-07" in words for words in lines(late, "late_data"))

        running.advance_to(datetime(2026, 11, 10, 18, tzinfo=UTC))
        source = source_of(Lake(root), entry=entry_of(running))
        after = the_night(root, source=source, cities=("chicago",))
        (ingest,) = (one for one in plan_of(after, Asked()) if one.step.name == "ingest")
        assert f"for {after.usual_since} … " in ingest.why
        # What is drawn in the morning after is of that morning: its own date was yesterday.
        page = (root / "nightly" / "latest" / "monitor.html").read_text()
        assert f"Today is the event date {last + timedelta(days=1)}" in page


def test_a_server_of_another_world_is_refused_before_the_night_begins(served, demo_lake):
    """Not after a step that fails and all others that are left out."""
    with pytest.raises(LakeError, match="would mix two worlds"):
        source_of(Lake(demo_lake), entry=entry_of(served))


def test_a_date_that_still_runs_is_refused(served, tmp_path):
    """No night falls before the day is over."""
    source = source_of(Lake(tmp_path), entry=entry_of(served))

    with pytest.raises(Refused, match="is not over yet in chicago"):
        the_night(tmp_path, source=source, cities=("chicago",), event_date=SECOND)


def test_a_simulated_lake_asks_nobody_and_two_sources_are_one_too_many(demo_lake, tmp_path):
    """Its last date is its night."""
    source = source_of(Lake(demo_lake))

    assert (source.kind, "simulated" in source.told) == (SourceKind.NOBODY, True)
    found = the_night(demo_lake, source=source)
    assert found.event_date == date(2026, 11, 2)
    assert found.night_utc == datetime(2026, 11, 3, 18, tzinfo=UTC)
    with pytest.raises(Usage, match="--server and --replay"):
        source_of(Lake(demo_lake), server="http://127.0.0.1:1", replay=tmp_path)
