"""What came last of each market: by it one sees which rows were had already, and which may only be laid behind."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, timedelta

import polars as pl

from warehouse.lake.tables import Partition, Table

_NEAR = timedelta(seconds=2)
"""Rows so near to a market's newest are kept: a question begins at the second of the last answer, and a stamp differs
by less between the stream and an answer."""


class Newest:
    """The newest rows of each market of one table, as they came or as they are held."""

    def __init__(self, table: Table, stamp: str, *, held: Callable[[Partition], pl.DataFrame]) -> None:
        self._stamp = stamp
        self._held = held
        self._known: set[Partition] = set()
        self._rows = pl.DataFrame(schema={**table.path_columns, **table.schema})

    def meet(self, partitions: Collection[Partition]) -> None:
        """Learn of partitions that come up for the first time what they hold."""
        for partition in set(partitions) - self._known:
            self._known.add(partition)
            self.took(self._held(partition))

    def unseen(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows without those that are held already, word for word, among the newest of their market."""
        columns = self._rows.columns
        return rows.join(self._rows, on=columns, how="anti", nulls_equal=True, maintain_order="left").select(columns)

    def behind(self, rows: pl.DataFrame) -> list[str]:
        """Return the markets of which some rows may be about something that is held."""
        until = self._rows.group_by("market_ticker").agg(pl.col(self._stamp).max().alias("until"))
        joined = rows.join(until, on="market_ticker", how="left")
        late = joined.filter(pl.col(self._stamp) <= pl.col("until") + _NEAR)
        return late["market_ticker"].unique().to_list()

    def took(self, rows: pl.DataFrame) -> None:
        """Remember rows that are held from now on."""
        every = pl.concat([self._rows, rows.select(self._rows.columns)])
        stamp = pl.col(self._stamp)
        self._rows = every.filter(stamp >= stamp.max().over("market_ticker") - _NEAR)

    def look_again(self, partitions: Collection[Partition]) -> None:
        """Forget what is known of some partitions: what is held of them is to be asked anew."""
        self._known.difference_update(partitions)

    def forget(self, before: date) -> None:
        """Forget dates that are over."""
        self._known = {place for place in self._known if place.event_date is not None and place.event_date >= before}
        self._rows = self._rows.filter(pl.col("event_date") >= before)
