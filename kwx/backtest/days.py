"""Profit and loss in whole micros: of each fill held to settlement, and of each city's event date."""

from __future__ import annotations

import polars as pl

from kwx.exec.ledger.orders import BUY, MAKER, TAKER
from warehouse.market.money import TICKS_PER_DOLLAR

EVENT = ("city", "event_date")


def earned(fills: pl.DataFrame, outcomes: pl.DataFrame) -> pl.DataFrame:
    """Return fills with strike_type, settled_yes, outlay_micros and net_micros, in their order.

    A bought contract gains what its bracket pays less its price, a sold one the other way round, both less the fee;
    null while the event is not settled. The outlay is what the side taken cost: yes at its price, no at the rest to $1.
    """
    buys, price = pl.col("side") == BUY, pl.col("price_ticks").cast(pl.Int64)
    sign = pl.when(buys).then(1).otherwise(-1)
    pays = TICKS_PER_DOLLAR * pl.col("settled_yes").cast(pl.Int64)
    cost = pl.when(buys).then(price).otherwise(TICKS_PER_DOLLAR - price)
    ended = outcomes.select("market_ticker", "strike_type", "settled_yes")
    return fills.join(ended, on="market_ticker", how="left", maintain_order="left").with_columns(
        outlay_micros=pl.col("count_centi") * cost,
        net_micros=sign * pl.col("count_centi") * (pays - price) - pl.col("fee_micros"),
    )


def day_rows(gained: pl.DataFrame, equity: pl.DataFrame, outcomes: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each city and event date that traded, with fills or without, from fills with their gains.

    net_micros is null where the event is not settled. at_risk_micros is the most of the day: it changes at fills, each
    of which has a row of equity. fills_won and positions_won gained something, all fills of a bracket are a position.
    """
    settled = outcomes.group_by(EVENT).agg(pl.col("settled_yes").is_not_null().any().alias("is_settled"))
    positions = gained.group_by(*EVENT, "market_ticker").agg(pl.col("net_micros").sum())
    held = positions.group_by(EVENT).agg(positions=pl.len(), positions_won=(pl.col("net_micros") > 0).sum())
    events = equity.group_by(EVENT).agg(pl.col("at_risk_micros").max())
    rows = (
        events.join(settled, on=EVENT, how="left")
        .join(gained.group_by(EVENT).agg(*_sums()), on=EVENT, how="left")
        .join(held, on=EVENT, how="left")
    )
    counted = [name for name in rows.columns if name not in (*EVENT, "is_settled")]
    is_settled = pl.col("is_settled").fill_null(value=False)
    return (
        rows.with_columns(pl.col(counted).fill_null(0).cast(pl.Int64), is_settled.alias("is_settled"))
        .with_columns(
            pl.when("is_settled").then(pl.col(name)).alias(name)
            for name in ("net_micros", "fills_won", "positions_won")
        )
        .sort("event_date", "city")
    )


def _sums() -> list[pl.Expr]:
    styles = {style: pl.col("style") == style for style in (MAKER, TAKER)}
    by_style = [
        (pl.col(column) * is_style.cast(pl.Int64)).sum().alias(f"{style}_{name}")
        for style, is_style in styles.items()
        for name, column in (("centi", "count_centi"), ("fees_micros", "fee_micros"))
    ]
    by_style += [is_style.sum().alias(f"{style}_fills") for style, is_style in styles.items()]
    return [
        pl.col("net_micros").sum(),
        pl.col("fee_micros").sum().alias("fees_micros"),
        pl.col("outlay_micros").sum(),
        (pl.col("net_micros") > 0).sum().alias("fills_won"),
        *by_style,
    ]
