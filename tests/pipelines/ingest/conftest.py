"""A served world, the lake that the same world writes directly, and the way from one to the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipelines.asking.secrets import Secret, Secrets
from pipelines.build import build_demo, demo_world
from pipelines.demo import World
from pipelines.demo.wire import Faults, Limits, Served, serve
from pipelines.http import Patience
from pipelines.ingest.access import Entry
from pipelines.ingest.questions import SOURCES, Wish
from pipelines.ingest.run import Ingested, fetch_and_fold
from pipelines.vendors import loopback
from warehouse.lake.store import Lake

KINDS = ("markets", "candles", "trades", "obs", "forecasts", "settlements")
OF_WEATHER = ("obs", "forecasts", "settlements", "obs_1m", "obs_5m")
TOLD = ("markets", "fee_changes", "candles_1m", "trades", "candles_dense", *OF_WEATHER)
FAST = Limits(kalshi_tokens_per_second=100_000, kalshi_burst_tokens=100_000)


@dataclass(frozen=True, kw_only=True)
class Way:
    """From a running server into a lake."""

    served: Served
    world: World

    @property
    def entry(self) -> Entry:
        """Everything is asked of the server, as fast as it answers."""
        vendors = loopback(self.served.url, tokens_per_second=100_000)
        keys = Secrets(visual_crossing_key=Secret("key-of-the-demo"))
        patience = Patience(read_s=1.0, answer_s=2.0, first_wait_s=0.01, longest_wait_s=0.05)
        return Entry(vendors=vendors, secrets=keys, origin="loopback", patience=patience)

    def wish(self, **said: Any) -> Wish:
        """Everything of the world, but for what is said."""
        usual = {"cities": self.world.cities, "since": self.world.event_dates[0], "until": self.world.until}
        return Wish.of(**{"kinds": KINDS, **usual, **said})

    def ingest(self, root: Path, **said: Any) -> Ingested:
        """Fetch and fold."""
        return fetch_and_fold(self.wish(**said), root, entry=self.entry)


@pytest.fixture(scope="session")
def world() -> World:
    """One city and two event days, the second of them the day on which the clocks go back."""
    return demo_world(days=2, until=date(2026, 11, 1), cities=("chicago",), seed=11, books=False)


@pytest.fixture(scope="session")
def direct(world: World, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The lake that the world writes itself."""
    root = tmp_path_factory.mktemp("direct") / "lake"
    build_demo(world, root)
    return Lake(root)


@pytest.fixture
def way_from(world: World) -> Any:
    """Serve the world with some faults, or at some instant."""
    opened = []

    def start(*, faults: Faults | None = None, of: World = world, **said: Any) -> Way:
        serving = serve(of, limits=FAST, faults=faults, **said)
        opened.append(serving)
        return Way(served=serving.__enter__(), world=of)

    yield start
    for serving in opened:
        serving.__exit__(None, None, None)


@pytest.fixture
def way(way_from: Callable[..., Way]) -> Way:
    """A server without faults."""
    return way_from()


@pytest.fixture(scope="session")
def contents() -> Callable[[Lake], dict[str, str]]:
    """Return the hash of every file of the tables that vendors tell of, and of those derived from them."""

    def of(lake: Lake) -> dict[str, str]:
        snapshot = lake.snapshot()
        return {f"{name}/{entry.path}": entry.sha256 for name in TOLD for entry in snapshot.files(name)}

    return of


__all__ = ["SOURCES", "Way"]
