"""The last minutes alone, of several cities at once: the very rows that the whole days have."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipelines.transform.dense import dense_candles, latest_candles
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import CANDLES_1M, CANDLES_DENSE, MARKETS, OBS_1M, Partition
from warehouse.market.cities import CITIES

DAYS = (date(2026, 11, 1), date(2026, 11, 2))
KEYS = ("chicago", "nyc")
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def snapshot(demo_lake: Path) -> Snapshot:
    """The demo lake: two cities, a change of the clocks inside."""
    return Lake(demo_lake).snapshot()


def of_days(snapshot: Snapshot, table) -> pl.DataFrame:
    """Return the rows of both cities and days, in order."""
    return pl.concat([snapshot.read(table, Partition(key, day)) for key in KEYS for day in DAYS])


def weather_of(snapshot: Snapshot) -> dict[str, pl.DataFrame]:
    """Return the weather of the days and the eve of the first."""
    days = (DAYS[0] - timedelta(days=1), *DAYS)
    return {key: pl.concat([snapshot.read(OBS_1M, Partition(key, day)) for day in days]) for key in KEYS}


def whole(snapshot: Snapshot) -> pl.DataFrame:
    """Return what the lake holds of the minutes, in the order of city, date, market and minute."""
    rows = pl.concat([snapshot.read(CANDLES_DENSE, Partition(key, day)) for key in KEYS for day in DAYS])
    return rows.sort("city", "event_date", "market_ticker", "ts_utc")


@pytest.mark.parametrize("minutes", [1, 25, 300])
@pytest.mark.parametrize(
    "until_utc",
    [
        datetime(2026, 10, 31, 14, 5, tzinfo=UTC),
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
        datetime(2026, 11, 1, 6, 1, tzinfo=UTC),
        datetime(2026, 11, 1, 18, 47, tzinfo=UTC),
        datetime(2026, 11, 2, 5, 59, tzinfo=UTC),
        datetime(2026, 11, 3, 5, 0, tzinfo=UTC),
    ],
)
def test_the_last_minutes_are_those_of_the_lake(snapshot, until_utc, minutes):
    """Around opens, closes, midnights and the change of the clocks; later candles, known or not, change nothing."""
    since_utc = until_utc - minutes * MINUTE
    asked = {"weather": weather_of(snapshot), "since_utc": since_utc, "until_utc": until_utc}
    candles, markets = of_days(snapshot, CANDLES_1M), of_days(snapshot, MARKETS)
    expected = whole(snapshot).filter(pl.col("ts_utc").is_between(since_utc, until_utc, closed="right"))

    assert expected.height
    for known in (candles, candles.filter(pl.col("known_utc") <= until_utc), candles.sample(fraction=1, shuffle=True)):
        assert_frame_equal(expected, latest_candles(known, markets, **asked))


@given(seed=st.integers(0, 10_000), minutes=st.integers(1, 40), until=st.integers(1, 90))
def test_late_and_repeated_candles_are_laid_out_as_on_whole_days(market, seed, minutes, until):
    """Candles in any order, known late or twice, of the tape alone, of markets that open and close at other times."""
    rng = np.random.default_rng(seed)
    lengths = {market.ticker: 60, market.other: int(rng.integers(10, 80))}
    told = []
    for ticker in lengths:
        for ts in rng.integers(-2, 85, 25).tolist():
            kind = market.tape_candle if rng.random() < 0.3 else market.candle
            late = int(rng.integers(0, 30)) if rng.random() < 0.3 else 0
            bid = int(rng.integers(0, 50)) * 100
            quotes = {} if kind == market.tape_candle else {"bid": bid, "ask": bid + int(rng.integers(0, 50)) * 100}
            price = int(rng.integers(1, 99)) * 100 if rng.random() < 0.5 else None
            told.append(kind(ts, ticker=ticker, known=ts + late, volume=int(rng.integers(0, 9)), price=price, **quotes))
    markets = market.markets(lengths).with_columns(
        pl.when(pl.col("market_ticker") == market.other)
        .then(pl.col("open_utc") + 7 * MINUTE)
        .otherwise("open_utc")
        .alias("open_utc"),
        city=pl.lit("chicago"),
        event_date=pl.lit(date(2026, 2, 4)),
    )
    weather = market.weather(dict.fromkeys(range(0, 90, 2), 3))
    candles = pl.DataFrame(told, schema=CANDLES_1M.schema)
    dense = dense_candles(candles, markets.drop("city", "event_date"), weather=weather, city=CITIES["chicago"])

    since_utc, until_utc = market.at(until - minutes), market.at(until)
    latest = latest_candles(candles, markets, weather={"chicago": weather}, since_utc=since_utc, until_utc=until_utc)

    within = pl.col("ts_utc").is_between(since_utc, until_utc, closed="right")
    assert_frame_equal(dense.filter(within), latest.drop("city", "event_date"))
