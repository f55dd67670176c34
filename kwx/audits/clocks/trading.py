"""When markets open and close, against the end of their climate day: which law of the exchange each close follows.

The exchange changed the law twice, from one event date on. Other dates around a change may follow either side of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from kwx.audits.clocks.part import Part, of_days
from kwx.audits.finding import Finding
from kwx.audits.repair import Repairs
from kwx.audits.scope import Scope
from warehouse.lake.tables import MARKETS
from warehouse.market.cities import CITIES, City
from warehouse.market.climate_day import ClimateDay

PART = "trading hours"

CIVIL, MINUTE_BEFORE, MIDNIGHT = "23:59 of the wall clock", "a minute before the day's end", "the day's end"
AFTER, OTHERWISE = "after the day's end", "at another instant"
_OTHER_ERA = "of another era"
_NEW_YORK = ZoneInfo("America/New_York")
"""The exchange's own clock: markets of western cities closed by it too until 2025."""
_LAST_MINUTE = time(23, 59)
_MINUTE = timedelta(minutes=1)
_NO = timedelta(0)
_AROUND_A_CHANGE = timedelta(days=14)
_EARLIEST_OPEN = timedelta(days=2)
_LATEST_OPEN = timedelta(hours=12)
"""Markets were opened as late as in the small hours of their day, in October 2024."""


@dataclass(frozen=True)
class Era:
    """The event dates, both ends included, whose markets close by one law."""

    kind: str
    since: date
    until: date

    def holds(self, day: date) -> bool:
        """Tell whether a date is of the era, or so near to it that either law may count."""
        return self.since - _AROUND_A_CHANGE <= day <= self.until + _AROUND_A_CHANGE


ERAS = (
    Era(CIVIL, date(2021, 8, 6), date(2026, 3, 17)),
    Era(MINUTE_BEFORE, date(2026, 3, 18), date(2026, 8, 13)),
    # A close at the very end of the day leaves nothing of it out and takes nothing in, whenever that was the law.
    Era(MIDNIGHT, date(2021, 8, 6), date(9999, 1, 1) - _AROUND_A_CHANGE),
)


def trading_hours(scope: Scope, repairs: Repairs) -> Part:
    """Look at when the markets of each event open, close and settle."""
    events = _events(scope)
    return Part(
        name=PART, meaning="when markets open and close, against the end of their climate day",
        rows=_rows(events), findings=tuple(_findings(events, repairs)),
    )  # fmt: skip


def closing_kind(city: City, event_date: date, close_utc: datetime) -> str:
    """Return which law a close follows."""
    end_utc = ClimateDay(city, event_date).end_utc
    if close_utc > end_utc:
        return AFTER
    if close_utc == end_utc:
        return MIDNIGHT
    civil = {close for zone in (city.tzinfo, _NEW_YORK) for close in _civil_closes(event_date, zone)}
    if close_utc == end_utc - _MINUTE:
        # In winter both laws name the same instant: then the one counts that was in force.
        return CIVIL if close_utc in civil and _of_era(CIVIL, event_date) else MINUTE_BEFORE
    return CIVIL if close_utc in civil else OTHERWISE


def _civil_closes(event_date: date, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield 23:59 of a wall clock, as it is then and, as the exchange had it, as it was when the day began."""
    yield datetime.combine(event_date, _LAST_MINUTE, zone).astimezone(UTC)
    yield datetime.combine(event_date, _LAST_MINUTE, UTC) - (
        datetime.combine(event_date, time(), zone).utcoffset() or _NO
    )


def _of_era(kind: str, day: date) -> bool:
    return any(era.kind == kind and era.holds(day) for era in ERAS)


def _events(scope: Scope) -> pl.DataFrame:
    """Return each event with the first and last of its opens and closes, and which law the closes follow."""
    opens, closes = pl.col("open_utc"), pl.col("close_utc")
    events = (
        scope.scan(MARKETS)
        .group_by("city", "event_date")
        .agg(
            opens.min(), opens.max().alias("last_open_utc"), closes.max(), closes.min().alias("first_close_utc"),
            markets=pl.len(), settled_early=(pl.col("settled_utc") < closes).sum(),
        )
        .collect()
        .sort("city", "event_date")
    )  # fmt: skip
    days = [ClimateDay(CITIES[city], day) for city, day in events.select("city", "event_date").iter_rows()]
    kinds = [
        closing_kind(day.city, day.event_date, closes) for day, closes in zip(days, events["close_utc"], strict=True)
    ]
    of_era = [_of_era(kind, day.event_date) for day, kind in zip(days, kinds, strict=True)]
    starts, ends = ([getattr(day, name) for day in days] for name in ("start_utc", "end_utc"))
    instant = pl.Datetime("us", "UTC")
    return events.with_columns(
        pl.Series("closes", kinds, dtype=pl.String), pl.Series("of_era", of_era, dtype=pl.Boolean),
        pl.Series("start_utc", starts, dtype=instant), pl.Series("end_utc", ends, dtype=instant),
    )  # fmt: skip


def _rows(events: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each city and law by which its markets close."""
    day, closes, opens = pl.col("event_date"), pl.col("close_utc"), pl.col("open_utc")
    rows = events.with_columns(
        pl.when("of_era").then("closes").when(pl.col("closes").is_in([CIVIL, MINUTE_BEFORE]))
        .then(pl.col("closes") + f", {_OTHER_ERA}").otherwise("closes").alias("closes")
    )  # fmt: skip
    return (
        rows.group_by("city", "closes")
        .agg(
            pl.len().alias("events"), day.min().alias("since"), day.max().alias("until"),
            opens.dt.strftime("%H:%MZ").unique().sort().str.join(" ").alias("opens_utc"),
            closes.dt.strftime("%H:%MZ").unique().sort().str.join(" ").alias("closes_utc"),
            ((pl.col("end_utc") - closes).dt.total_minutes().max()).alias("untraded_minutes"),
        )
        .sort("city", "since")
    )  # fmt: skip


def _findings(events: pl.DataFrame, repairs: Repairs) -> Iterator[Finding]:
    kinds, opens = pl.col("closes"), pl.col("open_utc")
    laws = (
        ("markets close after the end of their climate day", kinds == AFTER, "close"),
        ("markets close at an instant of no law of the exchange", kinds == OTHERWISE, "close"),
        (
            "markets close by the law of another era",
            kinds.is_in([CIVIL, MINUTE_BEFORE]) & ~pl.col("of_era"), "close",
        ),
        (
            "markets open when half of their climate day is over",
            pl.col("last_open_utc") > pl.col("start_utc") + _LATEST_OPEN, "open",
        ),
        ("markets open before the eve of their day", opens < pl.col("start_utc") - _EARLIEST_OPEN, "open"),
        ("the markets of an event do not close together", pl.col("first_close_utc") != pl.col("close_utc"), "close"),
        ("a result is known before trading ends", pl.col("settled_early") > 0, "close"),
    )  # fmt: skip
    for what, broken, moment in laws:

        def told(row: dict[str, object], moment: str = moment) -> str:
            return (
                f"{row['event_date']}: {moment} {row[f'{moment}_utc']:%m-%dT%H:%MZ},"
                f" day {row['start_utc']:%m-%dT%H:%MZ} … {row['end_utc']:%m-%dT%H:%MZ}"
            )

        yield from of_days(
            PART, events.filter(broken), what=what, example=told,
            repair=lambda city, span: repairs.of_table(MARKETS.name, city, *span),
        )  # fmt: skip
