"""`kwx nightly` as a user calls it: its plan, its report, and its exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kwx.nightly.places import NightPaths
from kwx.nightly.plan import STEPS
from warehouse.lake.lock import writer_lock
from warehouse.lake.store import Lake

NAMES = [step.name for step in STEPS]


@pytest.fixture
def lake(demo_lake: Path, tmp_path: Path) -> Path:
    """A copy of the demo lake."""
    return Path(shutil.copytree(demo_lake, tmp_path / "lake", symlinks=True))


def test_a_dry_run_prints_every_step_and_why(command, lake):
    """To people as a table, to machines as JSON; nothing is written."""
    code, out, err = command("nightly", "--dry-run", lake=lake)
    _, said, _ = command("nightly", "--dry-run", "--json", lake=lake)

    plan = json.loads(said)
    assert (code, err) == (0, "")
    assert all(name in out for name in NAMES)
    assert NAMES == [one["name"] for one in plan["steps"]]
    assert "a simulated lake (demo)" in out
    assert {"due", "not_due"} == {one["state"] for one in plan["steps"]}
    assert not (lake / "nightly").exists()


def test_steps_that_are_asked_for_are_done_and_told(command, lake):
    """The report comes with them; progress goes to stderr."""
    code, out, err = command("nightly", "--only", "settlements", "--skip", "publish", lake=lake)
    again, said, _ = command("nightly", "--only", "settlements", "--skip", "publish", "--json", lake=lake)

    assert (code, again) == (0, 0), err
    assert "settlements: done after" in err
    assert "exit 0" in out
    report = json.loads(said)
    assert {one["name"]: one["state"] for one in report["steps"]}["settlements"] == "held"


def test_a_second_night_and_an_unknown_step_end_with_their_codes(command, lake):
    """1 where another night runs, 2 where the request cannot be meant."""
    with writer_lock(NightPaths(Lake(lake).paths).lock, purpose="the night of 2026-11-02"):
        code, _, err = command("nightly", lake=lake)

    assert (code, "another night runs: process" in err) == (1, True), err
    code, _, err = command("nightly", "--only", "hazzard", lake=lake)
    assert (code, "there is no step 'hazzard'" in err) == (2, True), err
