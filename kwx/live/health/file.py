"""The health file: what a loop says of itself after every look, whole at any moment for whoever reads it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from kwx.live.health.redact import Redactor
from warehouse.errors import FileBroken
from warehouse.lake.store import Lake

STARTING, RUNNING, HALTED, STOPPING, STOPPED = "starting", "running", "halted", "stopping", "stopped"
FAILING = "failing"


@dataclass(frozen=True, kw_only=True)
class Health:
    """How a loop is.

    state: starting, running, failing (in its last look), halted, stopping or stopped. mode: paper or live. stale_s: age
    of what each source said last. waiting: what waits in queues. left_out: events that are open and not traded, each
    with the reason. clock_ahead_s: by how much our clock is ahead of the exchange's at least. why: what halted or
    stopped it.
    """

    state: str
    mode: str
    pid: int = field(default_factory=os.getpid)
    started_utc: datetime | None = None
    tick_utc: datetime | None = None
    minute_utc: datetime | None = None
    event_dates: tuple[date, ...] = ()
    run_ids: tuple[str, ...] = ()
    stale_s: Mapping[str, float] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    is_killed: bool = False
    open_orders: int = 0
    url: str = ""
    left_out: tuple[str, ...] = ()
    clock_ahead_s: float | None = None
    alerts: tuple[str, ...] = ()
    why: str = ""

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        told: dict[str, Any] = json.loads(json.dumps(asdict(self), default=_text))
        return told


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def health_path(lake: Lake) -> Path:
    """Return where the loop of a lake keeps its health file."""
    return lake.paths.root / "live" / "health.json"


@dataclass(frozen=True, kw_only=True)
class HealthFile:
    """The file, written by one loop."""

    path: Path
    redact: Redactor = field(default_factory=Redactor)

    def write(self, health: Health) -> None:
        """Put it in the place of what was said before, in one step."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        draft.write_text(json.dumps(self.redact.plain(health.plain()), indent=1, ensure_ascii=False) + "\n")
        draft.replace(self.path)


def read_health(path: Path) -> dict[str, Any] | None:
    """Return what a loop said last, None where none ever ran."""
    try:
        said: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise FileBroken(f"{path} is not JSON: {error}", hint="the next look of a loop writes it anew") from error
    return said
