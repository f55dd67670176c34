"""What is read while reads are shared is read once, serves whoever asks for no more, and is forgotten after."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from kwx.features.panel import read_panel
from kwx.features.sharing import read_once, shared_reads
from warehouse.lake.store import Lake

ON = {"since": date(2026, 11, 1), "until": date(2026, 11, 1)}


def test_a_key_is_read_once_inside_and_each_time_outside():
    """An error on the way out forgets it too."""
    reads = []

    def read():
        reads.append(1)
        return object()

    outside = {read_once("key", read), read_once("key", read)}
    with shared_reads():
        inside = {read_once("key", read), read_once("key", read), read_once("key", read, serves=lambda _: True)}
        newer = read_once("key", read, serves=lambda _: False)
    with pytest.raises(ZeroDivisionError), shared_reads():
        read_once("key", lambda: 1 / 0)

    assert (2, 1, 4) == (len(outside), len(inside), len(reads))
    assert read_once("key", read) not in {*inside, newer}


def test_a_panel_serves_whoever_asks_for_fewer_columns_and_says_the_same_as_alone(demo_lake):
    """Other rows, and columns that it lacks, are read for themselves."""
    snapshot = Lake(demo_lake).snapshot()
    wide, narrow = ("mid_prob", "minutes_to_close", "velocity"), ("minutes_to_close",)
    alone = {columns: read_panel(snapshot, "chicago", **ON, columns=columns) for columns in (wide, narrow)}

    with shared_reads():
        shared = {columns: read_panel(snapshot, "chicago", **ON, columns=columns) for columns in (wide, narrow)}
        more = read_panel(snapshot, "chicago", **ON, columns=("volume", "mid_prob"))
        hourly = read_panel(snapshot, "chicago", **ON, columns=narrow, every_minutes=60)

    assert all(alone[columns].equals(shared[columns]) for columns in alone)
    first, second = (frame["minutes_to_close"].to_numpy() for frame in shared.values())
    assert first.ctypes.data == second.ctypes.data
    assert more.columns[-2:] == ["volume", "mid_prob"]
    assert hourly.equals(alone[narrow].filter(pl.col("ts_utc").dt.minute() == 0))
