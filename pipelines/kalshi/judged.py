"""Rows of the exchange held against laws in words: what breaks none is kept, the rest is refused with the first one.

Here are the laws of the wire, about words that are missing or cannot be read. What a stored row must be beyond that is
the contract of its table, and is judged where it is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import msgspec
import polars as pl

from pipelines.kalshi.exact import BAD, MISSING
from pipelines.payload import REFUSED_SCHEMA

Law = tuple[str, pl.Expr]
"""A sentence, and the expression that is true where a row breaks it."""

RULE = "rule"
_WHERE = ("part", "place")


def readable(column: str, word: str, *, thing: str) -> tuple[Law, Law]:
    """Let a word be there, and be the price, count or instant that it should be."""
    value = pl.col(column)
    return (f"{word} is missing", value == MISSING), (f"{word} is no {thing}", value == BAD)


def parted(rows: pl.DataFrame, laws: Sequence[Law], *, subject_to: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows that break no law, and the others with their RULE; `subject_to` may hold a reason already."""
    broken = pl.any_horizontal(pl.col(subject_to).is_not_null(), *(expr.fill_null(False) for _, expr in laws))
    is_broken = rows.select(broken).to_series()
    if not is_broken.any():
        return rows, rows.clear().with_columns(pl.lit(None, pl.String).alias(RULE))
    reasons = (pl.when(expr).then(pl.lit(sentence)) for sentence, expr in laws)
    refused = rows.filter(is_broken).with_columns(pl.coalesce(subject_to, *reasons).alias(RULE))
    return rows.filter(~is_broken), refused


def without_repeats(rows: pl.DataFrame, key: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Fold rows said twice in the same words; of rows that contradict each other keep the first, refuse the others."""
    if rows.select(pl.col(key).is_first_distinct().all()).item():
        return rows, rows.clear().with_columns(pl.lit(None, pl.String).alias(RULE))
    said = [name for name in rows.columns if name not in _WHERE]
    distinct = rows.unique(said, keep="first", maintain_order=True)
    first = pl.col(key).is_first_distinct()
    contradiction = pl.lit(f"{key} is there twice with different values").alias(RULE)
    return distinct.filter(first), distinct.filter(~first).with_columns(contradiction)


def refusals_of(refused: pl.DataFrame, records_of: Callable[[int], Sequence[object]]) -> pl.DataFrame:
    """Return refused rows as refusals; `records_of` gives what a part said, in the order of its places."""
    texts: list[str] = []
    current, records = -1, cast("Sequence[object]", ())
    for part, place in refused.select(_WHERE).iter_rows():
        if part != current:
            current, records = part, records_of(part)
        texts.append(msgspec.json.encode(records[place], order="sorted").decode())
    told = pl.Series("record_json", texts, dtype=pl.String)
    return refused.select(pl.col("market_ticker").alias("subject"), RULE, told).match_to_schema(REFUSED_SCHEMA)
