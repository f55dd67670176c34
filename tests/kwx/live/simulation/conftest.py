"""The lake that simulated lives are told from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.build import build_demo
from tests.kwx.live.simulation.world import WORLD, Life, begun
from warehouse.lake.store import Lake


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two days of two cities."""
    root = tmp_path_factory.mktemp("simulated") / "lake"
    build_demo(WORLD, root)
    return Lake(root)


@pytest.fixture
def begin(tmp_path: Path, lake: Lake) -> Iterator[Callable[..., Life]]:
    """Begin lives that end with the test."""
    lives: list[Life] = []

    def one(seed: int, **said: float) -> Life:
        lives.append(begun(tmp_path, lake, WORLD, seed, **said))
        return lives[-1]

    yield one
    for life in lives:
        life.close()
