"""What the whole suite shares: a small demo lake built once, and the recorded data where they are."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes depends on what else the machine does; no test is a stopwatch.
settings.register_profile("kwx", deadline=None)
settings.load_profile("kwx")

ROOT = Path(__file__).parents[1]
RECORDED = Path(os.environ.get("KWX_SHARED_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's lake or keys."""
    for name in [
        name
        for name in os.environ
        if name.startswith(("KWX_", "KALSHI_", "VISUAL_CROSSING_")) and name != "KWX_SHARED_DATA"
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
    build_demo(world, root, workers=2)
    return root


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
