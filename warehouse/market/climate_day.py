"""The climate day: 24 hours of local standard time, all year, so one fixed UTC window per city and date."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from warehouse.errors import BadDateRange, Unparsable
from warehouse.market.cities import City

MINUTES_PER_DAY = 1_440
FIVE_MINUTE_STEPS = 288
_EVE_OPENS_UTC = time(14)


@dataclass(frozen=True)
class ClimateDay:
    """One city's settlement day: 1,440 minutes between two local-standard midnights, on DST days too."""

    city: City
    event_date: date

    @property
    def start_utc(self) -> datetime:
        """The local-standard midnight that opens the day; an observation at this instant belongs to it."""
        return datetime.combine(self.event_date, time(), UTC) - self.city.standard_offset

    @property
    def end_utc(self) -> datetime:
        """The local-standard midnight that closes the day; an observation at this instant is tomorrow's."""
        return self.start_utc + timedelta(minutes=MINUTES_PER_DAY)

    def minutes_utc(self, *, step_minutes: int = 1) -> pl.Series:
        """Return the grid of the day: the inclusive ends of its steps, the last one the closing midnight."""
        step = timedelta(minutes=step_minutes)
        return pl.datetime_range(
            self.start_utc + step, self.end_utc, step, time_unit="us", time_zone="UTC", eager=True
        ).alias("ts_utc")


def event_date_at(ts_utc: datetime, *, city: City) -> date:
    """Return the climate day in which an instant falls; refuse a wall clock without a zone."""
    if ts_utc.tzinfo is None:
        raise Unparsable(f"{ts_utc} has no time zone", hint="instants are UTC: attach the zone where they are read")
    return (ts_utc.astimezone(UTC) + city.standard_offset).date()


def opens_utc(event_date: date) -> datetime:
    """Return when the first market of an event may trade: 10:00 in New York on the eve, in summer's time.

    In winter they open an hour later. What is to be known before an event trades must be known by then.
    """
    return datetime.combine(event_date - timedelta(days=1), _EVE_OPENS_UTC, UTC)


def event_date_expr(ts_utc: pl.Expr, *, city: City) -> pl.Expr:
    """Return the climate day of each instant, as a column."""
    return (ts_utc.dt.convert_time_zone("UTC") + city.standard_offset).dt.date()


def walk_spans(
    since: date, until: date, *, every_days: int | None, window_days: int | None
) -> Iterator[tuple[date, date]]:
    """Yield the first and last date of each fit of a walk.

    Without `every_days` it is one span, of all dates. With it there is one every so many days, each of the
    `window_days` that end there (None: of all since the first), from when the first window is full.
    """
    window = timedelta(days=(window_days or 1) - 1)
    if every_days is None:
        yield (max(since, until - window) if window_days else since), until
        return
    for last in list(event_dates(since, until))[(window_days or every_days) - 1 :: every_days]:
        yield (last - window if window_days else since), last


def event_dates(since: date, until: date) -> Iterator[date]:
    """Yield every event date from `since` to `until`, both included; refuse a range that runs backwards."""
    if until < since:
        raise BadDateRange(
            f"the range {since} … {until} ends before it begins",
            hint=f"say --since {until} --until {since}",
        )
    for offset in range((until - since).days + 1):
        yield since + timedelta(days=offset)
