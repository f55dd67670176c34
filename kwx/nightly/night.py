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
from kwx.nightly.changes import EarlierNight, nights_of, told_last
from kwx.nightly.journal import Baseline, Journal, Outcome
from kwx.nightly.owed import Ends, Owed
from kwx.nightly.places import NightPaths
from kwx.nightly.source import Source
from kwx.nightly.step import Line, Step
from warehouse.clock import Clock, utc_now
from warehouse.lake.store import Lake, Snapshot, opened


@dataclass(frozen=True, kw_only=True, eq=False)
class Night:
    """All that a step may know.

    night_utc: the instant by which fits are made; it stays the same where a night that was cut off goes on. told: what
    became of the steps so far. lines: what people are to know beside what steps tell.
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
    lines: list[Line] = field(default_factory=list)

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

    @property
    def goes_on(self) -> bool:
        """Whether it was cut off before, and now goes on."""
        return self.journal.begun is not None and not self.journal.is_finished

    def baselines(self) -> tuple[Baseline, ...]:
        """Return what this run tells changes against.

        That is what was told last before the first run of the night's date, and what that run told itself.
        """
        journal = self.journal
        held = journal.begun.baselines if journal.begun else ()
        own = journal.finished_snapshot
        if self.goes_on or any(one.event_date == self.event_date for one in held):
            return held
        if own is not None:
            return (*held, Baseline(event_date=self.event_date, snapshot=own))
        last = told_last(self.paths)
        return held or (() if last is None else (last,))

    @cached_property
    def earlier(self) -> list[EarlierNight]:
        """The nights that this one tells changes against, of those whose lake is still there."""
        return nights_of(self.lake, self.baselines())

    @cached_property
    def ends(self) -> Ends:
        """How far each step has come, over all nights."""
        return Ends(self.paths.ends, self.lake)

    def owed(self, step: Step) -> Owed:
        """Return what a step owes of the days up to now."""
        return self.ends.owed(step.name, step.reads, self.snapshot()) if self.has_snapshot else Owed()

    @property
    def usual_since(self) -> date:
        """The first event date that is looked at when none came late."""
        return self.event_date - timedelta(days=self.settings.late_days)

    def since(self, step: Step) -> date:
        """Return the first event date that a step looks at: a few before the night's, or the first that it owes."""
        return min(self.usual_since, self.owed(step).first(self.cities) or self.usual_since)

    @property
    def until(self) -> date:
        """The last event date that is looked at: it trades already."""
        return self.event_date + timedelta(days=self.settings.ahead_days)

    def days_with(self, *tables: str, since: date) -> dict[str, list[date]]:
        """Return by city the event dates from one on up to the night's last that any of some tables has."""
        snapshot = self.snapshot()
        found: dict[str, set[date]] = {}
        for name in tables:
            for place in snapshot.partitions(name):
                day = place.event_date
                if day is not None and since <= day <= self.until and place.city in self.cities:
                    found.setdefault(place.city, set()).add(day)
        return {city: sorted(days) for city, days in sorted(found.items())}


OnPoint = Callable[[str], None]
"""Told of every point of a night at which it can be cut off."""
