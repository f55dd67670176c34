"""A lake in memory in which all is another thing that was not known of an event date at an instant.

Of the city itself every day that may hold something known later is garbled, of the other cities the days around; what
is derived from garbled rows is derived again, by the transforms that ingest goes through. No file is touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np

from kwx.audits.leakage.garble import garbled
from kwx.audits.leakage.unknown import UNKNOWN, How
from pipelines.derivation import derived_frames
from warehouse.lake.present import Present
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import CANDLES_DENSE, OBS_1M, OBS_5M, TABLES, Partition, Table

DERIVED = (OBS_1M, OBS_5M, CANDLES_DENSE)

_BEHIND = timedelta(days=10)
"""Reports and results of so many earlier days may still come in."""
_AHEAD = timedelta(days=16)
"""Forecasts reach so far."""
_AROUND = timedelta(days=1)
"""Of other cities."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """An event date of a city, looked at as of an instant of its trading."""

    city: str
    event_date: date
    at_utc: datetime

    @property
    def partition(self) -> Partition:
        """The city-day."""
        return Partition(self.city, self.event_date)

    def __str__(self) -> str:
        return f"{self.city} {self.event_date} at {self.at_utc:%Y-%m-%dT%H:%MZ}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Poison:
    """The lake as its own rows make it, and the same with all that came later garbled.

    clean, dirty: with derived tables made anew from raw ones. later: by table, how many rows were not known.
    """

    sample: Sample
    clean: Present
    dirty: Present
    later: Mapping[str, int] = field(default_factory=dict)

    def close(self) -> None:
        """Let go of both."""
        self.clean.close()
        self.dirty.close()


def poisoned(snapshot: Snapshot, sample: Sample, rng: np.random.Generator) -> Poison:
    """Return the lake as it is, and the same without what was not known of a sample."""
    clean, dirty = Present.over(snapshot), Present.over(snapshot)
    later = {name: _garble(snapshot, dirty, TABLES[name], sample, rng) for name in snapshot.manifest.tables}
    for present in (clean, dirty):
        _derive(present, sample)
    return Poison(sample=sample, clean=clean, dirty=dirty, later={name: rows for name, rows in later.items() if rows})


def _garble(
    snapshot: Snapshot, dirty: Present, contract: Table, sample: Sample, rng: np.random.Generator
) -> int:  # fmt: skip
    """Put the partitions of a table that hold something not known; return how many rows of it there are."""
    unknown, count = UNKNOWN[contract.name], 0
    for place in snapshot.partitions(contract.name):
        if not _is_near(place, sample):
            continue
        rows = snapshot.read(contract, place).select(contract.schema.names())
        later = rows.select(unknown.rows(sample.at_utc, sample.event_date).alias("later")).to_series()
        if later.len() == 1 and rows.height != 1:  # a literal is true of every row
            later = later.new_from_index(0, rows.height)
        if later.any():
            changed = garbled(rows, contract, unknown, later, rng)
            dirty.put(contract, place, changed if unknown.how is How.REMOVE else changed.sort(contract.order))
            count += int(later.sum())
    return count


def _is_near(place: Partition, sample: Sample) -> bool:
    """Tell whether a partition is looked into: of days that are far away all is known, or nothing is read."""
    if place.event_date is None:
        return True
    days = place.event_date - sample.event_date
    if place.city != sample.city:
        return abs(days) <= _AROUND
    return -_BEHIND <= days <= _AHEAD


def _derive(present: Present, sample: Sample) -> None:
    """Make the derived tables of the event date, and the grids of its eve and of the day after it, from raw ones."""
    for days in (-1, 0, 1):
        place = Partition(sample.city, sample.event_date + timedelta(days=days))
        held = [one for one in DERIVED if place in present.partitions(one.name)]
        frames = derived_frames(present, place) if held else {}
        for contract in held:
            if contract.name in frames:
                rows = frames[contract.name].select(contract.schema.names())
                present.put(contract, place, rows.sort(contract.order))
