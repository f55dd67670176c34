"""What a demo server says of itself: where its stream is, and what time it is in its world."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from pipelines.archive import RawArchive
from pipelines.calls import Call
from pipelines.http import Client
from pipelines.ingest.access import REAL_WORLD, Entry
from pipelines.vendors import KALSHI_STREAM_URL
from warehouse.clock import Clock, utc_now
from warehouse.errors import VendorDown

_GREETING = Call(vendor="kalshi", kind="loopback_hello", path="/")


class _Said(msgspec.Struct):
    ws_url: str
    now_utc: datetime
    speed: float
    world: msgspec.Raw


@dataclass(frozen=True, kw_only=True)
class Hello:
    """The address of the stream, the clock by which things are received there, and which world it is.

    clock_error_s: how far that clock may be off by itself; None where there is nothing to hold it against.
    """

    ws_url: str
    clock: Clock
    world: str
    clock_error_s: float | None = 0.0


REALITY = Hello(ws_url=KALSHI_STREAM_URL, clock=utc_now, world=REAL_WORLD)


def hello_of(entry: Entry) -> Hello:
    """Return what is to be known before anything is asked: of a demo server from itself."""
    return hear(entry) if entry.origin == "loopback" else REALITY


def hear(entry: Entry) -> Hello:
    """Ask a demo server what it is. Its greeting is no answer of a vendor, so it is not kept."""
    with (
        TemporaryDirectory() as folder,
        RawArchive(folder=Path(folder), run_id="hello") as archive,
        Client(vendors=entry.vendors, secrets=entry.secrets, archive=archive, patience=entry.patience) as client,
    ):
        asked_s = time.monotonic()
        body = client.fetch(_GREETING).body
    heard_s = time.monotonic()
    try:
        said = msgspec.json.decode(body, type=_Said)
    except msgspec.DecodeError as error:
        raise VendorDown(
            f"{entry.vendors['kalshi'].base_url} is no demo server ({error})", hint="--server names a `kwx demo serve`"
        ) from error
    start_utc = said.now_utc.astimezone(UTC)
    return Hello(
        ws_url=said.ws_url,
        clock=lambda: start_utc + timedelta(seconds=(time.monotonic() - heard_s) * said.speed),
        clock_error_s=(heard_s - asked_s) * said.speed if said.speed else None,
        world=f"demo {hashlib.sha256(bytes(said.world)).hexdigest()[:16]}",
    )
