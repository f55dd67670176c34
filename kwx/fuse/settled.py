"""Settled days that fusion can learn from or be judged by, in pieces of a few days of one city."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import polars as pl

from warehouse.lake.store import Snapshot
from warehouse.lake.tables import Partition, Table
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import event_dates

_DAYS_PER_PIECE = 10

Settled = dict[date, int]
"""What days settled on, in whole °F."""


def settled_pieces(
    snapshot: Snapshot,
    labels: pl.DataFrame,
    tables: Sequence[Table],
    *,
    cities: Sequence[str] = (),
    since: date | None = None,
    until: date | None = None,
) -> Iterator[tuple[str, Settled]]:
    """Yield the labelled days of a range that have rows in all of some tables; `labels` are those of labels_of."""
    if since and until:
        next(event_dates(since, until))  # refuses a range that runs backwards
    there = set.intersection(*(set(snapshot.partitions(table.name)) for table in tables))
    for city in cities or tuple(CITIES):
        ours = labels.filter(pl.col("city") == city).select("event_date", "label_f").sort("event_date")
        days = [
            (day, label_f)
            for day, label_f in ours.iter_rows()
            if Partition(city, day) in there and (since or day) <= day <= (until or day)
        ]
        for place in range(0, len(days), _DAYS_PER_PIECE):
            yield city, dict(days[place : place + _DAYS_PER_PIECE])
