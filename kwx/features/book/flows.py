"""Order flow of each minute at the best prices: what queued up and what left, from messages known by its end.

Order-flow imbalance is that of Cont, Kukanov and Stoikov (2014). With the best bid P of size Q, each step from one
book to the next adds 1{P ≥ P₀} Q − 1{P ≤ P₀} Q₀ on the bid's side, and the mirror image on the offer's side.
"""

from __future__ import annotations

import polars as pl

from warehouse.market.money import CENTI_PER_CONTRACT

FLOWS = {
    "market_ticker": pl.String(),
    "ts_utc": pl.Datetime("us", "UTC"),
    "book_bid_ticks": pl.Int64(),
    "book_ask_ticks": pl.Int64(),
    "book_bid_contracts": pl.Float64(),
    "book_ask_contracts": pl.Float64(),
    "queue_imbalance": pl.Float64(),
    "ofi_bid_1m": pl.Float64(),
    "ofi_ask_1m": pl.Float64(),
    "ofi_1m": pl.Float64(),
    "ofi_5m": pl.Float64(),
    "cancelled_bid_1m": pl.Float64(),
    "cancelled_ask_1m": pl.Float64(),
}
"""Prices in ticks, sizes and flows in contracts; a flow is null unless the book was known all through its minutes.

book_*: the best prices at the end of the minute and what rests there; an empty side has size 0.
queue_imbalance: (bid − ask) / (bid + ask) of these sizes, from −1 to 1.
ofi_bid_1m: contracts that came to the best bid less those that left; ofi_ask_1m the same of the best offer; ofi_1m is
the first less the second, ofi_5m its sum over five minutes.
cancelled_*_1m: contracts that left the best level and were not traded at its price in the same minute.
"""

_BOOK = ("bid_ticks", "ask_ticks", "bid_centi", "ask_centi")
_FLOW = ("ofi_bid_centi", "ofi_ask_centi")


def minute_end(at: str) -> pl.Expr:
    """Return the inclusive end of the minute of an instant: 14:01:00 belongs to the minute that ends there."""
    return (pl.col(at) - pl.duration(microseconds=1)).dt.truncate("1m") + pl.duration(minutes=1)


def minutes_of(markets: pl.DataFrame) -> pl.DataFrame:
    """Return every minute of each market, from its opening to its close."""
    ends = pl.datetime_ranges(
        pl.col("open_utc").dt.truncate("1m") + pl.duration(minutes=1), "close_utc", interval="1m", closed="both"
    )
    return (
        markets.sort("market_ticker")
        .select("market_ticker", ends.alias("ts_utc"))
        .explode("ts_utc", empty_as_null=False, keep_nulls=False)
    )


def flow_minutes(tops: pl.DataFrame, trades: pl.DataFrame, minutes: pl.DataFrame) -> pl.DataFrame:
    """Return the flows (FLOWS) of each minute from the first known book of its market on, in the order of minutes."""
    steps = _steps(tops)
    of_minute = steps.group_by("market_ticker", "ts_utc").agg(
        pl.col("is_known").last(), *(pl.col(name).last() for name in _BOOK),
        *(pl.col(name).sum() for name in _FLOW), is_broken=~pl.col("follows").all(),
    )  # fmt: skip
    joined = minutes.join(of_minute, on=("market_ticker", "ts_utc"), how="left", maintain_order="left")
    left = _cancelled(steps, trades)
    for side in ("bid", "ask"):
        of_side = left.filter(pl.col("side") == side).select("market_ticker", "ts_utc", f"cancelled_{side}_centi")
        joined = joined.join(of_side, on=("market_ticker", "ts_utc"), how="left", maintain_order="left")
    return _filled(joined).select(pl.col(name).cast(dtype) for name, dtype in FLOWS.items())


def _steps(tops: pl.DataFrame) -> pl.DataFrame:
    """Return each step of a book with what it brought to the best levels, and what left the one that was best."""

    def flow(side: str, *, bids: bool) -> pl.Expr:
        price, size = pl.col(f"{side}_ticks"), pl.col(f"{side}_centi")
        was, had = price.shift().over("market_ticker"), size.shift().over("market_ticker")
        better, worse = (price >= was, price <= was) if bids else (price <= was, price >= was)
        moved = better.cast(pl.Int64) * size - worse.cast(pl.Int64) * had
        return pl.when("follows").then(moved).otherwise(0).alias(f"ofi_{side}_centi")

    def left(side: str, *, bids: bool) -> pl.Expr:
        price, size = pl.col(f"{side}_ticks"), pl.col(f"{side}_centi")
        was, had = price.shift().over("market_ticker"), size.shift().over("market_ticker")
        retreated = price < was if bids else price > was
        gone = pl.when(retreated).then(had).when(price == was).then((had - size).clip(lower_bound=0)).otherwise(0)
        return pl.when("follows").then(gone).otherwise(0).alias(f"left_{side}_centi")

    return tops.with_columns(
        minute_end("known_utc").alias("ts_utc"),
        flow("bid", bids=True), flow("ask", bids=False), left("bid", bids=True), left("ask", bids=False),
        *(pl.col(f"{side}_ticks").shift().over("market_ticker").alias(f"was_{side}_ticks") for side in ("bid", "ask")),
    )  # fmt: skip


