"""kill -9 of a night at its points, one after the other in one lake: the end is that of a night nobody disturbed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from kwx.nightly.plan import Asked
from kwx.nightly.run import run_night
from pipelines.build import build_demo, demo_world
from tests.kwx.nightly.conftest import night_of, tables_of

ROOT = Path(__file__).parents[3]
KILLED = """
import os, signal, sys
from pathlib import Path
from kwx.nightly.run import run_night
from tests.kwx.nightly.conftest import night_of

def kill_at(point):
    if point == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

def kill_in(done, total, what):
    if sys.argv[2] == "in " + what.split(" ")[0]:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    run_night(night_of(Path(sys.argv[1])), on_point=kill_at, on_progress=kill_in)
"""
POINTS = (
    "end settlements", "in running", "in publishing", "done hazard", "in fusing", "done fusion", "in scoring",
    "done scores", "start publish", "done publish",
)  # fmt: skip


def killed_at(root: Path, point: str, script: Path) -> int:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), str(root), point]
    died = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert died.returncode in (0, -signal.SIGKILL), died.stderr
    return died.returncode


@pytest.mark.slow
def test_killed_at_its_points_a_night_comes_to_the_same_tables(hazard_lake, told_lake, copy_of, tmp_path):
    """Before, within and after each step: what is told in the end, and every table, is the same to the byte."""
    root, script = copy_of(hazard_lake), tmp_path / "killed.py"
    script.write_text(KILLED)

    deaths = {point: killed_at(root, point, script) for point in POINTS}
    run = run_night(night_of(root))

    assert {point for point, code in deaths.items() if code == 0} == set()
    assert run.exit_code == 0
    assert tables_of(told_lake) == tables_of(root)
    told = [json.loads((one / "nightly" / "latest" / "report.json").read_bytes()) for one in (told_lake, root)]
    assert told[0]["snapshot_before"] == told[1]["snapshot_before"]
    assert [one["name"] for one in told[0]["steps"]] == [one["name"] for one in told[1]["steps"]]


UNTOLD = Asked(skip=("publish",))


class Cut(BaseException):
    """What no step can catch, as a kill."""


@pytest.mark.slow
def test_a_night_that_fits_comes_to_the_same_laws_and_days(tmp_path):
    """The first night of a lake fits its laws and uses them; cut off after either, it says what the other one says."""
    world = demo_world(days=10, until=date(2026, 11, 4), cities=("miami",), seed=5, books=False)
    roots = [tmp_path / name / "lake" for name in ("whole", "cut")]
    build_demo(world, roots[0], workers=1)
    shutil.copytree(roots[0], roots[1], symlinks=True)

    def cut_at(wanted):
        def look(point):
            if point == wanted:
                raise Cut

        return look

    whole = run_night(night_of(roots[0], cities=("miami",)), UNTOLD)
    for point in ("done hazard-fit", "done hazard", "done fusion", ""):
        if point:
            with pytest.raises(Cut):
                run_night(night_of(roots[1], cities=("miami",)), UNTOLD, on_point=cut_at(point))
        else:
            run_night(night_of(roots[1], cities=("miami",)), UNTOLD)

    order = [one.name for one in whole.outcomes]
    assert order.index("hazard-fit") == order.index("hazard") - 1
    assert {"mc_params", "pmf_degrees", "pmf_minute"} <= set(tables_of(roots[0]))
    assert tables_of(roots[0]) == tables_of(roots[1])
