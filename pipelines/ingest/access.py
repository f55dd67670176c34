"""Whom an ingest asks and with which keys, and the law that a lake holds one world: the real one, or one simulated."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines.asking.secrets import Secrets, from_environment
from pipelines.http import Patience
from pipelines.vendors import Vendors, loopback, production
from warehouse.errors import LakeError
from warehouse.lake.store import Lake

USUAL_PATIENCE = Patience()
SIMULATED_SOURCES = {"demo", "loopback"}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Whom to ask, and with which keys. `origin` is what the lake will say of where its rows come from.

    `vc_records_per_day` is what a plan of Visual Crossing allows; no number means that only the vendor counts.
    """

    vendors: Vendors
    secrets: Secrets = field(repr=False)
    origin: str
    vc_records_per_day: int | None = None
    patience: Patience = USUAL_PATIENCE

    @property
    def with_vc(self) -> bool:
        """True when Visual Crossing can be asked."""
        return self.secrets.visual_crossing_key is not None


def access(server: str | None = None, *, vc_records_per_day: int | None = None) -> Entry:
    """Return the real vendors, or a loopback server in the place of all of them, with the keys of the environment."""
    secrets = from_environment()
    if server is not None:
        return Entry(
            vendors=loopback(server), secrets=secrets, origin="loopback", vc_records_per_day=vc_records_per_day
        )
    vendors = production(signed=secrets.signed)
    return Entry(vendors=vendors, secrets=secrets, origin="vendors", vc_records_per_day=vc_records_per_day)


def require_one_world(lake: Lake, origin: str) -> None:
    """Refuse to mix a simulated world with a real one, or with another simulated one."""
    if lake.current_number() is None:
        return
    held = set(lake.snapshot().manifest.sources)
    foreign = held - {"loopback"} if origin == "loopback" else held & SIMULATED_SOURCES
    if foreign:
        raise LakeError(
            f"the lake {lake.paths.root} holds data from {', '.join(sorted(held))}; an ingest would mix two worlds",
            hint="ingest elsewhere: --lake other-lake, or KWX_LAKE",
        )
