"""What one look did, and how long each of its stages took."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime

from kwx.exec.state import Actions
from kwx.exec.venue.told import Outcome
from kwx.live.sink.sink import Written
from kwx.live.staleness import Stale

STAGES = ("take_in", "account", "think", "decide", "write", "send", "sink", "prepare", "settle")
WAITED_FOR = ("account", "send")
"""Stages that wait for somebody else."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What one tick did: which minutes it decided and for whom nothing new was risked, and how long it took.

    stopped: why nothing may be traded now; empty while it may be. written: None where there is no database. settled:
    dates of which all cities are paid now. left_out: events that were open and not traded in the last minute that was
    decided, in this look or before, each with the reason.
    ahead_s: by how much our clock is ahead of the exchange's at least, None where nobody knows; clock_off: whether that
    is too far, or not known where orders go out.
    """

    at_utc: datetime
    minutes: tuple[datetime, ...] = ()
    spoke: bool = False
    stale: Stale = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    heard_utc: Mapping[str, datetime | None] = field(default_factory=dict)
    priced_until: Mapping[str, datetime] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    actions: Mapping[date, Actions] = field(default_factory=dict)
    outcomes: tuple[Outcome, ...] = ()
    written: Written | None = None
    settled: tuple[date, ...] = ()
    stopped: str = ""
    left_out: tuple[str, ...] = ()
    ahead_s: float | None = None
    clock_off: bool = False

    @property
    def own_seconds(self) -> float:
        """What the tick took by itself."""
        return sum(seconds for stage, seconds in self.seconds.items() if stage not in WAITED_FOR)


class Stages:
    """The seconds of each stage of a look, of those that were entered more than once in all."""

    def __init__(self, stopwatch: Callable[[], float]) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._stopwatch = stopwatch

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add what the block takes to a stage, also where it fails."""
        began_s = self._stopwatch()
        try:
            yield
        finally:
            self.seconds[stage] += self._stopwatch() - began_s
