"""The tape to candles: what the exchange would have said of each minute in which something was traded."""

from __future__ import annotations

import polars as pl

from warehouse.lake.tables import CANDLES_1M, TRADES


def candles_from_trades(trades: pl.DataFrame) -> pl.DataFrame:
    """Return one row per market and minute with trades: first, highest, lowest and last price, and the volume.

    A trade belongs to the minute that begins at the floor of its instant, and the row is stamped with that minute's
    end, as the exchange's own candles are. Block trades are agreed off the book and do not count. The row is known
    when its minute has ended and its last trade has arrived. Trades of one instant count in the order of their names.
    """
    on_book = trades.unique("trade_id", keep="first", maintain_order=True).filter(~pl.col("is_block"))
    price = pl.col("yes_price_ticks")
    return (
        on_book.sort(TRADES.order)
        .with_columns((pl.col("ts_utc").dt.truncate("1m") + pl.duration(minutes=1)).alias("ts_utc"))
        .group_by("market_ticker", "ts_utc", maintain_order=True)
        .agg(
            price.first().alias("price_open_ticks"),
            price.max().alias("price_high_ticks"),
            price.min().alias("price_low_ticks"),
            price.last().alias("price_close_ticks"),
            pl.col("count_centi").sum().alias("volume_centi"),
            pl.max_horizontal(pl.col("ts_utc").first(), pl.col("known_utc").max()).alias("known_utc"),
        )
    )


def tape_candles(trades: pl.DataFrame) -> pl.DataFrame:
    """Return rows of candles_1m made from the tape alone: what was traded, and nothing of quotes or open interest."""
    made = candles_from_trades(trades)
    untold = [name for name in CANDLES_1M.schema if name not in made.columns]
    return made.select(
        pl.lit(None, dtype).alias(name) if name in untold else pl.col(name).cast(dtype)
        for name, dtype in CANDLES_1M.schema.items()
    )
