"""A lived date as a run: its name is that of what it began with, so that it is one run however often it is told."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from kwx.live.journal.recorded import Recorded
from kwx.live.journal.wire import Kept


@dataclass(frozen=True, kw_only=True, eq=False)
class Lived:
    """The run of a journal; its row says of the date's last settings, and of all of its minutes."""

    recorded: Recorded

    @property
    def kind(self) -> str:
        """Shadow or live."""
        return self.recorded.first.kind

    @property
    def run_id(self) -> str:
        """The name of the run."""
        return self.recorded.run_id

    def row(self) -> dict[str, Any]:
        """Return the row of runs as far as it is known before the run is told."""
        origin = self.recorded.last
        return {
            "run_id": self.run_id,
            "kind": self.kind,
            "strategy": origin.strategy,
            "fill_model": origin.rules.fill.value,
            "snapshot": self.recorded.first.snapshot,
            "inputs_sha256": self.minutes_sha256,
            "code_sha256": origin.code_sha256,
            "config_sha256": origin.config_sha256,
            "config_json": origin.config_json,
            "seed": 0,
            "cities": list(origin.cities),
            "since_date": origin.event_date,
            "until_date": origin.event_date,
        }

    @cached_property
    def minutes_sha256(self) -> str:
        """The hash of all that its steps were given."""
        digest = hashlib.sha256()
        for kept in self.recorded.of_minutes:
            digest.update(f"{kept.minute_utc} ".encode() + kept.parts["minute"] + kept.parts["before"])
        return digest.hexdigest()

    def summary(self) -> dict[str, Any]:
        """Return how the date was lived: minutes decided, missed and stale, how long it took, what changed."""
        minutes = self.recorded.of_minutes
        first_utc, last_utc = self.recorded.minutes_utc
        missed = sum(kept.causes.missed for kept in minutes)
        trades = [kept for kept in minutes if kept.minute.open.any()]
        return {
            "health": {
                "first_utc": first_utc,
                "last_utc": last_utc,
                "minutes": len(minutes),
                "missed": missed,
                "decided": len(minutes) - missed,
                "event_minutes": _event_minutes(trades),
                "missed_event_minutes": _event_minutes(kept for kept in trades if kept.causes.missed),
                "stale_event_minutes": _event_minutes((k for k in trades if not k.causes.missed), stale=True),
                "stale": _sources(kept.causes.stale.values() for kept in minutes),
                "late": _sources(kept.causes.late.values() for kept in minutes),
                "decided_after_s": _quantiles(
                    (kept.causes.decided_utc - kept.minute_utc).total_seconds()
                    for kept in minutes
                    if not kept.causes.missed
                ),
                "stages_s": _stages(minutes),
            },
            "notes": [*self._changes(), *sorted({text for kept in minutes for text in kept.causes.told})],
        }

    def _changes(self) -> list[str]:
        """Say what changed within the date, and from which minute on."""
        told = []
        for before, segment in zip(self.recorded.segments, self.recorded.segments[1:], strict=False):
            if segment.kept and (changed := segment.origin.differs_from(before.origin)):
                told.append(f"from {segment.kept[0].minute_utc:%Y-%m-%dT%H:%M}Z on with other: {', '.join(changed)}")
        return told


def _event_minutes(minutes: Iterable[Kept], *, stale: bool = False) -> int:
    """Return in how many minutes of events anything traded: all of them, or those that were decided on stale input."""
    total = 0
    for kept in minutes:
        trades = kept.minute.open.any(axis=0)
        fresh = (kept.minute.fresh & kept.minute.open).any(axis=0)
        total += int((trades & ~fresh).sum() if stale else trades.sum())
    return total


def _sources(said: Iterable[Iterable[tuple[str, ...]]]) -> dict[str, int]:
    """Return in how many minutes of cities each source was named."""
    return dict(Counter(source for cities in said for sources in cities for source in sources))


def _stages(minutes: Iterable[Kept]) -> dict[str, dict[str, float]]:
    by_stage: dict[str, list[float]] = {}
    for kept in minutes:
        for stage, seconds in kept.stages.items():
            by_stage.setdefault(stage, []).append(seconds)
    return {stage: _quantiles(seconds) for stage, seconds in by_stage.items()}


def _quantiles(values: Iterable[float]) -> dict[str, float]:
    told = np.array(list(values), np.float64)
    if not len(told):
        return {}
    return {
        name: round(float(np.quantile(told, share)), 6) for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1))
    }
