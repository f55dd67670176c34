"""The climate day of each station against UTC: where it begins, and whether each day of the lake has all its steps.

What the registry says of a city is held against the tables of time zones, which it does not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import polars as pl

from kwx.audits.clocks.part import Part, of_days
from kwx.audits.finding import Finding
from kwx.audits.repair import OF_CODE, Repairs
from kwx.audits.scope import Scope
from warehouse.lake.tables import MARKETS, OBS, OBS_1M, OBS_5M, Table
from warehouse.market.cities import CITIES, City
from warehouse.market.climate_day import FIVE_MINUTE_STEPS, MINUTES_PER_DAY, ClimateDay

PART = "climate days"
GRIDS = ((OBS_1M, MINUTES_PER_DAY), (OBS_5M, FIVE_MINUTE_STEPS))
_OF_ZONES = f"python -m pip install --upgrade tzdata; {OF_CODE}"
"""The zones are a package, the registry is code: no row of the lake can mend them."""


def climate_days(scope: Scope, repairs: Repairs) -> Part:
    """Hold each day of the lake against the 1,440 minutes and 288 steps between its local-standard midnights."""
    windows = windows_of(scope)
    laid = {table.name: _laid(scope, table, steps, windows) for table, steps in GRIDS}
    findings = [*_of_registry(windows), *_outside(scope, windows, repairs)]
    for name, days in laid.items():
        findings += _of_grid(name, days, repairs)
    return Part(
        name=PART, meaning="1,440 minutes and 288 steps between two midnights of local standard time, all year",
        rows=_rows(scope, windows, laid), findings=tuple(findings),
    )  # fmt: skip


def windows_of(scope: Scope) -> pl.DataFrame:
    """Return where each city-day begins and ends by the registry, and where it begins by the zone itself."""
    rows = [
        (city, day, (place := ClimateDay(CITIES[city], day)).start_utc, place.end_utc, _by_zone(CITIES[city], day))
        for city, days in scope.days.items()
        for day in days
    ]
    instant = pl.Datetime("us", "UTC")
    instants = dict.fromkeys(("start_utc", "end_utc", "zone_start_utc"), instant)
    schema = {"city": pl.String(), "event_date": pl.Date(), **instants}
    return pl.DataFrame(rows, schema=schema, orient="row")


def standard_offset(zone: ZoneInfo, day: date) -> timedelta:
    """Return local standard time minus UTC on a day, as the tables of time zones have it."""
    noon = datetime.combine(day, time(12), zone)
    return (noon.utcoffset() or timedelta()) - (noon.dst() or timedelta())


def _by_zone(city: City, day: date) -> datetime:
    return datetime.combine(day, time(), timezone(standard_offset(city.tzinfo, day))).astimezone(UTC)


def _of_registry(windows: pl.DataFrame) -> Iterator[Finding]:
    broken = windows.filter(pl.col("start_utc") != pl.col("zone_start_utc"))
    yield from of_days(
        PART, broken, what="the registry's standard time is not that of the city's zone",
        example=lambda row: f"day begins {row['start_utc']:%H:%M}Z, by the zone {row['zone_start_utc']:%H:%M}Z",
        repair=lambda city, span: _OF_ZONES,
    )  # fmt: skip


def _laid(scope: Scope, table: Table, steps: int, windows: pl.DataFrame) -> pl.DataFrame:
    """Return for each city-day that has reports or markets how the grid lies in it."""
    step = timedelta(minutes=MINUTES_PER_DAY // steps)
    ts = pl.col("ts_utc")
    found = scope.scan(table).group_by("city", "event_date").agg(
        there=pl.len(), apart=ts.n_unique(), first_utc=ts.min(), last_utc=ts.max(),
        off=(ts.dt.truncate(step) != ts).sum(),
    ).collect()  # fmt: skip
    named = {*scope.dates_of(table.name), *scope.dates_of(OBS.name)}
    due = windows.join(
        pl.DataFrame(sorted(named), schema={"city": pl.String, "event_date": pl.Date}, orient="row"),
        on=("city", "event_date"), how="semi",
    )  # fmt: skip
    days = due.join(found, on=("city", "event_date"), how="left", maintain_order="left")
    whole = (
        (pl.col("there") == steps) & (pl.col("apart") == steps) & (pl.col("off") == 0)
        & (pl.col("first_utc") == pl.col("start_utc") + step) & (pl.col("last_utc") == pl.col("end_utc"))
    )  # fmt: skip
    return days.with_columns(whole=whole.fill_null(value=False), due=pl.lit(steps))


def _of_grid(name: str, days: pl.DataFrame, repairs: Repairs) -> Iterator[Finding]:
    yield from of_days(
        PART, days.filter(~pl.col("whole")), what=f"{name} is not one row for every step of the day",
        example=lambda row: f"{row['event_date']}: {row['there'] or 0} of {row['due']} steps",
        repair=lambda city, span: repairs.of_table(name, city, *span),
    )  # fmt: skip


def _outside(scope: Scope, windows: pl.DataFrame, repairs: Repairs) -> Iterator[Finding]:
    """Yield the reports that lie in another climate day than the one that they are filed under."""
    stamped = scope.scan(OBS).select("city", "event_date", "ts_utc")
    inside = pl.col("ts_utc").is_between(pl.col("start_utc"), pl.col("end_utc"), closed="left")
    joined = stamped.join(windows.lazy(), on=("city", "event_date"), how="inner").filter(~inside)
    broken = joined.group_by("city", "event_date").agg(pl.len().alias("rows"), pl.col("ts_utc").min()).collect()
    yield from of_days(
        PART, broken, what="reports are filed under another climate day than theirs", count="rows",
        example=lambda row: f"{row['ts_utc']:%Y-%m-%dT%H:%MZ} under {row['event_date']}",
        repair=lambda city, span: repairs.of_table(OBS.name, city, *span),
    )  # fmt: skip


def _rows(scope: Scope, windows: pl.DataFrame, laid: dict[str, pl.DataFrame]) -> pl.DataFrame:
    traded = pl.DataFrame(
        sorted(scope.dates_of(MARKETS.name)), schema={"city": pl.String, "event_date": pl.Date}, orient="row"
    )  # fmt: skip
    counted = [
        days.group_by("city").agg(pl.len().alias(f"{name}_days"), pl.col("whole").sum().alias(f"{name}_whole"))
        for name, days in laid.items()
    ]
    about = pl.DataFrame(
        [(key, one.station, one.zone, one.standard_offset_hours) for key, one in CITIES.items()],
        schema={"city": pl.String, "station": pl.String, "zone": pl.String, "standard_offset_hours": pl.Int64},
        orient="row",
    )
    day = pl.col("event_date")
    rows = windows.group_by("city").agg(
        pl.col("start_utc").dt.strftime("%H:%MZ").unique().sort().str.join(" ").alias("day_begins"),
        pl.len().alias("days"), day.min().alias("since"), day.max().alias("until"),
    )  # fmt: skip
    rows = rows.join(about, on="city", how="left").join(
        traded.group_by("city").agg(pl.len().alias("traded_days")), on="city", how="left"
    )  # fmt: skip
    for one in counted:
        rows = rows.join(one, on="city", how="left")
    named = (f"{name}_{of}" for name in laid for of in ("days", "whole"))
    return rows.sort("city").select(
        "city", "station", "zone", "standard_offset_hours", "day_begins", "since", "until", "days", "traded_days",
        *named,
    )  # fmt: skip
