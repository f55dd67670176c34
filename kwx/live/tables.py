"""The tables of the running day in memory: what feeds bring is merged into the present by the law of an ingest.

Most of it is new: the minute that just ended, the trades in it. Rows that are newer than all that is held, stand alone
in their key and break no law need no merging, so a minute costs what came in it, not what the day holds already.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import polars as pl

from kwx.live.newest import Newest
from pipelines.ingest.merge import Arrived, merged
from pipelines.kalshi.fee_changes import says_nothing
from pipelines.live.arrivals import Arrival
from warehouse.lake.present import Present
from warehouse.lake.quarantine import put_in_quarantine
from warehouse.lake.tables import BOOKS, CANDLES_1M, FEE_CHANGES, TRADES, Partition, Table

_STAMPS = ((CANDLES_1M, "ts_utc"), (TRADES, "ts_utc"), (BOOKS, "known_utc"))
"""Tables whose rows hold for themselves, each with the stamp by which its rows come."""

Hear = Callable[[Sequence[Arrival]], None]


@dataclass(frozen=True, kw_only=True)
class Changed:
    """Which partitions say something else than before, and how many records were refused."""

    partitions: frozenset[tuple[str, Partition]]
    refused: int

    def of(self, table: Table) -> list[Partition]:
        """Return the changed partitions of one table, in order."""
        return sorted(partition for name, partition in self.partitions if name == table.name)


class LiveTables:
    """Merges arrivals into a present; `run_id` names what is refused in quarantine."""

    def __init__(self, present: Present, *, run_id: str = "live") -> None:
        self._present = present
        self._run_id = run_id
        self._told_refusals: set[int] = set()
        self._newest = {table.name: Newest(table, stamp, held=partial(present.read, table)) for table, stamp in _STAMPS}
        self._changed: set[tuple[str, Partition]] = set()
        self._refused = 0

    def add(self, arrivals: Sequence[Arrival], *, hear: Hear = lambda news: None) -> Changed:
        """Merge what came; what is refused goes to quarantine with its rule, once in however many answers it stands.

        hear: is told what came without what is held already, before it is put.
        """
        self._changed, self._refused = set(), 0
        for arrival in arrivals:
            self._refuse(arrival.table, [arrival.refused])
        news = [arrival for arrival in map(self._news_of, arrivals) if arrival.frame.height]
        hear(news)
        by_table: dict[str, list[Arrival]] = {}
        for arrival in news:
            by_table.setdefault(arrival.table.name, []).append(arrival)
        for name, ours in by_table.items():
            (self._append if name in self._newest else self._merge)(ours[0].table, ours)
        return Changed(partitions=frozenset(self._changed), refused=self._refused)

    def forget(self, before: date) -> None:
        """Forget event dates that are over; what the lake's files say of them stays."""
        self._present.cut(before)
        self._told_refusals.clear()
        for newest in self._newest.values():
            newest.forget(before)

    def _news_of(self, arrival: Arrival) -> Arrival:
        """Return an arrival without rows that are held word for word among the newest of their market."""
        newest = self._newest.get(arrival.table.name)
        if newest is None or arrival.frame.is_empty():
            return arrival
        newest.meet(arrival.table.places(arrival.frame))
        return replace(arrival, frame=newest.unseen(arrival.frame))

    def _append(self, table: Table, arrivals: Sequence[Arrival]) -> None:
        """Lay new rows behind those that are held, and merge what is not simply new."""
        newest, rows = self._newest[table.name], pl.concat([arrival.frame for arrival in arrivals])
        parts = dict(table.split(rows))
        if table.breaks_a_law(rows, parts) or not rows[list(table.key)].is_unique().all():
            self._merge(table, arrivals)
            newest.look_again(parts)
            return
        markets_behind = newest.behind(rows)
        behind = {place for place, new in parts.items() if not markets_behind.isdisjoint(new["market_ticker"])}
        for partition in parts.keys() - behind:
            self._present.lay_behind(table, partition, parts[partition])
            self._changed.add((table.name, partition))
        if behind:
            self._merge(table, arrivals, only=behind)
        newest.took(rows)

    def _merge(self, table: Table, arrivals: Iterable[Arrival], *, only: Container[Partition] | None = None) -> None:
        """Merge arrivals into the partitions that they speak of, as far as they say something that is not held."""
        brought: dict[Partition, list[Arrived]] = {}
        for arrival in arrivals:
            for partition, rows in table.split(arrival.frame):
                if only is None or partition in only:
                    brought.setdefault(partition, []).append(Arrived(rows, arrival.received_utc))
        for partition, some in brought.items():
            held = self._rows(table, partition)
            if all(_is_held(table, held, one.rows) for one in some):
                continue
            sifted = table.sift(merged(table, held, some), partition)
            self._refuse(table, [sifted.refused])
            if not sifted.kept.equals(held):
                self._put(table, partition, sifted.kept)

    def _rows(self, table: Table, partition: Partition) -> pl.DataFrame:
        return self._present.read(table, partition)[table.schema.names()]

    def _put(self, table: Table, partition: Partition, rows: pl.DataFrame) -> None:
        self._present.put(table, partition, rows)
        self._changed.add((table.name, partition))

    def _refuse(self, table: Table, several: Iterable[pl.DataFrame]) -> None:
        """Put refusals into quarantine that are not there yet; an answer repeats what the last one said wrongly."""
        for refused in several:
            if refused.is_empty():
                continue
            is_new = pl.Series([number not in self._told_refusals for number in refused.hash_rows()], dtype=pl.Boolean)
            new = refused.filter(is_new)
            if new.height:
                self._told_refusals.update(new.hash_rows())
                self._refused += new.height
                put_in_quarantine(self._present.paths, table=table.name, run_id=self._run_id, refused=new)


def _is_held(table: Table, held: pl.DataFrame, rows: pl.DataFrame) -> bool:
    """Tell whether all of some rows are held already, and known no later than they say: a merge would change nothing.

    Whether a report repeats an older one is judged from the day, whatever an answer thinks of it.
    """
    if table is FEE_CHANGES and says_nothing(rows, held):
        return True
    said = [name for name in table.schema if name not in {"known_utc", "is_filled"}]
    if not rows.join(held[said], on=said, how="anti", nulls_equal=True).is_empty():
        return False
    if "known_utc" not in table.schema:
        return True
    found = rows.join(held[[*said, "known_utc"]], on=said, how="left", nulls_equal=True, suffix="_before")
    return not bool(found.select((pl.col("known_utc_before") > pl.col("known_utc")).any()).item())
