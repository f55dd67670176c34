"""One event of one city, without order books: what looks ahead is found in a lake that is quickly poisoned."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo lake of one event of Chicago; tests only read it."""
    from pipelines.build import build_demo, demo_world

    root = tmp_path_factory.mktemp("tiny") / "lake"
    build_demo(demo_world(days=1, until=date(2026, 11, 2), cities=("chicago",), seed=11, books=False), root, workers=1)
    return root


@pytest.fixture
def own_tiny_lake(tiny_lake: Path, tmp_path: Path) -> Path:
    """A copy of it to write to."""
    shutil.copytree(tiny_lake, tmp_path / "tiny", symlinks=True)
    return tmp_path / "tiny"
