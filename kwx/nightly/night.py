"""A night: which event date of which lake it is of, what it may ask, and what it found when it set out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path

from kwx.config.file import Configuration
from kwx.config.nightly import NightlyFields
from kwx.models.registry.places import models_root
from kwx.nightly.changes import LastNight, first_changed, last_night
from kwx.nightly.journal import Journal, Outcome
from kwx.nightly.places import NightPaths
from kwx.nightly.source import Source
from warehouse.clock import Clock, utc_now
from warehouse.lake.store import Lake, Snapshot, opened


@dataclass(frozen=True, kw_only=True, eq=False)
class Night:
    """All that a step may know.

    night_utc: the instant by which fits are made; it stays the same where a night that was cut off goes on. told: what
    became of the steps so far.
    """

    lake: Lake
    event_date: date
    cities: tuple[str, ...]
    source: Source
    night_utc: datetime
    journal: Journal
    configuration: Configuration
    settings: NightlyFields
    models: Path | None = None
    workers: int | None = None
    wall_clock: Clock = utc_now
    told: dict[str, Outcome] = field(default_factory=dict)

    @property
    def paths(self) -> NightPaths:
        """Where nights lie."""
        return NightPaths(self.lake.paths)

    @property
    def models_root(self) -> Path:
        """Where models lie."""
        return models_root(self.models)

    @property
    def fit_clock(self) -> Clock:
        """The clock of fits: it stands."""
        return lambda: self.night_utc

    @property
    def clock(self) -> Clock:
        """The clock of the world that the lake is of."""
        return self.source.clock

    @property
    def has_snapshot(self) -> bool:
        """Whether the lake holds anything."""
        return self.lake.current_number() is not None

    def snapshot(self) -> Snapshot:
        """Return the lake as it is now; while nothing is published its lists of files are read once."""
        number = self.lake.current_number()
        return self.lake.snapshot() if number is None else opened(self.lake.paths, number)

    @cached_property
    def last(self) -> LastNight | None:
        """The night that was told last, as this one found it."""
        return last_night(self.lake, self.paths)

    def since(self) -> date:
        """Return the first event date that is looked at: a few before the night's, or the first that came late."""
        usual = self.event_date - timedelta(days=self.settings.late_days)
        changed = first_changed(self.last, self.snapshot(), self.cities) if self.has_snapshot else None
        return usual if changed is None else min(usual, changed)

    @property
    def until(self) -> date:
        """The last event date that is looked at: it trades already."""
        return self.event_date + timedelta(days=self.settings.ahead_days)

    def days_with(self, *tables: str, since: date | None = None) -> dict[str, list[date]]:
        """Return by city the event dates within the night's that any of some tables has."""
        first, snapshot = since or self.since(), self.snapshot()
        found: dict[str, set[date]] = {}
        for name in tables:
            for place in snapshot.partitions(name):
                day = place.event_date
                if day is not None and first <= day <= self.until and place.city in self.cities:
                    found.setdefault(place.city, set()).add(day)
        return {city: sorted(days) for city, days in sorted(found.items())}


OnPoint = Callable[[str], None]
"""Told of every point of a night at which it can be cut off."""
