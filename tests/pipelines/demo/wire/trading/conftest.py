"""A small world at noon whose clock a test moves by hand, served with a venue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pipelines.demo import World
from pipelines.demo.wire import Limits, Served, serve
from tests.pipelines.demo.wire.trading.trader import Trader

NOON = datetime(2026, 11, 1, 18, tzinfo=UTC)
FREE = Limits(kalshi_tokens_per_second=None, kalshi_write_tokens_per_second=None)

Trading = Callable[..., AbstractContextManager[Trader]]


@pytest.fixture(scope="session")
def one_day() -> World:
    """One city, one day."""
    return World(days=1, until=date(2026, 11, 1), cities=("chicago",), seed=11)


@pytest.fixture
def trading(one_day: World, tmp_path: Path) -> Trading:
    """Return how to serve that world with other settings, and trade there."""

    @contextmanager
    def begun(**settings: object) -> Iterator[Trader]:
        asked = {"now": NOON, "led": True, "limits": FREE, "trading": True, **settings}
        with serve(one_day, **asked) as served:  # type: ignore[arg-type]
            yield trader_of(served, tmp_path)

    return begun


def trader_of(served: Served, folder: Path, **settings: object) -> Trader:
    """Return a trader with a key of its own."""
    key_file = folder / f"key-{len(list(folder.iterdir()))}.pem"
    scopes = settings.pop("scopes", ("read", "write"))
    key_id = served.write_key(key_file, scopes=scopes)  # type: ignore[arg-type]
    return Trader(served=served, key_id=key_id, key_file=key_file, **settings)  # type: ignore[arg-type]


@pytest.fixture
def trader(trading: Trading) -> Iterator[Trader]:
    """Trade at noon, without limits and faults."""
    with trading() as trader:
        yield trader


@pytest.fixture(scope="session")
def ticker() -> str:
    """A market in which much is traded at noon."""
    return "KXHIGHCHI-26NOV01-B59.5"
