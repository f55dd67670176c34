"""What a backtest is to read of the lake: the events, the axes they lie along, and the pieces they are read in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

import polars as pl

from kwx.exec.bars.events import Event, Events, dates_held, events_of
from kwx.exec.bars.fees import MAKER_FEES, PUBLISHED
from kwx.exec.bars.grid import Extent
from kwx.exec.bars.notes import Note, told
from warehouse.errors import Refused, Usage
from warehouse.lake.store import Snapshot
from warehouse.market.climate_day import event_dates
from warehouse.market.fees import FEE_STEP_MICROS

DATES_AT_ONCE = 16
"""Two pieces of seven cities and what was done in one of them fit beside a year's fills in four gigabytes.

It is a number of dates that a step is compiled for (kwx.exec.engine): any other leaves room that nobody asked for.
"""


@dataclass(frozen=True, kw_only=True)
class BarsRecipe:
    """What of the bars is a matter of choice.

    guard_minutes: so long before and after a report that moves prices it counts as due; 0 is never.
    with_sizes: read the recorded order books for what the best quotes show: taking is held against it under every model
    of fills. They are by far the largest table.
    """

    guard_minutes: int = 2
    fee_rounding: str = "tick"
    maker_fee: str = PUBLISHED
    with_sizes: bool = False

    def __post_init__(self) -> None:
        for name, known in (("fee_rounding", tuple(FEE_STEP_MICROS)), ("maker_fee", MAKER_FEES)):
            if (said := getattr(self, name)) not in known:
                raise Usage(f"{name} {said!r} is not known", hint=f"one of: {' '.join(known)}")


@dataclass(frozen=True, kw_only=True, eq=False)
class BarsPlan:
    """Which events are read, along which cities and dates; all pieces have the same minutes and brackets.

    So that a step is compiled once for all pieces of one number of dates. outcomes: how the markets of all dates that
    were asked for ended.
    """

    snapshot: Snapshot
    recipe: BarsRecipe
    cities: tuple[str, ...]
    dates: tuple[date, ...]
    events: tuple[Event, ...]
    extent: Extent
    notes: tuple[Note, ...] = field(repr=False)
    outcomes: pl.DataFrame = field(repr=False)

    @classmethod
    def of(
        cls, snapshot: Snapshot, *, cities: Sequence[str], dates: Sequence[date], recipe: BarsRecipe | None = None
    ) -> BarsPlan:
        """Plan to read what can be traded of some cities on some dates; refuse where that is nothing."""
        wanted = recipe or BarsRecipe()
        listed = Events([], [])
        if cities and dates:
            listed = events_of(snapshot, cities=cities, dates=sorted(dates), maker_fee=wanted.maker_fee)
        if not listed.traded or listed.outcomes is None:
            why = "; ".join(told(listed.notes)) or "the lake holds no quotes"
            raise Refused(
                f"nothing can be traded: {why}",
                hint="kwx lake status shows what there is; kwx lake dense lays out quotes",
            )
        there = {event.city for event in listed.traded}
        return cls(
            snapshot=snapshot,
            recipe=wanted,
            cities=tuple(city for city in cities if city in there),
            dates=tuple(sorted({event.event_date for event in listed.traded})),
            events=tuple(listed.traded),
            extent=Extent.of(listed.traded),
            notes=tuple(listed.notes),
            outcomes=listed.outcomes,
        )

    def pieces(self, dates_at_once: int = DATES_AT_ONCE) -> list[BarsPlan]:
        """Cut the dates into pieces of one length and a rest: two lengths at most, so two compilations."""
        bounds = [*range(0, len(self.dates), dates_at_once), len(self.dates)]
        return [self._piece(first, end) for first, end in pairwise(bounds)]

    def _piece(self, first: int, end: int) -> BarsPlan:
        """Return some of the dates; what is said of dates between two pieces goes with the first one."""
        since = self.dates[first] if first else date.min
        before = self.dates[end] if end < len(self.dates) else date.max
        return BarsPlan(
            snapshot=self.snapshot,
            recipe=self.recipe,
            cities=self.cities,
            dates=self.dates[first:end],
            events=tuple(event for event in self.events if since <= event.event_date < before),
            extent=self.extent,
            notes=tuple(note for note in self.notes if since <= note.event_date < before),
            outcomes=self.outcomes,
        )


def planned(
    snapshot: Snapshot,
    *,
    cities: Sequence[str],
    since: date | None = None,
    until: date | None = None,
    recipe: BarsRecipe | None = None,
) -> BarsPlan:
    """Plan to read what can be traded of some cities from a date to another; without one, from where quotes begin."""
    known = [*dates_held(snapshot, cities), *(day for day in (since, until) if day is not None)]
    dates = list(event_dates(since or min(known), until or max(known))) if known else []
    return BarsPlan.of(snapshot, cities=cities, dates=dates, recipe=recipe)
