"""Which event date a night is of, and at which instant it falls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import polars as pl

from kwx.nightly.source import Source
from kwx.scoring.stored.labels import labels_of
from warehouse.errors import Refused
from warehouse.lake.store import Lake
from warehouse.lake.tables import MARKETS, OBS
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay, event_date_at

_SETTLES_WITHIN = timedelta(days=7)
_REPORTED_AFTER = timedelta(hours=12)
"""By then the day's final reports and the exchange's settlement are out, in every city."""


def cities_of(lake: Lake, asked: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the cities of a night: those asked for, else those that the lake knows, else all."""
    if asked:
        return tuple(asked)
    held = _days_of(lake, MARKETS.name) or _days_of(lake, OBS.name)
    return tuple(city for city in CITIES if city in {city for city, _ in held}) or tuple(CITIES)


def night_before(lake: Lake, source: Source, cities: Sequence[str]) -> date:
    """Return the newest event date whose day is over in every city; of a simulated lake the last that is settled."""
    if not source.is_simulated:
        now_utc = source.clock()
        return min(event_date_at(now_utc, city=CITIES[city]) for city in cities) - timedelta(days=1)
    held = [(city, day) for city, day in _days_of(lake, MARKETS.name) if city in cities]
    dates = [day for _, day in held]
    if not dates:
        raise Refused("no event of these cities is in the lake", hint="kwx lake status shows what there is")
    last = max(dates)
    labels = labels_of(lake.snapshot(), since=last - _SETTLES_WITHIN, until=last)
    settled = labels.filter(pl.col("city").is_in(list(cities)))["event_date"].to_list()
    whole = [day for day in set(settled) if settled.count(day) == len({city for city, one in held if one == day})]
    return max(whole, default=last)


def night_utc(source: Source, event_date: date, cities: Sequence[str]) -> datetime:
    """Return the instant by which a night's fits are made: now; of a simulated lake when its date was reported.

    So the same night of the same world makes the same fits, whenever it is run.
    """
    if not source.is_simulated:
        return source.clock()
    return max(ClimateDay(CITIES[city], event_date).end_utc for city in cities) + _REPORTED_AFTER


def require_over(event_date: date, cities: Sequence[str], source: Source) -> None:
    """Refuse a date that still runs somewhere."""
    if source.is_simulated:
        return
    now_utc = source.clock()
    running = [city for city in cities if event_date_at(now_utc, city=CITIES[city]) <= event_date]
    if running:
        raise Refused(
            f"{event_date} is not over yet in {', '.join(running)}",
            hint="leave --date out: the newest date that is over everywhere is taken",
        )


def _days_of(lake: Lake, table: str) -> list[tuple[str, date]]:
    if lake.current_number() is None:
        return []
    found = lake.snapshot().partitions(table)
    return [(one.city, one.event_date) for one in found if one.event_date is not None]
