"""Every notebook runs from its first cell to its last on the demo lake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_headless(notebook, demo_lake, tmp_path):
    """A notebook that does not run is not documentation."""
    pytest.importorskip("marimo", reason="the notebooks need the extra `lab`")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KWX_LAKE": str(demo_lake)}
    command = [sys.executable, "-m", "marimo", "export", "md", str(notebook), "-o", str(tmp_path / "out.md")]

    ran = subprocess.run(
        [sys.executable, notebook],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    exported = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )

    assert 0 == ran.returncode, ran.stderr
    assert 0 == exported.returncode, exported.stderr
    assert "event_ladder" in (tmp_path / "out.md").read_text()


def test_a_notebook_finds_what_it_says(demo_lake, monkeypatch):
    """The finding in words is made of the numbers of the cell above it."""
    pytest.importorskip("marimo", reason="the notebooks need the extra `lab`")
    monkeypatch.setenv("KWX_LAKE", str(demo_lake))
    monkeypatch.syspath_prepend(str(ROOT / "notebooks"))
    import lake_tour

    _, found = lake_tour.app.run()

    assert found["said"].startswith("The price is furthest from the outcome in decile ")
