"""Which city-days a table owes: those from when its city first has any of its kind to the city's last day.

What nobody can owe is left out: books and trades where nothing was traded, tables that a city never had and may do
without, a vendor that is not asked for it, reports of a day that is not over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from kwx.audits.scope import Scope
from warehouse.lake.tables import (
    BOOKS,
    CANDLES_1M,
    CANDLES_DENSE,
    FORECASTS,
    MARKETS,
    OBS,
    OBS_1M,
    OBS_5M,
    PMF_DEGREES,
    PMF_MINUTE,
    PREDICTIONS,
    SETTLEMENTS,
    TRADES,
)
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay, event_dates

EXCHANGE = (MARKETS.name, CANDLES_1M.name, CANDLES_DENSE.name)
WEATHER = (OBS.name, OBS_1M.name, OBS_5M.name)
OF_EVENTS = (FORECASTS.name, SETTLEMENTS.name)
BY_CHOICE = (TRADES.name, BOOKS.name, PMF_DEGREES.name, PMF_MINUTE.name, PREDICTIONS.name)
"""Owed only from a city's first day that has them."""
TABLES = (*EXCHANGE, TRADES.name, BOOKS.name, *WEATHER, *OF_EVENTS, PMF_DEGREES.name, PMF_MINUTE.name, PREDICTIONS.name)
"""In the order in which data flow."""

_REPORTED_AFTER = timedelta(hours=36)
"""So long after a climate day its reports and results are in."""
_ARCHIVED_AFTER = timedelta(days=5)
_ARCHIVES = ("ghcn",)


@dataclass(frozen=True, kw_only=True)
class Owed:
    """The days of a city: when each kind begins, and the last of all."""

    city: str
    last: date
    begins: Mapping[str, date]

    def days(self, table: str, scope: Scope) -> Iterator[date]:
        """Yield the event dates that are asked for on which a table is owed."""
        first = self.begins.get(table)
        if first is None:
            return
        since, until = max(first, scope.since or first), min(self.last, scope.until or self.last)
        if since <= until:
            yield from event_dates(since, until)


def owed_by(scope: Scope) -> list[Owed]:
    """Return what each city owes, whatever dates are asked for: a gap at their edge is a gap."""
    held = {name: _days_held(scope, name) for name in TABLES}
    owed = []
    for city in scope.days:
        days = {name: of_table[city] for name, of_table in held.items() if city in of_table}
        raw = [days[name] for name in (*EXCHANGE, *WEATHER) if name in days]
        if not raw:
            continue
        events = min((days[name][0] for name in (*EXCHANGE, TRADES.name) if name in days), default=None)
        reports = min((days[name][0] for name in WEATHER if name in days), default=None)
        begins = {
            **({} if events is None else dict.fromkeys(EXCHANGE, events)),
            **({} if reports is None else dict.fromkeys(WEATHER, reports)),
            **dict.fromkeys(OF_EVENTS, events or reports or raw[0][0]),
            **{name: days[name][0] for name in BY_CHOICE if name in days},
        }
        owed.append(Owed(city=city, last=max(one[1] for one in raw), begins=begins))
    return owed


def owed_cells(scope: Scope, counted: pl.DataFrame) -> pl.DataFrame:
    """Return every city-day that is owed, by table and, where a city has several of one table, by source."""
    sources = counted.select("city", "table", "source").unique()
    named: dict[tuple[str, str], list[str]] = {}
    for city, table, source in sources.sort("source").iter_rows():
        named.setdefault((city, table), []).append(source)
    rows = [
        (one.city, day, table, source)
        for one in owed_by(scope)
        for table in TABLES
        for day in one.days(table, scope)
        for source in named.get((one.city, table), [""])
    ]
    schema = {"city": pl.String, "event_date": pl.Date, "table": pl.String, "source": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def running_days(scope: Scope) -> pl.DataFrame:
    """Return the city-days that were not over, or not reported on, when the lake was last written, by source."""
    written_utc = datetime.fromisoformat(scope.snapshot.manifest.created_utc)
    rows = [
        (one.city, day, source, written_utc < ClimateDay(CITIES[one.city], day).end_utc + wait)
        for one in owed_by(scope)
        for source, wait in (("", _REPORTED_AFTER), *((archive, _ARCHIVED_AFTER) for archive in _ARCHIVES))
        for day in event_dates(one.last - timedelta(days=7), one.last)
    ]
    schema = {"city": pl.String, "event_date": pl.Date, "archive": pl.String, "runs": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row").filter("runs")


def _days_held(scope: Scope, name: str) -> dict[str, tuple[date, date]]:
    """Return the first and last event date that a table has of each city, in the whole lake."""
    found: dict[str, tuple[date, date]] = {}
    for place in scope.snapshot.partitions(name):
        if place.event_date is not None:
            first, last = found.get(place.city, (place.event_date, place.event_date))
            found[place.city] = min(first, place.event_date), max(last, place.event_date)
    return found
