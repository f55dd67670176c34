"""What came too late is told once, by city and source; what was at hand already is not late by being said again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from kwx.live.journal.record import PRICES, WEATHER
from kwx.live.lateness import Late
from pipelines.live.arrivals import Arrival
from warehouse.lake.present import Present
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_1M, OBS, Partition, Table

SECOND = timedelta(seconds=1)


@pytest.fixture
def present(demo_lake: Path) -> Present:
    return Present.over(Lake(demo_lake).snapshot())


def arrival(table: Table, *frames: pl.DataFrame) -> Arrival:
    rows = pl.concat(frames).select(*table.path_columns, *table.schema)
    return Arrival(table=table, frame=rows, received_utc=rows["known_utc"].max())


def without_last(present: Present, table: Table, place: Partition) -> pl.DataFrame:
    """Take the row of a partition that was known last out of the present, and return it."""
    rows = present.read(table, place).sort("known_utc", maintain_order=True)
    present.put(table, place, rows.head(-1).select(table.schema.names()).sort(table.order))
    return rows.tail(1)


def test_a_row_is_late_where_it_could_have_been_known_and_was_not_at_hand(present: Present) -> None:
    """Of two days of events one lacked its last candle: its city is named, and only once."""
    lacking, whole = present.partitions(CANDLES_1M.name)[:2]
    new = without_last(present, CANDLES_1M, lacking)
    known_utc = new["known_utc"][0]
    late = Late(present)

    late.hear([arrival(CANDLES_1M, new, present.read(CANDLES_1M, whole))], known_utc + timedelta(days=9))

    assert late.tell() == {lacking.city: (PRICES,)}
    assert late.tell() == {}


def test_what_is_said_again_or_could_not_have_been_known_is_not_late(present: Present) -> None:
    """At the second before it was known, the last report is news; all the others are at hand."""
    place = present.partitions(OBS.name)[-1]
    new = without_last(present, OBS, place)
    known_utc = new["known_utc"][0]
    late = Late(present)

    late.hear([arrival(OBS, present.read(OBS, place), new)], known_utc - SECOND)
    assert late.tell() == {}

    late.hear([arrival(OBS, present.read(OBS, place), new)], known_utc)
    assert late.tell() == {place.city: (WEATHER,)}
