"""What each step still owes: the days that changed in what it reads, and of which it has not ended done since.

Of each step is kept up to which snapshot it knows the lake, and the days that it owed then: it failed, was left out or
stopped, or they lay outside the dates or the cities of the nights that did it. What changed after that snapshot is owed
as well. So what is told, or fails, in one night is never lost to the next.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from kwx.nightly.changes import changed_days
from warehouse.errors import KwxError
from warehouse.lake.files import sync_folder, write_json
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import Partition
from warehouse.market.climate_day import event_dates

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class End:
    """How far a step has come: up to which snapshot it knows the tables that it reads, and what it owed of them."""

    snapshot: int
    tables: tuple[str, ...]
    days: frozenset[Partition] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Owed:
    """The days that a step owes. is_all: nothing else changed; where the snapshot is gone, that cannot be told."""

    days: frozenset[Partition] = frozenset()
    is_all: bool = False

    def first(self, cities: Sequence[str]) -> date | None:
        """Return the first date that is owed of some cities."""
        return min((day.event_date for day in self.days if day.city in cities and day.event_date), default=None)


class Ends:
    """The ends of all steps of a lake, in one small file; the night that runs writes it."""

    def __init__(self, path: Path, lake: Lake) -> None:
        self._path, self._lake = path, lake
        self.trouble = ""
        self._ends = self._read()

    def owed(self, step: str, tables: Iterable[str], now: Snapshot) -> Owed:
        """Return what a step owes of the tables that it reads."""
        end = self._ends.get(step)
        if end is None:
            return Owed()
        try:
            before = self._lake.snapshot(end.snapshot)
        except KwxError:
            return Owed(days=end.days)
        changed = (day for day in changed_days(before, now, tables) if day.event_date is not None)
        return Owed(days=end.days | frozenset(changed), is_all=True)

    def knows(self, step: str, snapshot: int) -> bool:
        """Tell whether a step is noted to know a snapshot, or a later one."""
        end = self._ends.get(step)
        return end is not None and end.snapshot >= snapshot

    def note(self, ends: Mapping[str, End]) -> None:
        """Write the ends of some steps, in one act."""
        if all(self._ends.get(step) == end for step, end in ends.items()):
            return
        told = {**self._ends, **ends}
        write_json(self._path, {step: _plain(end) for step, end in sorted(told.items())})
        sync_folder(self._path.parent)
        self._ends = told

    def move_on(self, now: Snapshot) -> None:
        """Let every step owe by days what it owes by an old snapshot, so that this may be removed."""
        self.note(
            {
                step: replace(end, snapshot=now.number, days=self.owed(step, end.tables, now).days)
                for step, end in self._ends.items()
            }
        )

    def _read(self) -> dict[str, End]:
        if not self._path.is_file():
            return {}
        try:
            said = json.loads(self._path.read_bytes())
            return {step: _end_of(told) for step, told in said.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            logger.warning("%s cannot be read: %s", self._path, error)
            self.trouble = f"{self._path} cannot be read: {error}; days that earlier nights owed are not known"
            return {}


def _plain(end: End) -> dict[str, Any]:
    by_city: dict[str, list[date]] = {}
    for day in sorted(end.days):
        assert day.event_date is not None, "what is owed is owed by the day"
        by_city.setdefault(day.city, []).append(day.event_date)
    spans = {city: [[str(first), str(last)] for first, last in _spans(days)] for city, days in by_city.items()}
    return {"snapshot": end.snapshot, "tables": list(end.tables), "owed": spans}


def _spans(days: Sequence[date]) -> list[tuple[date, date]]:
    """Return days in order as spans of days one after the other: what is owed for long is one of them."""
    spans: list[tuple[date, date]] = []
    for day in days:
        if spans and day == spans[-1][1] + timedelta(days=1):
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return spans


def _end_of(said: Mapping[str, Any]) -> End:
    days = {
        Partition(city, day)
        for city, spans in said["owed"].items()
        for first, last in spans
        for day in event_dates(date.fromisoformat(first), date.fromisoformat(last))
    }
    return End(snapshot=int(said["snapshot"]), tables=tuple(said["tables"]), days=frozenset(days))
