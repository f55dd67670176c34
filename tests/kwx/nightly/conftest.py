"""A small lake whose night is done once; tests read it, or go on in a copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from kwx.nightly.night import Night
from kwx.nightly.run import run_night, the_night
from kwx.nightly.source import source_of
from warehouse.lake.store import Lake

DATE = date(2026, 11, 2)
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def night_of(root: Path, **said: Any) -> Night:
    """Return the night of Chicago in a lake of the demo world, done in this process."""
    asked = {"cities": ("chicago",), "models": root.parent / "models", "workers": 1, "wall_clock": lambda: NOON}
    return the_night(root, source=source_of(Lake(root)), **{**asked, **said})


@pytest.fixture(scope="session")
def told_lake(hazard_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hazard lake after a night that nothing disturbed; tests only read it."""
    root = tmp_path_factory.mktemp("told") / "lake"
    shutil.copytree(hazard_lake, root, symlinks=True)
    run_night(night_of(root))
    return root


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[..., Path]:
    """Return a copy of a lake that may be written."""

    def copied(lake: Path, name: str = "lake") -> Path:
        shutil.copytree(lake, tmp_path / name, symlinks=True)
        return tmp_path / name

    return copied


def tables_of(root: Path) -> dict[str, str]:
    """Return the hash over the files of every table of a lake as it is now."""
    return {name: entry.sha256 for name, entry in Lake(root).snapshot().manifest.tables.items()}
