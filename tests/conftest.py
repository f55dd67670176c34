"""What the whole suite shares: a small demo lake built once, and the recorded data where they are."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.browser import Browser, Seen

# How long an example takes depends on what else the machine does; no test is a stopwatch.
settings.register_profile("kwx", deadline=None)
settings.load_profile("kwx")

# The suite has a process for each core already. A test of what several processes do says how many.
os.environ["KWX_WORKERS"] = "1"

ROOT = Path(__file__).parents[1]
RECORDED = Path(os.environ.get("KWX_SHARED_DATA", ROOT.parent / "shared" / "data"))


LONGEST_FIRST = (
    "tests/kwx/backtest/test_truth.py",
    "tests/kwx/test_truth.py",
    "tests/kwx/nightly/test_kill_every_step.py",
    "tests/kwx/live/test_demo_day.py",
    "tests/repo/test_docs_run.py",
    "tests/kwx/models/test_labels_of_the_archive.py",
    "tests/kwx/fuse/fit/test_tune.py",
    "tests/kwx/test_train_cli.py",
    "tests/kwx/nightly/test_kill.py",
    "tests/pipelines/ingest/test_ingest.py",
    "tests/kwx/test_cli.py",
    "tests/kwx/live/brain/test_decide.py",
    "tests/kwx/hazard/scored/test_skill.py",
    "tests/kwx/test_backtest_cli.py",
    "tests/kwx/nightly/test_run.py",
    "tests/kwx/live/brain/test_think.py",
    "tests/kwx/live/test_tables.py",
    "tests/kwx/test_families_cli.py",
    "tests/kwx/live/simulation/test_simulation.py",
)
"""The files that take longest, in that order: one goes to one process, and the suite ends with the last of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest; xdist would begin with those that have most tests."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.relative_to(ROOT).as_posix(), len(places)))


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's lake or keys."""
    ours = {"KWX_SHARED_DATA", "KWX_WORKERS"}
    for name in [
        name for name in os.environ if name.startswith(("KWX_", "KALSHI_", "VISUAL_CROSSING_")) and name not in ours
    ]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], Path]:
    """Return where a file or folder recorded from a vendor lies; skip where it is absent."""

    def find(name: str) -> Path:
        if not (RECORDED / name).exists():
            pytest.skip(f"recorded data not present: {RECORDED / name}")
        return RECORDED / name

    return find


@pytest.fixture(scope="session")
def demo_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo lake of two cities and three event days with a DST change inside; tests only read it."""
    from pipelines.build import build_demo, demo_world

    root = tmp_path_factory.mktemp("demo") / "lake"
    world = demo_world(days=3, until=date(2026, 11, 2), cities=("chicago", "nyc"), seed=11)
    build_demo(world, root)
    return root


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A real browser without a window; without one on this machine the test is skipped."""
    from tests.browser import found_browser, opened_browser

    program = found_browser()
    if program is None:
        pytest.skip("no browser here to look at pages: apt-get install chromium")
    with opened_browser(program, tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def looked_at(browser: Browser) -> Callable[[Path], list[Seen]]:
    """Look at a page in a wide window by day and on a telephone by night; refuse one that is not sound."""
    from tests.browser import require_sound

    def look(path: Path) -> list[Seen]:
        url = path.resolve().as_uri()
        seen = [browser.look(url, width=width, dark=dark) for width, dark in ((1200, False), (400, True))]
        for one in seen:
            require_sound(one)
        drawn_s, megabytes = max(one.drawn_s for one in seen), path.stat().st_size / 1e6
        sys.stdout.write(f"{path.name}: drawn in {drawn_s:.2f} s, {megabytes:.2f} MB\n")
        return seen

    return look


@pytest.fixture
def kwx(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line in a process of its own, as a user does."""

    def run(*words: object, lake: Path | None = None, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
        if lake is not None:
            environment["KWX_LAKE"] = str(lake)
        command = [sys.executable, "-m", "kwx", *map(str, words)]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
            input=stdin,
            timeout=120,
            check=False,
        )

    return run
