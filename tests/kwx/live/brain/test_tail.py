"""The end of a table is enough for a minute: candles laid out from it are those of whole days."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kwx.live.brain.laying import still_told, tape_of
from kwx.live.brain.tail import MORE, Tail
from kwx.live.brain.trail import LOOKS_BACK, still_telling
from pipelines.transform.dense import latest_candles
from tests.kwx.live.brain.known import MINUTE
from warehouse.lake.present import Present
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import CANDLES_1M, MARKETS, TRADES, Partition, Table

WINDOW = timedelta(minutes=15)


@pytest.fixture
def snapshot(demo_lake: Path) -> Snapshot:
    return Lake(demo_lake).snapshot()


def some_places(snapshot: Snapshot) -> list[Partition]:
    """Return the last event of each city."""
    places = snapshot.partitions(CANDLES_1M.name)
    return [max(place for place in places if place.city == city) for city in {place.city for place in places}]


def rows_of(snapshot: Snapshot, table: Table, place: Partition) -> pl.DataFrame:
    return snapshot.read(table, place).select(table.schema.names())


def late_now_and_then(rows: pl.DataFrame) -> pl.DataFrame:
    """Let some rows become known long after their stamp, and some tell nothing of the quote."""
    number = pl.int_range(pl.len())
    late = pl.when(number % 17 == 3).then(pl.duration(minutes=number % 90)).otherwise(pl.duration())
    return rows.with_columns(known_utc=pl.col("known_utc") + late)


def dense(candles: pl.DataFrame, snapshot: Snapshot, places: list[Partition], at_utc: datetime) -> pl.DataFrame:
    markets = pl.concat(snapshot.read(MARKETS, place) for place in places)
    return latest_candles(candles, markets, weather={}, since_utc=at_utc - WINDOW, until_utc=at_utc)


@pytest.mark.parametrize("is_put_whole", [False, True])
def test_minutes_laid_out_from_the_end_are_those_of_the_whole_day(snapshot: Snapshot, *, is_put_whole: bool) -> None:
    """While rows come in piece by piece, late ones among them, or as whole partitions; and it stays short."""
    places = some_places(snapshot)
    candles = {place: late_now_and_then(rows_of(snapshot, CANDLES_1M, place)) for place in places}
    present = Present.over(snapshot)
    for place in places:
        present.put(CANDLES_1M, place, candles[place].clear())
    tail = Tail(present, CANDLES_1M, still_telling)
    first_known_utc = pl.concat(candles.values())["known_utc"].sort()[0]
    known_utc = first_known_utc - MINUTE
    for number in range(60):
        at_utc = first_known_utc.replace(second=0, microsecond=0) + 23 * number * MINUTE
        for place, rows in candles.items():
            if is_put_whole:
                present.put(CANDLES_1M, place, rows.filter(pl.col("known_utc") <= at_utc))
            else:
                new = rows.filter(pl.col("known_utc").is_between(known_utc, at_utc, closed="right"))
                present.lay_behind(CANDLES_1M, place, new)
        first_utc = at_utc - WINDOW - LOOKS_BACK

        ours = tail.of(places, first_utc)
        whole = pl.concat(rows.filter(pl.col("known_utc") <= at_utc) for rows in candles.values())

        assert_frame_equal(
            dense(ours, snapshot, places, at_utc), dense(whole, snapshot, places, at_utc), check_exact=True
        )
        tail.shorten(first_utc)
        known_utc = at_utc
    assert tail.of(places, first_utc).height < whole.height / 4
    assert tail.of(places, first_utc - MORE - MINUTE).sort(CANDLES_1M.order).equals(whole.sort(CANDLES_1M.order))


def test_the_tape_of_a_minute_is_that_of_the_whole_day(snapshot: Snapshot) -> None:
    """Before and after the tail is cut short; a place without any trade is told apart from one that was silent."""
    places = some_places(snapshot)
    silent, place = Partition(places[0].city, places[0].event_date + timedelta(days=9)), places[0]  # type: ignore[operator]
    rows = rows_of(snapshot, TRADES, place)
    present = Present.over(snapshot)
    tail = Tail(present, TRADES, still_told)
    at_utc = rows["ts_utc"].sort()[rows.height // 2].replace(second=0, microsecond=0) + MINUTE
    within = pl.col("ts_utc").is_between(at_utc - MINUTE, at_utc, closed="right") & (pl.col("known_utc") <= at_utc)

    for _ in range(2):
        found = tape_of(tail, [place, silent], at_utc)
        assert found.trades.height > 0
        assert found.trades.equals(rows.filter(within))
        assert found.untaped == [silent]
        tail.shorten(at_utc)


def test_what_is_over_is_forgotten_and_what_files_say_anew_is_read_anew(snapshot: Snapshot) -> None:
    """A partition that a new snapshot has otherwise, and one of a date that is over."""
    place = some_places(snapshot)[0]
    present = Present.over(snapshot)
    tail = Tail(present, CANDLES_1M, still_telling)
    before = tail.of([place], datetime.fromisoformat("2000-01-01T00:00Z"))

    present.rebase(snapshot)
    present.put(CANDLES_1M, place, rows_of(snapshot, CANDLES_1M, place)[:7])
    assert tail.of([place], datetime.fromisoformat("2000-01-01T00:00Z")).height == 7
    assert before.height > 7

    tail.forget(date.max)
    present.lay_behind(CANDLES_1M, place, before[7:9])
    assert tail.of([place], datetime.fromisoformat("2000-01-01T00:00Z")).height == 9
