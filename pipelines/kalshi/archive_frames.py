"""Archives that others kept as columns: the tape and the listings, entering at the second stage of the parsers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import polars as pl

from pipelines.kalshi.exact import MISSING, centi_of_whole, ticks_of_cents
from pipelines.kalshi.markets import kalshi_settlements, parse_markets
from pipelines.kalshi.trades import NO, YES, parsed_columns
from pipelines.payload import Parsed, Payload, refusal, refused_frame
from warehouse.lake.tables import MARKETS, SETTLEMENTS, TRADES, UTC_TYPE, Table

_SIDES = {"yes": YES, "no": NO}
_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


def trades_of_columns(frame: pl.DataFrame, received_utc: datetime) -> Parsed:
    """Return the tape of an archive with the columns ticker, created_time_utc, yes_price, count and taker_side.

    Prices are whole cents, counts whole contracts. An archive without `trade_id` gets ids of market, instant and place
    among the trades of that instant, so that the same archive always gives the same trades.
    """
    said = frame.with_row_index("place").with_columns(pl.lit(0).alias("part"))
    created_us = pl.col("created_time_utc").cast(UTC_TYPE).to_physical().fill_null(MISSING)
    columns = said.select(
        "part",
        "place",
        pl.col("ticker").alias("market_ticker"),
        _trade_ids(frame),
        created_us.alias("created_us"),
        pl.Series("yes_price_ticks", ticks_of_cents(frame["yes_price"])),
        pl.lit(MISSING, pl.Int64).alias("no_price_ticks"),
        pl.Series("count_centi", centi_of_whole(frame["count"])),
        pl.lit(MISSING, pl.Int64).alias("book"),
        pl.col("taker_side").replace_strict(_SIDES, default=MISSING, return_dtype=pl.Int64).alias("outcome"),
        pl.lit(False).alias("is_block"),
        pl.lit(received_utc, UTC_TYPE).alias("received_utc"),
    )
    return parsed_columns(columns, records_of=lambda part, places: frame[places].iter_rows(named=True))


def market_records_of_columns(frame: pl.DataFrame) -> Iterator[dict[str, object]]:
    """Yield the rows of an archive of listings as the records that they were: what is null was not said."""
    for row in frame.iter_rows(named=True):
        yield {name: _said(value) for name, value in row.items() if value is not None}


def parse_trade_columns(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Turn Parquet files of such a tape into rows of trades."""
    for payload in payloads:
        try:
            yield trades_of_columns(pl.read_parquet(payload.body), payload.received_utc)
        except _UNREADABLE as error:
            yield _refused(payload, TRADES, error)


def parse_market_columns(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Turn Parquet files of such listings into rows of markets and settlements."""
    for payload in payloads:
        try:
            parsed = parse_markets(market_records_of_columns(pl.read_parquet(payload.body)))
        except _UNREADABLE as error:
            yield _refused(payload, MARKETS, error)
            continue
        yield parsed
        yield Parsed(table=SETTLEMENTS, frame=kalshi_settlements(parsed.frame))


def _refused(payload: Payload, table: Table, error: Exception) -> Parsed:
    rule = f"the file is no archive of {table.name}: {str(error).splitlines()[0]}"
    frame = pl.DataFrame(schema={**table.schema, **table.path_columns})
    return Parsed(table=table, frame=frame, refused=refused_frame([refusal(payload.kind, rule, payload.origin)]))


def _trade_ids(frame: pl.DataFrame) -> pl.Series:
    if "trade_id" in frame.columns:
        return frame["trade_id"]
    instant = pl.col("created_time_utc").cast(UTC_TYPE).to_physical()
    # Of four digits, because trades of one instant count in the order of their names.
    place = pl.int_range(pl.len()).over("ticker", "created_time_utc").cast(pl.String).str.zfill(4)
    return frame.select(pl.concat_str("ticker", instant, place, separator="/").alias("trade_id")).to_series()


def _said(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
