"""How much of each event there is: brackets, candles, minutes, trades, and books where something was traded."""

from __future__ import annotations

import polars as pl

from kwx.audits.coverage.cells import MEASURED, measured
from kwx.audits.scope import Scope
from warehouse.lake.tables import BOOKS, CANDLES_1M, CANDLES_DENSE, MARKETS, TRADES
from warehouse.market.money import CENTI_PER_CONTRACT

_DAY = ("city", "event_date")
_MARKET = (*_DAY, "market_ticker")
_USUAL_SHARE = 0.5
"""Candles are told only where something moves, so a day is held against the city's other days, and half is thin."""
_TAPE_SHARE, _BOOKS_SHARE = 0.95, 0.8


def markets_of(scope: Scope) -> pl.DataFrame:
    """Count brackets; the ladder of an event has an open end on either side."""
    low, high = pl.col("low_f"), pl.col("high_f")
    rows = (
        scope.scan(MARKETS)
        .group_by(_DAY)
        .agg(pl.len().alias("have"), ends=low.is_null().any().cast(pl.Int64) + high.is_null().any().cast(pl.Int64))
    )
    return measured(rows, table=MARKETS.name, unit="brackets", least_share=1.0, due=pl.col("have") + 2 - pl.col("ends"))


def candles_of(scope: Scope) -> pl.DataFrame:
    """Count candles against the minutes that markets were open, as many a minute as on the city's other days."""
    rows = scope.scan(CANDLES_1M).group_by(_DAY).agg(pl.len().alias("have"))
    counted = rows.join(_open_minutes(scope), on=_DAY, how="left").collect()
    share = pl.col("have") / pl.col("open_minutes")
    due = pl.col("open_minutes") * share.median().over("city")
    return measured(
        counted.with_columns(due=due.fill_null(pl.col("have").median().over("city"))).lazy(),
        table=CANDLES_1M.name, unit="candles", least_share=_USUAL_SHARE, due=pl.col("due"),
    )  # fmt: skip


def dense_of(scope: Scope) -> pl.DataFrame:
    """Count the minutes of trading that are laid out, of all there are."""
    rows = scope.scan(CANDLES_DENSE).group_by(_DAY).agg(pl.len().alias("have"))
    joined = rows.join(_open_minutes(scope), on=_DAY, how="left")
    return measured(joined, table=CANDLES_DENSE.name, unit="minutes", least_share=1.0, due=pl.col("open_minutes"))


def trades_of(scope: Scope) -> pl.DataFrame:
    """Sum up the contracts of the tape against those of the candles; days without volume have nothing to tell."""
    traded = scope.scan(CANDLES_1M).group_by(_DAY).agg(pl.col("volume_centi").sum()).filter(pl.col("volume_centi") > 0)
    on_book = scope.scan(TRADES).filter(~pl.col("is_block")).group_by(_DAY).agg(pl.col("count_centi").sum())
    contracts = (pl.col(name) / CENTI_PER_CONTRACT for name in ("count_centi", "volume_centi"))
    rows = traded.join(on_book, on=_DAY, how="left").select(*_DAY, *contracts)
    counted = rows.with_columns(have=pl.col("count_centi").fill_null(0), due=pl.col("volume_centi"))
    return measured(
        counted, table=TRADES.name, unit="contracts", least_share=_TAPE_SHARE, due=pl.col("due")
    )  # fmt: skip


def books_of(scope: Scope) -> pl.DataFrame:
    """Count the minutes with volume in which a message of the event's books was heard."""
    if not scope.snapshot.files(BOOKS.name):
        return pl.DataFrame(schema=MEASURED)
    minute = pl.col("known_utc").dt.truncate("1m") + pl.duration(minutes=1)
    heard = scope.scan(BOOKS).select(*_DAY, ts_utc=minute).unique().with_columns(heard=pl.lit(value=True))
    traded = scope.scan(CANDLES_1M).filter(pl.col("volume_centi") > 0).select(*_DAY, "ts_utc").unique()
    both = traded.join(heard, on=(*_DAY, "ts_utc"), how="left")
    rows = both.group_by(_DAY).agg(pl.len().alias("due"), pl.col("heard").count().alias("have"))
    return measured(
        rows, table=BOOKS.name, unit="minutes with volume", least_share=_BOOKS_SHARE, due=pl.col("due")
    )  # fmt: skip


def _open_minutes(scope: Scope) -> pl.LazyFrame:
    """Return how many minutes the markets of each event are open, one after the other."""
    minutes = pl.col("close_utc").dt.truncate("1m") - pl.col("open_utc").dt.truncate("1m")
    return scope.scan(MARKETS).group_by(_DAY).agg(open_minutes=minutes.dt.total_minutes().sum())
