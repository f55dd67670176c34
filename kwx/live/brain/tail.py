"""The end of a table: rows of the last minutes, kept as they come in, so that a minute need not go over whole days."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

import polars as pl

from warehouse.lake.present import Present
from warehouse.lake.tables import Partition, Table

MORE = timedelta(minutes=30)
"""So much longer than is needed rows are kept: a minute that was missed is thought of afterwards."""
_EVER = datetime.min.replace(tzinfo=UTC)

Kept = Callable[[datetime], pl.Expr]
"""Which rows of one or more partitions are still needed when nobody looks back beyond an instant any more."""


class Tail:
    """The rows of one table that the minutes after an instant are made of, by partition."""

    def __init__(self, present: Present, table: Table, kept: Kept) -> None:
        self._present = present
        self._table = table
        self._kept = kept
        self._since_utc = _EVER
        self._rows: dict[Partition, pl.DataFrame] = {}
        self._new: dict[Partition, list[pl.DataFrame]] = {}
        self._without_rows: set[Partition] = set()
        present.follow(table, self)

    def of(self, places: Sequence[Partition], since_utc: datetime) -> pl.DataFrame:
        """Return the rows that minutes after an instant are made of, without the columns of their path, in any order.

        Others may be among them: those of the whole partitions, where somebody looks back further than is kept.
        """
        if since_utc < self._since_utc:
            return pl.concat([self._table.empty(), *map(self._whole, places)])
        for place in places:
            if place not in self._rows:
                self.put(place, self._whole(place))
        parts = [part for place in places for part in (self._rows[place], *self._new.get(place, ()))]
        rows: pl.DataFrame = pl.concat([self._table.empty(), *parts])
        return rows

    def without_rows(self, places: Sequence[Partition]) -> list[Partition]:
        """Return the partitions of which no row at all is held; rows of them were asked for before."""
        return [place for place in places if place in self._without_rows]

    def shorten(self, since_utc: datetime) -> None:
        """Let go of what nobody needs who looks back as far as this."""
        self._since_utc = since_utc - MORE
        for place, new in self._new.items():
            self._rows[place] = self._end_of(pl.concat([self._rows[place], *new]))
        self._new.clear()

    def forget(self, before: date) -> None:
        """Forget event dates that are over."""
        for place in [place for place in self._rows if place.event_date is not None and place.event_date < before]:
            del self._rows[place]
            self._new.pop(place, None)
            self._without_rows.discard(place)

    def put(self, partition: Partition, rows: pl.DataFrame) -> None:
        """Hear that a partition is said anew."""
        self._new.pop(partition, None)
        self._rows[partition] = self._end_of(rows)
        (self._without_rows.add if rows.is_empty() else self._without_rows.discard)(partition)

    def laid(self, partition: Partition, rows: pl.DataFrame) -> None:
        """Hear that rows were laid behind a partition; of one that nobody asked for nothing is kept."""
        if partition in self._rows:
            self._new.setdefault(partition, []).append(rows)
            self._without_rows.discard(partition)

    def is_other(self) -> None:
        """Hear that files may say something else: all is to be read anew."""
        self._rows.clear()
        self._new.clear()
        self._without_rows.clear()

    def _whole(self, place: Partition) -> pl.DataFrame:
        return self._present.read(self._table, place)[self._table.schema.names()]

    def _end_of(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.filter(self._kept(self._since_utc)).rechunk()
