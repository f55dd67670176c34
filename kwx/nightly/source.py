"""Whom a night asks for new data: a demo server, the real vendors, saved answers, or, of a simulated lake, nobody."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pipelines.ingest.access import SIMULATED_SOURCES, Entry, access, require_same_kind
from pipelines.ingest.loopback import hello_of
from warehouse.clock import Clock, utc_now
from warehouse.errors import Usage
from warehouse.lake.store import Lake


class SourceKind(StrEnum):
    """Whom a night asks."""

    VENDORS = "the vendors"
    SERVER = "a demo server"
    REPLAY = "saved answers"
    NOBODY = "nobody"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Whom a night asks, what they are called, and by which clock it is asked: in a demo world by the world's."""

    kind: SourceKind
    told: str
    entry: Entry | None = None
    folder: Path | None = None
    clock: Clock = utc_now

    @property
    def is_simulated(self) -> bool:
        """Whether there is no wall clock that knows when the night falls."""
        return self.kind is SourceKind.NOBODY


def source_of(
    lake: Lake, *, server: str | None = None, replay: Path | None = None, entry: Entry | None = None,
    clock: Clock | None = None,
) -> Source:  # fmt: skip
    """Return whom a lake's night asks: what was said, else the real vendors, and for a simulated lake nobody.

    entry: how the vendors are reached, instead of by the keys of the environment.
    """
    if server is not None and replay is not None:
        raise Usage("--server and --replay both say where data come from", hint="say one of them")
    now = clock or utc_now
    if replay is not None:
        return Source(kind=SourceKind.REPLAY, told=f"saved answers in {replay}", folder=replay, clock=now)
    if server is None and entry is None and (simulated := _simulated(lake)):
        return Source(kind=SourceKind.NOBODY, told=simulated, clock=now)
    reached = entry or access(server)
    require_same_kind(lake, reached.origin)
    if reached.origin == "loopback":
        address = reached.vendors["kalshi"].base_url
        return Source(
            kind=SourceKind.SERVER, told=f"the demo server at {address}", entry=reached,
            clock=clock or hello_of(reached).clock,
        )  # fmt: skip
    return Source(kind=SourceKind.VENDORS, told="the vendors", entry=reached, clock=now)


def _simulated(lake: Lake) -> str:
    """Return which simulated world a lake is of; empty where it is of the real one, or of none yet."""
    if lake.current_number() is None:
        return ""
    held = sorted(SIMULATED_SOURCES & set(lake.snapshot().manifest.sources))
    return f"a simulated lake ({', '.join(held)})" if held else ""
