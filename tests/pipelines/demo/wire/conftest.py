"""A small world served on a loopback port, once over and once in the middle of a day, and how to ask it."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pipelines.demo import World, simulate
from pipelines.demo.wire import Limits, Served, serve
from warehouse.clock import utc_now

NOON = datetime(2026, 11, 1, 18, tzinfo=UTC)


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


Ask = Callable[..., Reply]


def ask_of(served: Served) -> Ask:
    """Return a function that asks a server for a path with a query."""

    def ask(path: str, headers: dict[str, str] | None = None, **query: object) -> Reply:
        target = f"{served.url}{path}{'?' if query else ''}{urllib.parse.urlencode(query, doseq=True)}"
        try:
            with urllib.request.urlopen(urllib.request.Request(target, headers=headers or {}), timeout=10) as reply:
                return Reply(reply.status, reply.read(), dict(reply.headers))
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.read(), dict(error.headers))

    return ask


@pytest.fixture(scope="session")
def served_world() -> World:
    """Two cities, three days, the second of which is the first of winter time."""
    return World(days=3, until=date(2026, 11, 2), cities=("chicago", "nyc"), seed=11)


@pytest.fixture(scope="session")
def rows(served_world: World) -> Callable[..., pl.DataFrame]:
    """Return the rows of a table that the world writes directly."""
    days = {city: list(simulate(served_world, city)) for city in served_world.cities}

    def of(name: str, city: str = "chicago") -> pl.DataFrame:
        return pl.concat(
            day.frames[name].with_columns(event_date=pl.lit(day.partition.event_date))
            for day in days[city]
            if name in day.frames
        )

    return of


@pytest.fixture(scope="session")
def unlimited() -> Limits:
    """No limits."""
    return Limits(kalshi_tokens_per_second=None)


@pytest.fixture(scope="session")
def over(served_world: World, unlimited: Limits) -> Iterator[Served]:
    """A server for which all of the world is over."""
    with serve(served_world, limits=unlimited) as served:
        yield served


@pytest.fixture(scope="session")
def at_noon(served_world: World, unlimited: Limits) -> Iterator[Served]:
    """A server that stands at noon of the second day; unsigned streams are welcome."""
    with serve(served_world, limits=unlimited, now=NOON, open_ws=True, ping_seconds=0.2) as served:
        yield served


@pytest.fixture(scope="session")
def ask(over: Served) -> Ask:
    """Ask the server for which all is over."""
    return ask_of(over)


@pytest.fixture(scope="session")
def ask_at_noon(at_noon: Served) -> Ask:
    """Ask the server that stands at noon."""
    return ask_of(at_noon)


@pytest.fixture(scope="session")
def asking() -> Callable[[Served], Ask]:
    """Return how to ask any server."""
    return ask_of


def sign_text(path: Path, key_id: str, *, text: str, timestamp: object = None) -> dict[str, str]:
    """Sign a text as the exchange documents it, stamped with the present unless a timestamp is given."""
    stamped = str(int(utc_now().timestamp() * 1000) if timestamp is None else timestamp)
    key = load_pem_private_key(path.read_bytes(), password=None)
    data = f"{stamped}{text}".encode()
    if isinstance(key, ed25519.Ed25519PrivateKey):
        signature = key.sign(data)
    else:
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
        signature = key.sign(data, pss, hashes.SHA256())  # type: ignore[union-attr]
    return {
        "KALSHI-ACCESS-KEY": key_id,
        "KALSHI-ACCESS-TIMESTAMP": stamped,
        "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
    }


@pytest.fixture(scope="session")
def signed() -> Callable[..., dict[str, str]]:
    """Return how to sign a text."""
    return sign_text
