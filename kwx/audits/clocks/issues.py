"""Forecasts and reports: issued before what they speak of ends, known after that, and never by an as-of time.

Of a curve, hours that are over by the time it is known are usual and of no use; a high that is known after its day is
counted too. A forecast for an hour before its issue is no forecast, and a preliminary report that is known at its as-of
time is known half an hour too early: publication takes that long.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from kwx.audits.clocks.part import Part, Span, of_days
from kwx.audits.finding import Finding
from kwx.audits.repair import Repairs
from kwx.audits.scope import Scope
from warehouse.lake.tables import FORECASTS, SETTLEMENTS, Table
from warehouse.market.cities import CITIES

PART = "issued, known, valid"

_LAWS = {
    "unissued": "known before it was issued",
    "backward": "speaks of a time before its issue",
    "as_of": "known by its as-of time, which is not when it is published",
    "premature": "final, and issued before the climate day was over",
}


def issued_known_valid(scope: Scope, repairs: Repairs) -> Part:
    """Hold the instants of each forecast and report against each other."""
    parts = [(FORECASTS, _forecasts(scope)), (SETTLEMENTS, _reports(scope))]
    counted = [_summed(table, days) for table, days in parts]
    findings = [one for table, days in parts for one in _findings(table, days, repairs)]
    return Part(
        name=PART, meaning="a forecast is issued, then known, then of use; a report is of a day that is over",
        rows=pl.concat(counted), findings=tuple(findings),
    )  # fmt: skip


def _forecasts(scope: Scope) -> pl.DataFrame:
    issued, known, valid = pl.col("issued_utc"), pl.col("known_utc"), pl.col("valid_utc")
    is_high = pl.col("high_f").is_not_null()
    return _by_day(
        scope.scan(FORECASTS), unissued=known < issued, backward=valid < issued, as_of=pl.lit(value=False),
        premature=pl.lit(value=False), late=known > valid, late_highs=is_high & (known > valid),
        untimely=pl.col("issued_utc"),
    )  # fmt: skip


def _reports(scope: Scope) -> pl.DataFrame:
    offsets = pl.DataFrame(
        {"city": list(CITIES), "offset": [one.standard_offset for one in CITIES.values()]},
        schema={"city": pl.String, "offset": pl.Duration("us")},
    )
    issued, known, as_of = pl.col("issued_utc"), pl.col("known_utc"), pl.col("as_of_utc")
    starts = pl.col("event_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC") - pl.col("offset")
    ends = starts + pl.duration(days=1)
    return _by_day(
        scope.scan(SETTLEMENTS).join(offsets.lazy(), on="city", how="left"), unissued=known < issued,
        backward=pl.lit(value=False), as_of=~pl.col("is_final") & (known <= as_of),
        premature=pl.col("is_final") & (issued < ends), late=pl.lit(value=False), late_highs=pl.lit(value=False),
        untimely=issued,
    )  # fmt: skip


def _by_day(rows: pl.LazyFrame, *, untimely: pl.Expr, **counts: pl.Expr) -> pl.DataFrame:
    broken = pl.any_horizontal(counts[name].fill_null(value=False) for name in _LAWS)
    flags = {name: one.fill_null(value=False).cast(pl.Int64) for name, one in counts.items()}
    flagged = rows.select("city", "event_date", "source", example_utc=pl.when(broken).then(untimely), **flags)
    sums = {name: pl.col(name).sum() for name in flags}
    days = flagged.group_by("city", "event_date", "source").agg(
        rows=pl.len().cast(pl.Int64), example_utc=pl.col("example_utc").min(), **sums
    )
    return days.sort("city", "event_date", "source").collect()


def _summed(table: Table, days: pl.DataFrame) -> pl.DataFrame:
    names = ("rows", *_LAWS, "late", "late_highs")
    rows = days.group_by("source").agg(*(pl.col(name).sum() for name in names)).sort("source")
    return rows.select(pl.lit(table.name).alias("table"), pl.all())


def _findings(table: Table, days: pl.DataFrame, repairs: Repairs) -> Iterator[Finding]:
    for (source,), rows in days.group_by("source", maintain_order=True):
        for column, law in _LAWS.items():

            def told(row: dict[str, object], column: str = column) -> str:
                issued = f"{row['example_utc']:%m-%dT%H:%MZ}"
                return f"{row[column]:,} of {row['rows']:,} rows of {row['event_date']}, one issued {issued}"

            def repair(city: str, span: Span, source: str = str(source)) -> str:
                return repairs.of_table(table.name, city, *span, source=source)

            yield from of_days(
                PART, rows.filter(pl.col(column) > 0), what=f"{table.name} of {source}: {law}", count=column,
                example=told, repair=repair,
            )  # fmt: skip
