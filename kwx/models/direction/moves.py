"""Moves of the mid: what came within some minutes of each minute, where both ends are one kind of price.

A mid of a two-sided quote and a last trade are two prices. From one to the other is no move, so a pair of minutes with
such a change between them has none, and neither has one whose end lies beyond the close.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

import polars as pl

from warehouse.lake.store import Snapshot
from warehouse.lake.tables import CANDLES_DENSE

HALF_TICKS_PER_DOLLAR = 20_000
KEY = ("market_ticker", "ts_utc")
MOVE, HALF_SPREAD = "move_half_ticks", "half_spread_half_ticks"


def moves_of(
    snapshot: Snapshot, cities: Sequence[str], dates: Sequence[date], *, horizon_minutes: int
) -> pl.DataFrame:  # fmt: skip
    """Return a row for each market and minute that has a mid: `move_half_ticks`, null where what came is no move.

    The move is known only `horizon_minutes` after the row's minute: it is a label, never a feature. Beside it stands
    `half_spread_half_ticks`, what it costs to cross from the mid; null where a side is empty.
    """
    candles = snapshot.scan(CANDLES_DENSE, cities=cities, since=min(dates), until=max(dates))
    wanted = candles.filter(pl.col("event_date").is_in(list(dates))).select(
        *KEY, "mid_half_ticks", "price_source", "yes_bid_ticks", "yes_ask_ticks"
    )
    return moves(wanted.collect(), horizon_minutes=horizon_minutes)


def moves(candles: pl.DataFrame, *, horizon_minutes: int) -> pl.DataFrame:
    """Return the moves of dense candles, in the order of market and minute."""
    market = "market_ticker"
    changed = pl.col("price_source").ne_missing(pl.col("price_source").shift().over(market))
    told = candles.sort(*KEY).with_columns(stretch=changed.cum_sum().over(market))
    one_price = pl.col("stretch").shift(-horizon_minutes).over(market) == pl.col("stretch")
    in_time = pl.col("ts_utc").shift(-horizon_minutes).over(market) - pl.col("ts_utc") == pl.duration(
        minutes=horizon_minutes
    )
    move = pl.col("mid_half_ticks").shift(-horizon_minutes).over(market) - pl.col("mid_half_ticks")
    told = told.with_columns(pl.when(one_price & in_time).then(move).cast(pl.Int64).alias(MOVE))
    # Half of the spread in half ticks is the spread in ticks.
    spread = pl.when(pl.col("price_source") == "mid").then(pl.col("yes_ask_ticks") - pl.col("yes_bid_ticks"))
    told = told.with_columns(spread.cast(pl.Int64).alias(HALF_SPREAD))
    return told.filter(pl.col("mid_half_ticks").is_not_null()).select(*KEY, MOVE, HALF_SPREAD)


def went_up(epsilon: float) -> pl.Expr:
    """Return whether a move is up; null where it is none, or smaller than epsilon (a probability)."""
    # Half ticks are whole: 0.015 of a dollar is 300 of them, which the doubles of a quotient may miss by a bit.
    least = math.ceil(round(epsilon * HALF_TICKS_PER_DOLLAR, 6))
    return pl.when(pl.col(MOVE).abs() >= least).then(pl.col(MOVE) > 0)
