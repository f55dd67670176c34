"""What came too late is told once, by city and source; what was at hand already is not late by being said again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from kwx.live.journal.record import LISTING, PRICES, WEATHER
from kwx.live.lateness import Late
from pipelines.kalshi.fee_changes import LISTED
from pipelines.live.arrivals import Arrival
from warehouse.lake.present import Present
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_1M, FEE_CHANGES, MARKETS, OBS, Partition, Table

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


def test_a_listing_is_late_where_it_says_otherwise_what_minutes_are_laid_from(present: Present) -> None:
    """A close that moved is news of a market that is held; a volume is not, nor what opens later, nor a fee unsaid."""
    place = present.partitions(MARKETS.name)[-1]
    rows, late = present.read(MARKETS, place), Late(present)
    opens_utc = rows["open_utc"].max()
    moved = arrival(MARKETS, rows.with_columns(pl.col("close_utc") + pl.duration(minutes=5)))
    unsaid = pl.lit(None).alias("fee_type").cast(pl.String)

    late.hear(
        [arrival(MARKETS, rows.with_columns(unsaid, volume_centi=pl.lit(7, rows.schema["volume_centi"])))], opens_utc
    )
    late.hear([moved], opens_utc - SECOND)
    assert late.tell() == {}
    late.hear([moved], opens_utc)
    assert late.tell() == {place.city: (LISTING,)}


def test_a_fee_that_came_after_it_took_effect_is_late(present: Present) -> None:
    at_utc = present.read(MARKETS, present.partitions(MARKETS.name)[-1])["open_utc"].max()
    row = {
        "city": "chicago", "scope": "series", "ticker": "KXHIGHCHI", "change_id": "one", "scheduled_utc": at_utc,
        "fee_type": "quadratic", "fee_multiplier_milli": 2_000, "known_utc": at_utc,
    }  # fmt: skip
    came = arrival(FEE_CHANGES, pl.DataFrame([row], schema={**FEE_CHANGES.path_columns, **FEE_CHANGES.schema}))
    late = Late(present)

    late.hear([came], at_utc - SECOND)
    assert late.tell() == {}
    late.hear([came], at_utc)
    assert late.tell() == {"chicago": (LISTING,)}


def test_a_list_that_was_whole_is_no_news_however_old_it_is(present: Present) -> None:
    """It says of what is missing that it was taken back; no minute is laid from it."""
    asked_utc = present.read(OBS, present.partitions(OBS.name)[-1])["known_utc"].max()
    row = {
        "city": "chicago", "scope": LISTED, "ticker": "KXHIGHCHI", "change_id": "series", "scheduled_utc": asked_utc,
        "known_utc": asked_utc,
    }  # fmt: skip
    came = arrival(FEE_CHANGES, pl.DataFrame([row], schema={**FEE_CHANGES.path_columns, **FEE_CHANGES.schema}))
    late = Late(present)

    late.hear([came], asked_utc + timedelta(hours=1))

    assert late.tell() == {}
