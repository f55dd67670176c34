"""The days of Chicago in the small demo lake, as snapshots are made of them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from kwx.features.tmax.inputs import TmaxInputs
from warehouse.lake.store import Lake, Snapshot

SINCE, UNTIL = date(2026, 10, 31), date(2026, 11, 2)


@pytest.fixture(scope="session")
def demo(demo_lake: Path) -> Snapshot:
    """The snapshot of the demo lake."""
    return Lake(demo_lake).snapshot()


@pytest.fixture(scope="session")
def chicago(demo: Snapshot) -> TmaxInputs:
    """Three days of Chicago; the clock goes back on the second."""
    return TmaxInputs.read(demo, "chicago", since=SINCE, until=UNTIL)
