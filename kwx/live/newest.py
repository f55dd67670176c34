"""What came last of each market: by it one sees which rows were had already, and which may only be laid behind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from warehouse.lake.tables import Partition, Table

Ints = NDArray[np.int64]

_NEAR_US = 2_000_000
"""Rows so near to a market's newest are kept: a question begins at the second of the last answer, and a stamp differs
by less between the stream and an answer."""
_BEFORE_ALL_US = -(2**62)


class Newest:
    """The newest rows of each market of one table, as they came or as they are held."""

    def __init__(self, table: Table, stamp: str, *, held: Callable[[Partition], pl.DataFrame]) -> None:
        self._stamp = stamp
        self._held = held
        self._known: set[Partition] = set()
        self._rows = pl.DataFrame(schema={**table.path_columns, **table.schema})
        self._until_us: dict[str, int] = {}

    def meet(self, partitions: Collection[Partition]) -> None:
        """Learn of partitions that come up for the first time what they hold."""
        for partition in set(partitions) - self._known:
            self._known.add(partition)
            self.took(self._held(partition))

    def unseen(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows without those that are held already, word for word, among the newest of their market."""
        columns = self._rows.columns
        if not self._are_behind(rows).any():
            return rows[columns]
        return rows.join(self._rows, on=columns, how="anti", nulls_equal=True, maintain_order="left")[columns]

    def behind(self, rows: pl.DataFrame) -> set[str]:
        """Return the markets of which some rows may be about something that is held."""
        names = rows["market_ticker"].to_list()
        return {names[row] for row in np.flatnonzero(self._are_behind(rows))}

    def took(self, rows: pl.DataFrame) -> None:
        """Remember rows that are held from now on."""
        every = pl.concat([self._rows, rows[self._rows.columns]])
        names, stamps_us = every["market_ticker"].to_list(), _micros(every[self._stamp])
        self._until_us.clear()
        for name, at_us in zip(names, stamps_us.tolist(), strict=True):
            self._until_us[name] = max(at_us, self._until_us.get(name, at_us))
        self._rows = every.filter(pl.Series(stamps_us >= self._until(names, 0) - _NEAR_US, dtype=pl.Boolean))

    def _are_behind(self, rows: pl.DataFrame) -> NDArray[np.bool_]:
        """Tell of each row whether it is no newer than what its market has, nearly."""
        until_us = self._until(rows["market_ticker"].to_list(), _BEFORE_ALL_US)
        are_behind: NDArray[np.bool_] = _micros(rows[self._stamp]) <= until_us + _NEAR_US
        return are_behind

    def _until(self, names: Sequence[str], never_us: int) -> Ints:
        return np.fromiter((self._until_us.get(name, never_us) for name in names), np.int64, len(names))

    def look_again(self, partitions: Collection[Partition]) -> None:
        """Forget what is known of some partitions: what is held of them is to be asked anew."""
        self._known.difference_update(partitions)

    def forget(self, before: date) -> None:
        """Forget dates that are over."""
        self._known = {place for place in self._known if place.event_date is not None and place.event_date >= before}
        self._rows = self._rows.filter(pl.col("event_date") >= before)
        self.took(self._rows.clear())


def _micros(instants: pl.Series) -> Ints:
    """Return instants as whole numbers; one that is missing lies before all others."""
    micros: Ints = instants.to_numpy().view(np.int64)
    return micros
