"""What trades at a minute: the markets of the open events, and the events that can be traded as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import polars as pl

from kwx.exec.bars.events import Event, running_events
from kwx.exec.bars.notes import Note, told
from kwx.live.brain.remembered import Remembered
from warehouse.lake.present import Present
from warehouse.lake.tables import BRACKET_COLUMNS, FEE_CHANGES, MARKETS, Partition

_AROUND = (-1, 0, 1, 2)
"""Events that are open at an instant have dates so many days from that of the instant, in UTC."""

_LEFT_OUT = "left out"
"""How a note begins that says why an event is not traded."""

COLUMNS = ("city", "event_date", "market_ticker", *BRACKET_COLUMNS, "open_utc", "close_utc")


@dataclass(frozen=True, kw_only=True, eq=False)
class Slate:
    """The open events of a minute.

    markets: one row each, in the order of city, event date and ticker. events: those that can be traded as a whole, by
    date; dates without any are left out. left_out: why others cannot. notes: what else is to be known.
    """

    markets: pl.DataFrame
    events: Mapping[date, tuple[Event, ...]]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]

    @cached_property
    def every_event(self) -> tuple[Event, ...]:
        """The events of all dates."""
        return tuple(event for events in self.events.values() for event in events)

    @cached_property
    def whole_since(self) -> Mapping[Partition, datetime]:
        """From when on all markets of a city-day are open."""
        opens = self.markets.group_by("city", "event_date").agg(pl.col("open_utc").max())
        return {Partition(city, day): open_utc for city, day, open_utc in opens.iter_rows()}

    @cached_property
    def closes(self) -> Mapping[Partition, datetime]:
        """When the first market of a city-day closes."""
        ends = self.markets.group_by("city", "event_date").agg(pl.col("close_utc").min())
        return {Partition(city, day): close_utc for city, day, close_utc in ends.iter_rows()}

    @cached_property
    def places(self) -> list[Partition]:
        """The city-days of the markets, in order."""
        days = self.markets.select("city", "event_date").unique(maintain_order=True)
        return [Partition(city, day) for city, day in days.iter_rows()]


class Slates:
    """Slates by minute; one is worked out when the listing changes, or an event opens or closes."""

    def __init__(self, present: Present, cities: Sequence[str], *, maker_fee: str, brackets: int) -> None:
        self._present = present
        self._brackets = brackets
        self._cities = tuple(cities)
        self._maker_fee = maker_fee
        self._trading: Remembered[tuple[datetime, datetime] | None] = Remembered()
        self._slates: Remembered[Slate] = Remembered()

    def at(self, minute_utc: datetime) -> Slate:
        """Return what trades in the minute that ends then: what opened before, and has not closed before."""
        open_places = [place for place in self._around(minute_utc) if self._is_open(place, minute_utc)]
        changes = [self._present.read(FEE_CHANGES, Partition(city)) for city in self._cities]
        frames = tuple(self._present.read(MARKETS, place) for place in open_places)
        return self._slates.of("now", (*frames, *changes), lambda: self._worked_out(open_places, frames))

    def _around(self, minute_utc: datetime) -> list[Partition]:
        dates = [minute_utc.date() + timedelta(days=days) for days in _AROUND]
        return [Partition(city, day) for city in self._cities for day in dates]

    def _is_open(self, place: Partition, minute_utc: datetime) -> bool:
        markets = self._present.read(MARKETS, place)
        bounds = self._trading.of(place, (markets,), lambda: _trading(markets))
        return bounds is not None and bounds[0] < minute_utc <= bounds[1]

    def _worked_out(self, places: Sequence[Partition], frames: Sequence[pl.DataFrame]) -> Slate:
        empty = pl.DataFrame(schema={**MARKETS.path_columns, **MARKETS.schema}).select(COLUMNS)
        markets = pl.concat([empty, *(frame.select(COLUMNS) for frame in frames)])
        cities = [city for city in self._cities if any(place.city == city for place in places)]
        dates = sorted({place.event_date for place in places if place.event_date is not None})
        if not dates:
            return Slate(markets=markets, events={}, left_out=(), notes=())
        found = running_events(self._present, cities=cities, dates=dates, maker_fee=self._maker_fee)
        events: dict[date, list[Event]] = {}
        notes = [note for note in found.notes if Partition(note.city, note.event_date) in places]
        for event in found.traded:
            if Partition(event.city, event.event_date) not in places:
                continue
            if len(event.ladder.names) > self._brackets:
                notes.append(Note(event.city, event.event_date, self._too_many(event)))
            else:
                events.setdefault(event.event_date, []).append(event)
        left_out = [note for note in notes if note.text.startswith(_LEFT_OUT)]
        return Slate(
            markets=markets.sort("city", "event_date", "market_ticker"),
            events={day: tuple(events[day]) for day in sorted(events)},
            left_out=told(left_out),
            notes=told(note for note in notes if note not in left_out),
        )

    def _too_many(self, event: Event) -> str:
        return f"{_LEFT_OUT}: {len(event.ladder.names)} brackets are listed, a minute has room for {self._brackets}"


def _trading(markets: pl.DataFrame) -> tuple[datetime, datetime] | None:
    """Return the first open and the last close of some markets."""
    if markets.is_empty():
        return None
    opens, closes = markets.select(pl.col("open_utc").min(), pl.col("close_utc").max()).row(0)
    return opens, closes
