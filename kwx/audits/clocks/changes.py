"""The days on which the wall clock is set, of every year that a lake speaks of: the climate day keeps its 24 hours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from kwx.audits.clocks.part import Part, Span, of_days
from kwx.audits.finding import Finding
from kwx.audits.repair import Repairs
from kwx.audits.scope import Scope
from warehouse.lake.tables import CANDLES_DENSE, OBS_1M, OBS_5M, Partition
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import FIVE_MINUTE_STEPS, MINUTES_PER_DAY

PART = "clock changes"
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Change:
    """A day on which a zone's clock is set: by how many minutes, and how many hours its civil day has then."""

    event_date: date
    minutes: int

    @property
    def civil_hours(self) -> int:
        """How long the civil day is."""
        return 24 - self.minutes // 60


def changes_of(zone: ZoneInfo, year: int) -> list[Change]:
    """Return the days of a year on which a zone's clock is set."""
    first = date(year, 1, 1)
    days = (first + timedelta(days=number) for number in range((date(year + 1, 1, 1) - first).days))
    return [Change(day, minutes) for day in days if (minutes := _set_by(zone, day))]


def _set_by(zone: ZoneInfo, day: date) -> int:
    """Return by how many minutes the clock is put forward within a civil day."""
    before, after = (datetime.combine(one, time(), zone).utcoffset() or timedelta() for one in (day, day + _DAY))
    return (after - before) // _MINUTE


def clock_changes(scope: Scope, repairs: Repairs) -> Part:
    """Look at each such day that the lake has: its grids, and the wall clock beside its minutes of trading."""
    rows = pl.DataFrame(list(_rows(scope)), schema=_SCHEMA, orient="row")
    there = rows.filter("in_lake")
    return Part(
        name=PART, meaning="days on which the wall clock changes, of every year of the lake: 24 hours all the same",
        rows=rows, findings=(*_short(there, repairs), *_wrong_clock(there, repairs)),
    )  # fmt: skip


_SCHEMA = {
    "city": pl.String, "event_date": pl.Date, "clock": pl.String, "civil_hours": pl.Int64, "in_lake": pl.Boolean,
    "minutes": pl.Int64, "steps": pl.Int64, "wrong_clock": pl.Int64, "traded": pl.Int64,
}  # fmt: skip


def _rows(scope: Scope) -> Iterator[tuple[object, ...]]:
    for city, days in scope.days.items():
        zone, held = CITIES[city].tzinfo, set(days)
        for year in sorted({day.year for day in days}):
            for change in changes_of(zone, year):
                where = Partition(city, change.event_date)
                minutes, steps = (_rows_of(scope, table.name, where) for table in (OBS_1M, OBS_5M))
                traded, wrong = _wall_clock(scope, where, zone)
                yield (
                    city, change.event_date, f"{change.minutes:+d} min", change.civil_hours,
                    change.event_date in held, minutes, steps, wrong, traded,
                )  # fmt: skip


def _rows_of(scope: Scope, name: str, where: Partition) -> int:
    return sum(entry.rows for entry in scope.snapshot.files(name) if entry.partition == where)


def _wall_clock(scope: Scope, where: Partition, zone: ZoneInfo) -> tuple[int, int]:
    """Return how many minutes of trading there are, and how many beside which another wall clock stands."""
    told = scope.snapshot.read(CANDLES_DENSE, where, columns=("ts_utc", "utc_offset_minutes"))
    local = pl.col("ts_utc").dt.convert_time_zone(zone.key)
    offset = (local.dt.base_utc_offset() + local.dt.dst_offset()).dt.total_minutes()
    return told.height, told.select((offset != pl.col("utc_offset_minutes")).sum()).item()


def _short(rows: pl.DataFrame, repairs: Repairs) -> Iterator[Finding]:
    for column, table, due in (("minutes", OBS_1M, MINUTES_PER_DAY), ("steps", OBS_5M, FIVE_MINUTE_STEPS)):

        def told(row: dict[str, object], column: str = column, due: int = due) -> str:
            return f"{row[column]} of {due}; the civil day has {row['civil_hours']} hours"

        def repair(city: str, span: Span, name: str = table.name) -> str:
            return repairs.of_table(name, city, *span)

        # A day without any reports is one of coverage.
        broken = rows.filter((pl.col(column) > 0) & (pl.col(column) != due))
        what = f"{table.name} of a day on which the clock changes is not 24 hours long"
        yield from of_days(PART, broken, what=what, example=told, repair=repair)


def _wrong_clock(rows: pl.DataFrame, repairs: Repairs) -> Iterator[Finding]:
    yield from of_days(
        PART, rows.filter(pl.col("wrong_clock") > 0), what="minutes carry another wall clock than the city's",
        count="wrong_clock", example=lambda row: f"{row['wrong_clock']:,} of {row['traded']:,} minutes",
        repair=lambda city, span: repairs.of_table(CANDLES_DENSE.name, city, *span),
    )  # fmt: skip