def _cancelled(steps: pl.DataFrame, trades: pl.DataFrame) -> pl.DataFrame:
    """Return what left the best levels of each minute beyond what was traded at their prices in it."""
    key = ("market_ticker", "ts_utc", "side", "price_ticks")
    gone = pl.concat(
        steps.filter(pl.col(f"left_{side}_centi") > 0).select(
            "market_ticker", "ts_utc", pl.lit(side).alias("side"), pl.col(f"was_{side}_ticks").alias("price_ticks"),
            pl.col(f"left_{side}_centi").alias("left_centi"),
        )
        for side in ("bid", "ask")
    )  # fmt: skip
    # Who buys yes takes offers; who buys no takes bids. A block trade takes nothing from the book.
    traded = trades.filter(~pl.col("is_block")).select(
        "market_ticker", minute_end("known_utc").alias("ts_utc"),
        pl.when(pl.col("taker_side") == "yes").then(pl.lit("ask")).otherwise(pl.lit("bid")).alias("side"),
        pl.col("yes_price_ticks").cast(pl.Int64).alias("price_ticks"), pl.col("count_centi").alias("traded_centi"),
    )  # fmt: skip
    both = (
        gone.group_by(key).agg(pl.col("left_centi").sum())
        .join(traded.group_by(key).agg(pl.col("traded_centi").sum()), on=key, how="left")
    )  # fmt: skip
    beyond = (pl.col("left_centi") - pl.col("traded_centi").fill_null(0)).clip(lower_bound=0)
    of_side = both.group_by("market_ticker", "ts_utc", "side").agg(beyond.sum().alias("beyond_centi"))
    return of_side.with_columns(
        pl.when(pl.col("side") == side).then("beyond_centi").alias(f"cancelled_{side}_centi") for side in ("bid", "ask")
    )


def _filled(joined: pl.DataFrame) -> pl.DataFrame:
    """Return each minute with the book that stands at its end, and its flows where nothing of them was missed."""
    key = "market_ticker"
    known = joined.with_columns(
        pl.col("is_known").forward_fill().over(key).fill_null(value=False),
        *(pl.col(name).forward_fill().over(key) for name in _BOOK),
        began=pl.col("is_known").fill_null(value=False).cum_sum().over(key) > 0,
    )
    was_known = pl.col("is_known").shift().over(key).fill_null(value=False)
    watched = pl.col("is_known") & was_known & ~pl.col("is_broken").fill_null(value=False)
    contracts = {
        **{f"ofi_{side}_1m": pl.col(f"ofi_{side}_centi") for side in ("bid", "ask")},
        **{f"cancelled_{side}_1m": pl.col(f"cancelled_{side}_centi") for side in ("bid", "ask")},
    }
    bid, ask = pl.col("bid_centi"), pl.col("ask_centi")
    net_centi = pl.col("ofi_bid_centi") - pl.col("ofi_ask_centi")
    told = known.with_columns(
        *(pl.when("is_known").then(name).alias(f"book_{name}") for name in ("bid_ticks", "ask_ticks")),
        *(
            pl.when("is_known").then(pl.col(f"{side}_centi") / CENTI_PER_CONTRACT).alias(f"book_{side}_contracts")
            for side in ("bid", "ask")
        ),
        pl.when(pl.col("is_known") & (bid + ask > 0)).then((bid - ask) / (bid + ask)).alias("queue_imbalance"),
        *(pl.when(watched).then(value.fill_null(0) / CENTI_PER_CONTRACT).alias(name)
          for name, value in contracts.items()),
        pl.when(watched).then(net_centi.fill_null(0)).alias("net_centi"),
    )  # fmt: skip
    # The sum runs over whole numbers: one of doubles would carry what the minutes before left in its last digits.
    over_five = pl.col("net_centi").rolling_sum(5, min_samples=5).over(key)
    return told.with_columns(
        ofi_1m=pl.col("net_centi") / CENTI_PER_CONTRACT, ofi_5m=over_five / CENTI_PER_CONTRACT
    ).filter("began")
