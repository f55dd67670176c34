"""How fresh each source is: its newest row, when that was known, its lag, and for how long nothing newer came.

A source is late where nothing newer was known for twice as long as it was ever silent on the dates looked at, and for
half an hour at least. A table of several cities is as fresh as the city that waits longest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from kwx.audits.clocks.known import STAMPED, Stamped
from kwx.audits.repair import DEMO_SOURCE
from kwx.monitor.look import Look
from pipelines.ingest.access import SIMULATED_SOURCES
from warehouse.lake.tables import FORECASTS, OBS, SETTLEMENTS

TAPE_DATES = 7
"""So many dates of the tape are looked at, which is large; of the weather's sources all that the page judges."""

_SMALL = (OBS, FORECASTS, SETTLEMENTS)
_TIMES, _LEAST_MINUTES = 2.0, 30.0
_SERVED_WITHIN = timedelta(days=2)
"""So long ago, by the clock of who looks, a served world has not written any more: nobody serves it."""

_SCHEMA: dict[str, pl.DataType] = {
    "table": pl.String(),
    "source": pl.String(),
    "newest_utc": pl.Datetime("us", "UTC"),
    "known_utc": pl.Datetime("us", "UTC"),
    "lag_minutes": pl.Float64(),
    "model_minutes": pl.Float64(),
    "last_city": pl.String(),
    "last_known_utc": pl.Datetime("us", "UTC"),
    "silent_minutes": pl.Float64(),
    "gap_minutes": pl.Float64(),
    "rows": pl.Int64(),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Freshness:
    """Every source that has rows of the dates looked at.

    rows: table, source, newest_utc (the newest stamp), known_utc (when the newest was known), lag_minutes (the median
        from stamp to known), model_minutes (the lag that is modelled), last_city and last_known_utc (the city that
        waits longest), silent_minutes (for how long), gap_minutes (the longest silence before), rows, is_late.
    gone: tables that have older event dates alone. ended: the world is simulated, so nothing newer comes.
    """

    rows: pl.DataFrame
    gone: tuple[tuple[str, str], ...]
    written_utc: datetime
    ended: bool

    @property
    def late(self) -> pl.DataFrame:
        """The sources that are late."""
        return self.rows.filter("is_late")


def freshness_of(look: Look) -> Freshness:
    """Look at every source of the tape and of the weather."""
    parts = [_table(look, one) for one in STAMPED]
    rows = pl.concat([pl.DataFrame(schema=_SCHEMA), *(part for part in parts if part.height)])
    late = pl.col("silent_minutes") > pl.max_horizontal(_TIMES * pl.col("gap_minutes"), pl.lit(_LEAST_MINUTES))
    gone = [
        (one.table.name, str(dates[-1].event_date))
        for one, part in zip(STAMPED, parts, strict=True)
        if part.is_empty() and (dates := look.whole.partitions(one.table.name))
    ]
    return Freshness(
        rows=rows.with_columns(is_late=late.fill_null(value=False)), gone=tuple(gone), written_utc=_written_utc(look),
        ended=_has_ended(look),
    )  # fmt: skip


def _written_utc(look: Look) -> datetime:
    return datetime.fromisoformat(look.whole.manifest.created_utc)


def _has_ended(look: Look) -> bool:
    """Tell whether the world is simulated and goes on no longer: a served one has a clock of its own while it runs."""
    sources = set(look.whole.manifest.sources)
    is_still = look.moment - _written_utc(look) > _SERVED_WITHIN
    return DEMO_SOURCE in sources or (is_still and bool(SIMULATED_SOURCES & sources))


def _table(look: Look, one: Stamped) -> pl.DataFrame:
    since = look.since if one.table in _SMALL else look.event_date - timedelta(days=TAPE_DATES - 1)
    known = look.recent.scan(one.table, since=since).filter(pl.col("known_utc") <= look.moment)
    stamped = known.select("city", "known_utc", stamp_utc=one.stamp, source=one.source)
    by_source = stamped.group_by("source").agg(
        pl.col("stamp_utc").max().alias("newest_utc"), pl.col("known_utc").max(),
        ((pl.col("known_utc") - pl.col("stamp_utc")).dt.total_microseconds() / 6e7).median().alias("lag_minutes"),
        pl.len().cast(pl.Int64).alias("rows"),
    )  # fmt: skip
    modelled = {source: lag.total_seconds() / 60 for source, lag in one.lags.items()}
    found = by_source.join(_waiting(stamped, look.moment), on="source", how="left").collect().sort("source")
    model = pl.col("source").replace_strict(modelled, default=None, return_dtype=pl.Float64)
    return found.with_columns(table=pl.lit(one.table.name), model_minutes=model).select(
        pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items()
    )


def _waiting(stamped: pl.LazyFrame, moment: datetime) -> pl.LazyFrame:
    """Return for each source its city that waits longest, for how long, and the longest silence of any city before."""
    instants = stamped.select("source", "city", pl.col("known_utc").dt.truncate("1m")).unique()
    gaps = instants.sort("source", "city", "known_utc").with_columns(
        gap=pl.col("known_utc").diff().over("source", "city")
    )  # fmt: skip
    by_city = gaps.group_by("source", "city").agg(pl.col("known_utc").max(), pl.col("gap").max())
    return (
        by_city.sort("source", "known_utc", "city")
        .group_by("source")
        .agg(
            last_city=pl.col("city").first(), last_known_utc=pl.col("known_utc").first(),
            gap_minutes=pl.col("gap").max().dt.total_seconds() / 60,
        )
        .with_columns(silent_minutes=(pl.lit(moment) - pl.col("last_known_utc")).dt.total_seconds() / 60)
    )  # fmt: skip
