"""Whom an ingest asks and with which keys, and the law that a lake holds one world: the real one, or one simulated."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pipelines.asking.secrets import Secrets, from_environment
from pipelines.asking.waiting import Patience
from pipelines.vendors import Vendors, loopback, production
from warehouse.errors import LakeError, Usage
from warehouse.lake.store import Lake

USUAL_PATIENCE = Patience()
SIMULATED_SOURCES = {"demo", "loopback"}
REAL_WORLD = "vendors"
WORLD = "WORLD"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Whom to ask, and with which keys. `origin` is what the lake will say of where its rows come from.

    `vc_records_per_day` is what a plan of Visual Crossing allows; no number means that only the vendor counts. `again`
    asks anew what is at hand.
    """

    vendors: Vendors
    secrets: Secrets = field(repr=False)
    origin: str
    vc_records_per_day: int | None = None
    patience: Patience = USUAL_PATIENCE
    again: bool = False

    @property
    def with_vc(self) -> bool:
        """True when Visual Crossing can be asked."""
        return self.secrets.visual_crossing_key is not None


def access(server: str | None = None, *, vc_records_per_day: int | None = None, again: bool = False) -> Entry:
    """Return the real vendors, or a loopback server in the place of all of them, with the keys of the environment."""
    secrets = from_environment()
    if server is not None and urlsplit(server).scheme not in {"http", "https"}:
        raise Usage(f"--server {server!r} is no address", hint="write it as http://127.0.0.1:8700")
    return Entry(
        vendors=production(signed=secrets.signed) if server is None else loopback(server),
        secrets=secrets,
        origin="vendors" if server is None else "loopback",
        vc_records_per_day=vc_records_per_day,
        again=again,
    )


def require_one_world(lake: Lake, origin: str, *, world: str) -> None:
    """Refuse to mix a simulated world with a real one, or with another simulated one; note which one is fetched.

    The note is written before anything is asked: what was archived and not yet published belongs to a world, too.
    """
    require_same_kind(lake, origin)
    noted = world_of(lake.paths.raw)
    if noted not in {None, world}:
        raise _two_worlds(lake, f"another world ({noted})")
    if noted is None:
        lake.paths.raw.mkdir(parents=True, exist_ok=True)
        (lake.paths.raw / WORLD).write_text(f"{world}\n")


def require_same_kind(lake: Lake, origin: str) -> None:
    """Refuse a served world where the lake is of another kind, and the real one where it is simulated."""
    held = set(lake.snapshot().manifest.sources) if lake.current_number() is not None else set()
    if held - {"loopback"} if origin == "loopback" else held & SIMULATED_SOURCES:
        raise _two_worlds(lake, ", ".join(sorted(held)))


def _two_worlds(lake: Lake, told: str) -> LakeError:
    return LakeError(
        f"the lake {lake.paths.root} holds data from {told}; an ingest would mix two worlds",
        hint="ingest elsewhere: --lake other-lake, or KWX_LAKE",
    )


def world_of(raw: Path) -> str | None:
    """Return the world whose answers lie in a raw folder; None where nobody noted one."""
    note = raw / WORLD
    return note.read_text().strip() if note.is_file() else None
