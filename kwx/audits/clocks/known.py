"""When rows say that they were known: never before their stamp, and how long after it, against the modelled lag.

A row that was fetched long after is known at its stamp plus the lag, one that was received sooner at its receipt. So
what came later than modelled cannot be seen here, and rows that came sooner tell how soon a source really speaks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from kwx.audits.clocks.part import Part, Span, of_days
from kwx.audits.finding import Finding
from kwx.audits.repair import Repairs
from kwx.audits.scope import Scope
from pipelines.lags import FORECAST_LAG, OBS_LAG, SETTLEMENT_LAG, TAPE_LAG
from warehouse.lake.tables import BOOKS, CANDLES_1M, FORECASTS, OBS, SETTLEMENTS, TRADES, Table

PART = "known when"
_ALL = "all"
_TAPE = {_ALL: TAPE_LAG}
QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True, kw_only=True)
class Stamped:
    """A table whose rows are known some time after a stamp of theirs, and the model of that by source.

    recorded: every row is known by its receipt, whatever is modelled.
    """

    table: Table
    stamp: str
    lags: Mapping[str, timedelta]
    recorded: bool = False

    @property
    def source(self) -> pl.Expr:
        """Who told a row; tables of the exchange have one source."""
        return pl.lit(_ALL) if self.lags is _TAPE else pl.col("source")


STAMPED = (
    Stamped(table=CANDLES_1M, stamp="ts_utc", lags=_TAPE),
    Stamped(table=TRADES, stamp="ts_utc", lags=_TAPE),
    Stamped(table=BOOKS, stamp="ts_utc", lags=_TAPE, recorded=True),
    Stamped(table=OBS, stamp="ts_utc", lags=OBS_LAG),
    Stamped(table=FORECASTS, stamp="issued_utc", lags=FORECAST_LAG),
    Stamped(table=SETTLEMENTS, stamp="issued_utc", lags=SETTLEMENT_LAG),
)


def known_when(scope: Scope, repairs: Repairs) -> Part:
    """Look at how long after its stamp each row of each source was known."""
    rows, findings = [], list[Finding]()
    for one in STAMPED:
        days = _lagged(scope, one)
        rows.append(_distribution(one, days))
        findings += _findings(one, _counted(days), repairs)
    return Part(
        name=PART, meaning="minutes from a row's stamp to when it was known, and the lag that is modelled",
        rows=pl.concat(rows), findings=tuple(findings),
    )  # fmt: skip


def _lagged(scope: Scope, one: Stamped) -> pl.LazyFrame:
    """Return for each row its lag and that of the model, in microseconds."""
    modelled = pl.DataFrame(
        {"source": list(one.lags), "model_us": [lag // timedelta(microseconds=1) for lag in one.lags.values()]},
        schema={"source": pl.String, "model_us": pl.Int64},
    )
    stamped = scope.scan(one.table).filter(pl.col(one.stamp).is_not_null())
    lag_us = (pl.col("known_utc") - pl.col(one.stamp)).dt.total_microseconds()
    rows = stamped.select("city", "event_date", source=one.source, stamp_utc=one.stamp, lag_us=lag_us)
    return rows.join(modelled.lazy(), on="source", how="left")


def _distribution(one: Stamped, rows: pl.LazyFrame) -> pl.DataFrame:
    """Return for each source the quantiles of the lag: of all rows, and of those that came sooner than modelled."""
    minutes = pl.col("lag_us") / 60_000_000
    live = (pl.col("lag_us") < pl.col("model_us")) | pl.lit(one.recorded)
    return (
        rows.group_by("source")
        .agg(
            pl.lit(one.table.name).alias("table"), pl.lit(one.stamp).alias("stamp"),
            pl.len().cast(pl.Int64).alias("rows"),
            (pl.col("model_us").first() / 60_000_000).alias("model_minutes"),
            *(minutes.quantile(q).alias(f"p{round(100 * q):02d}_minutes") for q in QUANTILES),
            minutes.max().alias("most_minutes"),
            live.sum().cast(pl.Int64).alias("live_rows"),
            *(minutes.filter(live).quantile(q).alias(f"live_p{round(100 * q):02d}_minutes") for q in QUANTILES),
            (pl.col("lag_us") > pl.col("model_us")).sum().cast(pl.Int64).alias("later_rows"),
        )
        .sort("source")
        .select(pl.col("table"), pl.all().exclude("table"))
        .collect()
    )  # fmt: skip


_LAWS = {
    "early": "rows are known before their own stamp",
    "at_once": "rows are known at their very stamp, though a lag is modelled",
    "unmodelled": "no lag is modelled for the source",
}


def _counted(rows: pl.LazyFrame) -> pl.DataFrame:
    lag_us, model_us = pl.col("lag_us"), pl.col("model_us")
    early, at_once = lag_us < 0, (lag_us == 0) & (model_us > 0)
    return (
        rows.group_by("city", "event_date", "source")
        .agg(
            pl.len().alias("rows"), early=early.sum().cast(pl.Int64), at_once=at_once.sum().cast(pl.Int64),
            unmodelled=model_us.is_null().sum().cast(pl.Int64),
            example_utc=pl.col("stamp_utc").filter(early | at_once | model_us.is_null()).min(),
        )
        .sort("city", "event_date", "source")
        .collect()
    )  # fmt: skip


def _findings(one: Stamped, days: pl.DataFrame, repairs: Repairs) -> Iterator[Finding]:
    for (source,), rows in days.group_by("source", maintain_order=True):
        of_source = "" if source == _ALL else f" of {source}"
        asked = None if source == _ALL else str(source)
        for column, law in _LAWS.items():

            def told(row: dict[str, object], column: str = column) -> str:
                since = f"{row['example_utc']:%m-%dT%H:%M:%SZ}"
                return f"{row[column]:,} of {row['rows']:,} rows on {row['event_date']}, from {since}"

            def repair(city: str, span: Span, asked: str | None = asked) -> str:
                return repairs.of_table(one.table.name, city, *span, source=asked)

            yield from of_days(
                PART, rows.filter(pl.col(column) > 0), what=f"{one.table.name}{of_source}: {law}", count=column,
                example=told, repair=repair,
            )  # fmt: skip
