"""Rows of the exchange held against laws in words: what breaks none is kept, the rest is refused with the first one.

Here are the laws of the wire, about words that are missing or cannot be read. What a stored row must be beyond that is
the contract of its table, and is judged where it is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, cast

import msgspec
import polars as pl

from pipelines.kalshi.exact import BAD, MISSING
from pipelines.payload import REFUSED_SCHEMA, refused_frame


class Law(NamedTuple):
    """A sentence, and the expression that is true where a row breaks it.

    exact: a column of exact integers of which nothing breaks the law while none is below `least`.
    """

    sentence: str
    broken: pl.Expr
    exact: str = ""
    least: int = 0

    def surely_holds(self, rows: pl.DataFrame) -> bool:
        """Tell whether it holds of all rows, where that is seen without going over them one by one."""
        least = cast("int | None", rows[self.exact].min()) if self.exact else None
        return least is not None and least >= self.least


RecordsOf = Callable[[int, Sequence[int]], Iterable[object]]
"""What a part said at some places of it, in their order."""

RULE = "rule"
_WHERE = ("part", "place")


def readable(column: str, word: str, *, thing: str) -> tuple[Law, Law]:
    """Let a word be there, and be the price, count or instant that it should be."""
    value = pl.col(column)
    return Law(f"{word} is missing", value == MISSING, column), Law(f"{word} is no {thing}", value == BAD, column)


def parted(rows: pl.DataFrame, laws: Sequence[Law], *, subject_to: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows that break no law, and the others with their RULE; `subject_to` may hold a reason already."""
    doubtful = (law.broken.fill_null(False) for law in laws if not law.surely_holds(rows))
    broken = pl.any_horizontal(pl.col(subject_to).is_not_null(), *doubtful)
    is_broken = rows.select(broken).to_series()
    if not is_broken.any():
        return rows, _none_refused(rows)
    reasons = (pl.when(law.broken).then(pl.lit(law.sentence)) for law in laws)
    refused = rows.filter(is_broken).with_columns(pl.coalesce(subject_to, *reasons).alias(RULE))
    return rows.filter(~is_broken), refused


def without_repeats(
    rows: pl.DataFrame, key: Sequence[str], *, within: Sequence[str] = ()
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Fold rows said twice in the same words; of rows that contradict each other keep the first, refuse the others.

    `within` names what two rows must share to be held against each other at all.
    """
    first = pl.struct(*within, *key).is_first_distinct()
    if rows.select(first.all()).item():
        return rows, _none_refused(rows)
    distinct = rows.unique(_said(rows), keep="first", maintain_order=True)
    contradiction = pl.lit(f"{', '.join(key)} is there twice with different values").alias(RULE)
    return distinct.filter(first), distinct.filter(~first).with_columns(contradiction)


def told_last(rows: pl.DataFrame, key: Sequence[str], *, by: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keep of rows of one key the last by an order, and refuse the others that said something else."""
    if rows.select(pl.struct(key).is_first_distinct().all()).item():
        return rows, _none_refused(rows)
    last = rows.sort(by, maintain_order=True).unique(key, keep="last", maintain_order=True)
    said = [name for name in _said(rows) if name != by]
    older = rows.join(last, on=said, how="anti", nulls_equal=True, maintain_order="left")
    return last, older.with_columns(pl.lit("told otherwise later").alias(RULE))


def refusals_of(refused: pl.DataFrame, records_of: RecordsOf) -> pl.DataFrame:
    """Return refused rows as refusals, with what was said of them word for word."""
    if refused.is_empty():
        return refused_frame(())
    refused = refused.sort(_WHERE, maintain_order=True)
    texts: list[str] = []
    for (part,), some in refused.group_by("part", maintain_order=True):
        records = records_of(cast("int", part), some["place"].to_list())
        texts += (msgspec.json.encode(record, order="sorted").decode() for record in records)
    told = pl.Series("record_json", texts, dtype=pl.String)
    return refused.select(pl.col("market_ticker").alias("subject"), RULE, told).match_to_schema(REFUSED_SCHEMA)


def _said(rows: pl.DataFrame) -> list[str]:
    return [name for name in rows.columns if name not in _WHERE]


def _none_refused(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.clear().with_columns(pl.lit(None, pl.String).alias(RULE))
