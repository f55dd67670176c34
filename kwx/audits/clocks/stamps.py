"""Stamps of the tape: whole minutes of candles, candles and trades of listed markets, and inside their trading."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import polars as pl

from kwx.audits.clocks.part import Part, Span, of_days
from kwx.audits.finding import Finding
from kwx.audits.repair import Repairs
from kwx.audits.scope import Scope
from warehouse.lake.tables import CANDLES_1M, CANDLES_DENSE, MARKETS, TRADES

PART = "stamps of the tape"
TABLES = (CANDLES_1M, CANDLES_DENSE, TRADES)
_BEYOND = timedelta(minutes=1)
"""The exchange tells one period more than it trades."""

_LAWS = {
    "off_minute": "stamps are not whole minutes",
    "unlisted": "rows are of markets that are not listed",
    "before": "rows are stamped before their market opens",
    "after": "rows are stamped after their market closes",
}


def stamps_of_the_tape(scope: Scope, repairs: Repairs) -> Part:
    """Hold the stamps of candles, dense minutes and trades against the listings."""
    parts = [_looked_at(scope, table.name) for table in TABLES]
    days = pl.concat(parts)
    counted = (pl.col(name).sum() for name in ("rows", *_LAWS))
    return Part(
        name=PART, meaning="whole minutes, of listed markets, between open and close",
        rows=days.group_by("table", "city", maintain_order=True).agg(*counted).sort("table", "city"),
        findings=tuple(_findings(days, repairs)),
    )  # fmt: skip


def _looked_at(scope: Scope, name: str) -> pl.DataFrame:
    """Count the rows of each city-day, and those that break a law."""
    contract = next(table for table in TABLES if table.name == name)
    keys, ts = ("city", "event_date", "market_ticker"), pl.col("ts_utc")
    listed = scope.scan(MARKETS).select(*keys, "open_utc", "close_utc")
    is_minute = contract is not TRADES
    off = (ts.dt.truncate("1m") != ts) if is_minute else pl.lit(value=False)
    # A dense minute ends after the open: the first one is the minute that follows it.
    opens = ts <= pl.col("open_utc") if contract is CANDLES_DENSE else ts < pl.col("open_utc")
    closes = pl.col("close_utc") if contract is CANDLES_DENSE else pl.col("close_utc") + _BEYOND
    joined = scope.scan(contract).select(*keys, "ts_utc").join(listed, on=keys, how="left")
    return (
        joined.group_by("city", "event_date")
        .agg(
            pl.lit(name).alias("table"), pl.len().cast(pl.Int64).alias("rows"),
            off_minute=off.sum().cast(pl.Int64), unlisted=pl.col("open_utc").is_null().sum().cast(pl.Int64),
            before=opens.sum().cast(pl.Int64), after=(ts > closes).sum().cast(pl.Int64), first_utc=ts.min(),
            last_utc=ts.max(),
        )
        .sort("city", "event_date")
        .collect()
    )  # fmt: skip


def _findings(days: pl.DataFrame, repairs: Repairs) -> Iterator[Finding]:
    for (name,), rows in days.group_by("table", maintain_order=True):
        for column, law in _LAWS.items():
            mended = MARKETS.name if column == "unlisted" else str(name)

            def told(row: dict[str, object], column: str = column) -> str:
                return (
                    f"{row[column]:,} of {row['rows']:,} rows on {row['event_date']},"
                    f" which run from {row['first_utc']:%m-%dT%H:%M:%SZ} to {row['last_utc']:%m-%dT%H:%M:%SZ}"
                )

            def repair(city: str, span: Span, mended: str = mended) -> str:
                return repairs.of_table(mended, city, *span)

            broken = rows.filter(pl.col(column) > 0)
            yield from of_days(PART, broken, what=f"{name}: {law}", count=column, example=told, repair=repair)
