"""What the tests of backtests share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def copied(demo_lake: Path, tmp_path: Path) -> Path:
    """A copy of the demo lake that may be written."""
    root = tmp_path / "copied"
    shutil.copytree(demo_lake, root, symlinks=True)
    return root
