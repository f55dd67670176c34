"""A demo world served by a process of its own, its clock led by hand from here: for benchmarks of the live loop.

What the server holds in memory and what it computes is then no part of what is measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from pipelines.asking.secrets import Secret, Secrets
from pipelines.demo.wire import Limits, serve
from pipelines.demo.world import World, described
from pipelines.ingest.access import Entry
from pipelines.vendors import loopback

_UNHURRIED = Limits(kalshi_tokens_per_second=None, kalshi_burst_tokens=1)
_TOKENS_PER_SECOND = 100_000
_VISUAL_CROSSING = "demo"


@dataclass
class LedWorld:
    """A served world, seen from outside: where it is, what time it is there, and how its account stands."""

    url: str
    ws_url: str
    key_id: str
    key_file: Path
    now_utc: datetime
    _server: subprocess.Popen[str]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> datetime:
        """Return what time it is: this is a clock."""
        return self.now_utc

    @property
    def entry(self) -> Entry:
        """The way in, with a key that the exchange knows."""
        secrets = Secrets(
            kalshi_key_id=Secret(self.key_id), kalshi_key_file=self.key_file,
            visual_crossing_key=Secret(_VISUAL_CROSSING),
        )  # fmt: skip
        return Entry(
            vendors=loopback(self.url, tokens_per_second=_TOKENS_PER_SECOND), secrets=secrets, origin="loopback"
        )  # fmt: skip

    def advance_to(self, instant_utc: datetime) -> None:
        """Let it be later."""
        self._ask(instant_utc.isoformat())
        self.now_utc = instant_utc

    def account(self) -> Mapping[str, Any]:
        """Return cash and positions of the account, as the exchange has them."""
        return self._ask("account")

    def _ask(self, line: str) -> Mapping[str, Any]:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        with self._lock:
            self._server.stdin.write(line + "\n")
            self._server.stdin.flush()
            told: Mapping[str, Any] = json.loads(self._server.stdout.readline())
            return told


@contextmanager
def led_world(
    world: World, *, now: datetime, folder: Path, trading: bool, speed: float = 0.0
) -> Iterator[LedWorld]:  # fmt: skip
    """Serve a world from a process of its own until the block ends; at a speed its time goes on by itself."""
    key_file = folder / "demo-key.pem"
    said = {
        "world": described(world), "now": now.isoformat(), "key": str(key_file), "trading": trading, "speed": speed,
    }  # fmt: skip
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__)), json.dumps(said)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        told = json.loads(server.stdout.readline())
        yield LedWorld(**told, key_file=key_file, now_utc=now, _server=server)
    finally:
        server.stdin.close()
        server.wait(30)


def _serve(said: Mapping[str, Any]) -> None:
    """Serve, and do what is said line by line, until nobody says anything any more."""
    world = _world_of(said["world"])
    now = datetime.fromisoformat(said["now"])
    speed = said["speed"]
    with serve(
        world, now=now, led=not speed, speed=speed, trading=said["trading"], limits=_UNHURRIED
    ) as served:  # fmt: skip
        key_id = served.write_key(Path(said["key"]))
        _tell({"url": served.url, "ws_url": served.ws_url, "key_id": key_id})
        for line in sys.stdin:
            if line.strip() == "account":
                account = served.venue.account
                _tell({
                    "cash_micros": account.cash_micros, "positions": account.positions, "fills": len(account.fills),
                })  # fmt: skip
            else:
                served.advance_to(datetime.fromisoformat(line.strip()))
                _tell({})


def _world_of(said: Mapping[str, Any]) -> World:
    settings = dict(said) | {"until": date.fromisoformat(said["until"]), "cities": tuple(said["cities"])}
    return World(**settings)


def _tell(what: Mapping[str, Any]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    _serve(json.loads(sys.argv[1]))
