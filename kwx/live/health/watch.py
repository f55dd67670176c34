"""The watch over a loop: what it says after every look goes to the file and the address, and alerts are looked at.

Alerts are looked at from a thread of their own: a loop that hangs cannot tell that it hangs.
"""

from __future__ import annotations

import logging
import resource
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from kwx.config.live import HealthFields
from kwx.live.health.alerts import Alerts
from kwx.live.health.commands import Commands
from kwx.live.health.file import HALTED, RUNNING, STARTING, Health, HealthFile
from kwx.live.health.log import tell
from kwx.live.health.redact import Redactor
from kwx.live.health.server import HealthServer
from kwx.live.health.watched import Watched
from warehouse.clock import Clock, utc_now
from warehouse.errors import KwxError

logger = logging.getLogger(__name__)

EVERY_S = 5.0
WELL_S = 60.0
"""A loop that has not looked for so long is not well, whatever it said last."""


@dataclass(kw_only=True)
class Watch:
    """What is told of one loop while it runs; `with` opens the address and starts looking at alerts.

    port: None is no address. every_s: how often alerts are looked at; 0 is whenever `ticked` is called, for tests and
    days that are lived faster than a clock goes.
    """

    path: Path
    fields: HealthFields = field(default_factory=HealthFields, repr=False)
    clock: Clock = utc_now
    redact: Redactor = field(default_factory=Redactor)
    watched: Watched = field(default_factory=Watched)
    every_s: float = EVERY_S
    with_address: bool = True
    _health: Health | None = field(default=None, repr=False)
    _server: HealthServer | None = field(default=None, repr=False)
    _thread: threading.Thread | None = field(default=None, repr=False)
    _done: threading.Event = field(default_factory=threading.Event, repr=False)

    def __post_init__(self) -> None:
        self.alerts = Alerts(self.watched, self.fields.alerts, run=Commands().run)
        self._file = HealthFile(path=self.path, redact=self.redact)

    @property
    def url(self) -> str:
        """Where it answers, nothing where it does not."""
        return "" if self._server is None else self._server.url

    def ticked(self, health: Health) -> None:
        """Take in how the loop is after a look."""
        now_utc = self.clock()
        self._health = health
        self._count(now_utc)
        if not self.every_s:
            self.alerts.look(now_utc)
        self._file.write(self._whole(health))

    def _whole(self, health: Health) -> Health:
        return replace(health, url=self.url, alerts=tuple(map(str, self.alerts.standing())))

    def _count(self, now_utc: datetime) -> None:
        """Say how long ago the loop looked and decided last, and what memory it has."""
        said = self._health or Health(state=STARTING, mode="")
        for gauge, utc in (
            (self.watched.seconds_since_tick, said.tick_utc or said.started_utc),
            (self.watched.seconds_since_minute, said.minute_utc or said.started_utc),
        ):
            if utc is not None:
                gauge.set(max((now_utc - utc).total_seconds(), 0))
        self.watched.memory_bytes.set(memory_bytes())

    def healthy(self) -> tuple[bool, Mapping[str, Any]]:
        """Return whether the loop is well, and all that it says of itself."""
        health = self._health
        if health is None:
            return False, {"state": STARTING}
        since_s = self.watched.seconds_since_tick.value()
        well = health.state in (RUNNING, HALTED, STARTING) and not since_s > WELL_S
        return well, self.redact.plain(self._whole(health).plain())

    def _exposed(self) -> str:
        self._count(self.clock())
        return self.redact(self.watched.exposed())

    def __enter__(self) -> Self:
        if self.with_address:
            self._server = self._opened()
        if self.every_s:
            self._thread = threading.Thread(target=self._look_on, name="alerts", daemon=True)
            self._thread.start()
        return self

    def _opened(self) -> HealthServer | None:
        """Open the address; a port that somebody else has must not keep the loop from running."""
        try:
            return HealthServer(self._exposed, self.healthy, port=self.fields.port).start()
        except OSError as error:
            tell(logger, "no address", level=logging.WARNING, port=self.fields.port, why=str(error.strerror))
            return None

    def _look_on(self) -> None:
        while not self._done.wait(self.every_s):
            now_utc = self.clock()
            self._count(now_utc)
            try:
                self.alerts.look(now_utc)
            except KwxError as error:
                tell(logger, "alerts failed", level=logging.ERROR, why=str(error))

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join(self.every_s)
        if self._server is not None:
            self._server.stop()
            self._server = None


def memory_bytes() -> int:
    """Return the memory that the process has now; its most ever, where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024
    return pages * resource.getpagesize()
