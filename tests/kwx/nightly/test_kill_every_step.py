"""kill -9 of a night in every step in turn: each comes to the tables of a night that nobody disturbed, to the byte."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kwx.nightly.plan import STEPS
from kwx.nightly.run import run_night
from kwx.nightly.step import State
from tests.kwx.nightly.conftest import tables_of
from tests.kwx.nightly.whole_world import DATE, World, models_of, whole_night, whole_world
from warehouse.lake.store import Lake

ROOT = Path(__file__).parents[3]
KILLED = """
import json, os, signal, sys
from pathlib import Path
from kwx.nightly.run import run_night
from tests.kwx.nightly.conftest import tables_of
from tests.kwx.nightly.whole_world import whole_night

root, url, step, ends = Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4])
begun = []

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def at_point(point):
    word, _, name = point.partition(" ")
    if word == "end":
        with ends.open("a") as file:
            file.write(json.dumps([name, tables_of(root)]) + chr(10))
    if point == "done " + step:
        die()

def in_the_middle(done, total, what):
    if begun[-1:] == [step] and 2 * done >= total:
        die()

if __name__ == "__main__":
    run_night(
        whole_night(root, url), on_point=at_point, on_begin=lambda one, why: begun.append(one.name),
        on_progress=in_the_middle,
    )
"""
"""Dies in the middle of a step, where that tells how far it is; else as soon as all of it is done and not noted yet."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A lake at the hour of a night that has something to do in every step; what it is asked of is served meanwhile."""
    with whole_world(tmp_path_factory.mktemp("whole")) as world:
        yield world


def copied(world: World, folder: Path) -> Path:
    """Return a copy of the lake, its models and its settings, of files of its own."""
    shutil.copytree(world.root.parent, folder, symlinks=True, ignore=shutil.ignore_patterns("all"))
    return folder / world.root.name


def killed_in(root: Path, url: str, step: str, ends: Path) -> int:
    """Run the night until it dies in a step; return how it ended."""
    script = ends.with_name("killed.py")
    script.write_text(KILLED)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    died = subprocess.run(
        [sys.executable, str(script), str(root), url, step, str(ends)], env=environment, capture_output=True, text=True,
        check=False, timeout=600,
    )  # fmt: skip
    assert died.returncode in (0, -signal.SIGKILL), died.stderr
    return died.returncode


def first_of_each(ends: Path) -> dict[str, dict[str, str]]:
    """Return the tables as each step left them when it ended for the first time: later runs hold it as it is."""
    lines = [json.loads(line) for line in ends.read_text().splitlines()]
    return dict(reversed(lines))


def noted(root: Path) -> dict[str, tuple[str, dict[str, int]]]:
    """Return of each step the last that the journal says: its state, where held is done, and the rows that it wrote."""
    lines = (json.loads(line) for line in whole_journal(root).read_text().splitlines())
    ends = {line["name"]: line for line in lines if line["event"] == "end"}
    done = {State.HELD: State.DONE}
    return {name: (done.get(State(line["state"]), State(line["state"])), line["rows"]) for name, line in ends.items()}


def whole_journal(root: Path) -> Path:
    return root / "nightly" / str(DATE) / "journal.jsonl"


@pytest.mark.slow
def test_a_night_that_is_killed_in_every_step_comes_to_the_same_tables(served, tmp_path):
    """Also to the same scores and models, and its journal tells of each step the same state and the same rows."""
    whole, cut, ends = copied(served, tmp_path / "whole"), copied(served, tmp_path / "cut"), tmp_path / "ends.jsonl"
    after: dict[str, dict[str, str]] = {}

    def look(point: str) -> None:
        word, _, name = point.partition(" ")
        if word == "end":
            after[name] = tables_of(whole)

    undisturbed = run_night(whole_night(whole, served.url), on_point=look)
    deaths = {step.name: killed_in(cut, served.url, step.name, ends) for step in STEPS}
    rest = run_night(whole_night(cut, served.url))

    assert {one.name: one.state for one in undisturbed.outcomes} == {step.name: State.DONE for step in STEPS}
    assert [] == [name for name, code in deaths.items() if code == 0]
    assert rest.exit_code == 0
    for name, tables in first_of_each(ends).items():
        assert [] == [table for table, sha in tables.items() if sha != after[name].get(table)], f"after {name}"
    assert tables_of(whole) == tables_of(cut)
    assert noted(whole) == noted(cut)
    assert files_of(whole / "nightly" / "scores") == files_of(cut / "nightly" / "scores")
    assert sorted(files_of(models_of(whole))) == sorted(files_of(models_of(cut)))
    assert Lake(whole).snapshot().manifest.tables.keys() == Lake(cut).snapshot().manifest.tables.keys()


def files_of(folder: Path) -> dict[str, bytes]:
    """Return what lies below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
