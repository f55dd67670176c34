"""A small demo lake with laws written by hand, and two of its days run; tests only read it, or a copy of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kwx.hazard.backfill import run_day
from kwx.hazard.law import HOURS, LEADS, NO_REPORT, Baseline, DayBias, Law, RecordKind, hour_label
from kwx.hazard.recipe import Recipe
from warehouse.lake.store import Lake
from warehouse.lake.tables import MC_PARAMS, Partition, Table
from warehouse.lake.writer import write

RAN = (date(2026, 11, 1), date(2026, 11, 2))


def a_law(baseline: Baseline = Baseline.TEMPLATE, **changes: object) -> Law:
    """Return a plausible law of Chicago in autumn, as if fitted up to the day before the eve of the world."""
    steps = np.arange(289)
    values = {
        "city": "chicago",
        "baseline": baseline,
        "forecast_source": "vc" if baseline is Baseline.TIMELINE else None,
        "rho": 0.98,
        "sigma_f": {hour_label(hours): 0.3 for hours in HOURS},
        "templates_f": {"all": 52 + 8 * np.cos(2 * np.pi * (steps - 183) / 288)},
        "half_life_minutes": 120.0,
        "biases": {str(lead): DayBias(0.0, 0.8, 1.5) for lead in LEADS} | {NO_REPORT: DayBias(0.0, 0.0, 6.0)},
        "tail_dof": None,
        "station_offset_f": 0.3,
        "records": dict.fromkeys(RecordKind, (0.9, 0.08, 0.02, 0.0, 0.0)),
        "fitted_utc": datetime(2026, 11, 10, tzinfo=UTC),
        "since": date(2026, 10, 1),
        "until": date(2026, 10, 29),
        "days": 20,
        "snapshot": 1,
    }
    return Law(**(values | changes))


def publish(root: Path, table: Table, rows: pl.DataFrame, partition: Partition) -> None:
    """Publish what a partition shall hold, without asking the checks."""
    with write(Lake(root), purpose="test") as writer:
        writer.put(table, rows, partition)
        writer.publish()


@pytest.fixture(scope="session")
def law_of() -> Callable[..., Law]:
    """Return a law, with what is said changed."""
    return a_law


@pytest.fixture(scope="session")
def put() -> Callable[[Path, Table, pl.DataFrame, Partition], None]:
    """Publish what a partition shall hold, whatever the checks would say."""
    return publish


@pytest.fixture(scope="session")
def hazard_lake(demo_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo lake with a law of Chicago for each baseline, none of New York, and two days of Chicago run."""
    root = tmp_path_factory.mktemp("hazard") / "lake"
    shutil.copytree(demo_lake, root, symlinks=True)
    publish(root, MC_PARAMS, pl.concat(a_law(baseline).row() for baseline in Baseline), Partition("chicago"))
    for day in RAN:
        run_day("chicago", day, Recipe(), root)
    return root


@pytest.fixture
def own_lake(hazard_lake: Path, tmp_path: Path) -> Path:
    """A copy of it that may be written."""
    root = tmp_path / "lake"
    shutil.copytree(hazard_lake, root, symlinks=True)
    return root


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process; return exit code, output and errors."""

    def run(*words: object, lake: Path | None = None) -> tuple[int, str, str]:
        from kwx.cli import main

        monkeypatch.chdir(tmp_path)
        if lake is not None:
            monkeypatch.setenv("KWX_LAKE", str(lake))
        monkeypatch.setattr(sys, "argv", ["kwx", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run
