"""Worlds that are led by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipelines.build import demo_world
from pipelines.demo import World
from pipelines.demo.wire import serve
from tests.pipelines.live.lived import FAST, MINUTE, NO_HISTORY, OPENING, Day, day_of
from warehouse.lake.store import Lake


@pytest.fixture(scope="session")
def world() -> World:
    """One city and two event days, the second of them the day on which the clocks go back."""
    return demo_world(days=2, until=date(2026, 11, 1), cities=("chicago",), seed=11, books=False)


@pytest.fixture
def day_from(tmp_path: Path) -> Any:
    """Serve a world, led by hand where nothing else is said."""
    opened = []

    def start(of: World, **said: Any) -> Day:
        serving = serve(of, **{"limits": FAST, "cutoff": NO_HISTORY, "led": True, **said})
        opened.append(serving)
        return day_of(serving.__enter__(), Lake(tmp_path / "lake"))

    yield start
    for serving in opened:
        serving.__exit__(None, None, None)


@pytest.fixture
def day(day_from: Callable[..., Day], world: World) -> Day:
    """The world five minutes before an event opens."""
    return day_from(world, now=OPENING - 5 * MINUTE)
