"""Every notebook ends well on a lake that holds next to nothing, is sound, and goes to Jupyter."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.notebooks.conftest import FOLDER, NOTEBOOKS

pytest.importorskip("marimo", reason="the notebooks need the extra `lab`")

SEVEN = (
    "backtest_deep_dive", "book_microstructure", "day_of_an_event", "fusion_tuning", "hazard_calibration", "lake_tour",
    "model_calibration",
)  # fmt: skip
TO_TYPE = {
    "backtest_deep_dive": "kwx backtest --strategy accel",
    "fusion_tuning": "kwx hazard fit-params",
    "hazard_calibration": "kwx hazard backfill",
    "model_calibration": "kwx train market-clock",
}
"""What a lake is asked for that was only just built, by notebook; the others need no more."""


def test_there_are_seven():
    """The folder holds notebooks and nothing else."""
    assert SEVEN == NOTEBOOKS


@pytest.mark.parametrize("name", SEVEN)
def test_a_notebook_on_a_new_lake_ends_well_or_says_what_to_type(name, run_notebook, demo_lake):
    """What the lake does not hold yet is asked for in words, by the command that makes it."""
    ran = run_notebook(name, demo_lake)

    assert ("said" in ran.defined) == (name not in TO_TYPE)
    assert TO_TYPE.get(name, "") in ran.words


def test_without_a_lake_a_notebook_says_how_to_build_one(run_notebook, tmp_path):
    """Nothing is there: no error, no finding, one command."""
    ran = run_notebook("lake_tour", tmp_path / "nowhere")

    assert "said" not in ran.defined
    assert "make lake-build" in ran.words


def test_the_notebooks_are_sound():
    """No name is defined twice, no cell is empty or broken: marimo's own check finds nothing."""
    checked = subprocess.run(
        [sys.executable, "-m", "marimo", "check", "--strict", *(str(FOLDER / f"{name}.py") for name in SEVEN)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert 0 == checked.returncode, checked.stdout + checked.stderr


def test_the_notebooks_export_to_jupyter(tmp_path):
    """Whoever has no marimo opens them there: every cell comes along."""
    from click.testing import CliRunner
    from marimo._cli.cli import main

    cells = {}
    for name in SEVEN:
        target = tmp_path / f"{name}.ipynb"
        done = CliRunner().invoke(main, ["export", "ipynb", str(FOLDER / f"{name}.py"), "-o", str(target)])
        assert 0 == done.exit_code, done.output
        cells[name] = len(json.loads(target.read_text())["cells"])

    assert {name: (FOLDER / f"{name}.py").read_text().count("@app.cell") for name in SEVEN} == cells
