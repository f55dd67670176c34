"""Which city-days an audit looks at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import polars as pl

from warehouse.errors import BadDateRange, Refused
from warehouse.lake.store import Snapshot, is_wanted
from warehouse.lake.tables import ALL_CITIES, TABLES, Table
from warehouse.lake.tables.contract import Layout


@dataclass(frozen=True, kw_only=True, eq=False)
class Scope:
    """The city-days of a snapshot that are asked for: all of them where nothing is said."""

    snapshot: Snapshot
    cities: Sequence[str] = ()
    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        if self.since and self.until and self.until < self.since:
            raise BadDateRange(f"{self.since} … {self.until} ends before it begins", hint="say --since before --until")

    @cached_property
    def days(self) -> Mapping[str, Sequence[date]]:
        """Each city that is asked for with its event dates in the lake, in order; one without any is refused."""
        found: dict[str, set[date]] = {}
        for name, contract in TABLES.items():
            if contract.layout is not Layout.CITY_DAY:
                continue
            for city, day in self.dates_of(name):
                found.setdefault(city, set()).add(day)
        missing = [city for city in self.cities if city not in found]
        if missing or not found:
            raise Refused(
                f"snapshot {self.snapshot.number} has no day of {', '.join(missing) or 'these dates'}",
                hint="kwx lake status shows what there is",
            )
        return {city: sorted(found[city]) for city in sorted(found)}

    def dates_of(self, name: str) -> Iterator[tuple[str, date]]:
        """Yield the city-days that are asked for of which a table has a file."""
        for place in self.snapshot.partitions(name):
            if place.event_date is not None and is_wanted(place, self.cities, self.since, self.until):
                yield place.city, place.event_date

    def scan(self, contract: Table) -> pl.LazyFrame:
        """Return the rows of a table of the city-days that are asked for; of one without days, of the cities."""
        cities = (*self.cities, ALL_CITIES) if self.cities and contract.layout is Layout.CITY else self.cities
        return self.snapshot.scan(contract, cities=cities, since=self.since, until=self.until)


def spans(days: Iterable[date]) -> Iterator[tuple[date, date]]:
    """Yield the stretches of dates that follow each other without a hole, each by its first and its last."""
    first = last = None
    for day in sorted(set(days)):
        if first is None or last is None:
            first = day
        elif day - last > timedelta(days=1):
            yield first, last
            first = day
        last = day
    if first is not None and last is not None:
        yield first, last
