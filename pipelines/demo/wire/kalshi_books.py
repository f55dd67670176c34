"""The state of a market's book at an instant: its snapshot and every change since, in the exchange's own legs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from warehouse.lake.tables import UTC_TYPE
from warehouse.market.money import CENTI_PER_CONTRACT, TICKS_PER_DOLLAR, dollars_text

Levels = list[tuple[int, int]]
"""Prices in ticks of yes with their sizes, the worst first."""


def levels_at(
    books: pl.DataFrame, ticker: str, at: datetime, *, after_changes: int | None = None
) -> tuple[Levels, Levels]:
    """Return the bids and the offers of a market as everybody knew them at an instant; none before the first quotes.

    Several changes can share an instant: `after_changes` says how many of all count, whatever their time.
    """
    known = pl.col("known_utc") <= pl.lit(at, UTC_TYPE)
    mine = books.filter(pl.col("market_ticker") == ticker).sort("seq")
    snapshot = mine.filter((pl.col("kind") == "snapshot") & known)
    if snapshot.is_empty():
        return [], []
    first = snapshot.row(0, named=True)
    deltas = mine.filter(pl.col("kind") == "delta")
    counted = deltas.filter(known) if after_changes is None else deltas.head(after_changes)
    changes = counted.group_by("side", "price_ticks").agg(pl.col("delta_centi").sum())
    sides = {
        "yes": dict(zip(first["bid_prices_ticks"], first["bid_sizes_centi"], strict=True)),
        "no": dict(zip(first["ask_prices_ticks"], first["ask_sizes_centi"], strict=True)),
    }
    for side, price, change in changes.iter_rows():
        sides[side][price] = sides[side].get(price, 0) + change
    bids, offers = (sorted((price, size) for price, size in sides[side].items() if size > 0) for side in ("yes", "no"))
    return bids, offers[::-1]


def contracts(centi: int) -> str:
    """Print a count as the exchange does: two decimals."""
    return f"{centi // CENTI_PER_CONTRACT}.{centi % CENTI_PER_CONTRACT:02d}"


def said_levels(levels: Levels, *, in_no: bool = False) -> list[list[str]]:
    """Print levels, offers in the leg of no where that is asked for."""
    return [[dollars_text(TICKS_PER_DOLLAR - price if in_no else price), contracts(size)] for price, size in levels]


def deepest(levels: Sequence[list[str]], depth: int) -> list[list[str]]:
    """Return the best levels only; a depth that is not positive is all of them."""
    return list(levels if depth <= 0 else levels[-depth:])
