"""Lakes whose mids are made by hand: the last move tells the next, or only the book does, with trades or without."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kwx.features.hawkes import Law, simulate
from warehouse.lake.store import Lake
from warehouse.lake.tables import BOOKS, CANDLES_DENSE, MARKETS, TRADES, Partition
from warehouse.lake.writer import write
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

DONOR_DATE = date(2026, 11, 1)
SINCE, DATES = date(2026, 1, 5), 12
MARKET_COUNT, MINUTES = 3, 280
CENT_HALF_TICKS = 200
UNRECORDED = date(2026, 1, 7)
STRIKES = Law(mu_per_minute=0.1, alpha_per_minute=0.5, beta_per_minute=1.0)
"""How orders come that take what rests, of either side: one in five minutes, and half as many again through them."""


def renamed(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return rows of the donor's date as those of another."""
    old, new = (f"{CITIES['chicago'].series}-{one:%y%b%d}".upper() for one in (DONOR_DATE, day))
    return rows.with_columns(pl.col("event_ticker", "market_ticker").str.replace(old, new, literal=True))


def listed(markets: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return the donor's markets as those of another date, not settled yet."""
    span = ClimateDay(CITIES["chicago"], day)
    opened = pl.lit(span.start_utc - timedelta(hours=14))
    return renamed(markets, day).with_columns(
        open_utc=opened, known_utc=opened, close_utc=pl.lit(span.end_utc),
        settled_utc=pl.lit(None, pl.Datetime("us", "UTC")), result=pl.lit(None, pl.String),
        expiration_value_f=pl.lit(None, pl.Int32),
    )  # fmt: skip


def minutes_with(dense: pl.DataFrame, day: date, mids: np.ndarray) -> pl.DataFrame:
    """Return the first minutes of some markets with these mids [markets, minutes], quoted a cent either way."""
    start = ClimateDay(CITIES["chicago"], day).start_utc - timedelta(hours=14)
    market = "market_ticker"
    rows = renamed(dense, day).sort(market, "ts_utc").group_by(market, maintain_order=True).head(mids.shape[1])
    rows = rows.select(dense.columns).with_columns(
        mid_half_ticks=pl.Series(mids.ravel(), dtype=pl.Int32),
        ts_utc=pl.lit(start) + pl.duration(minutes=1) * pl.int_range(1, pl.len() + 1).over(market),
    )
    rows = rows.with_columns(
        yes_bid_ticks=(pl.col("mid_half_ticks") - CENT_HALF_TICKS) // 2,
        yes_ask_ticks=(pl.col("mid_half_ticks") + CENT_HALF_TICKS) // 2,
        quote_age_minutes=pl.lit(0, pl.Int32), price_source=pl.lit("mid"),
        velocity_half_ticks=pl.col("mid_half_ticks").diff().over(market),
    ).with_columns(acceleration_half_ticks=pl.col("velocity_half_ticks").diff().over(market))  # fmt: skip
    return rows.select(pl.col(name).cast(dtype) for name, dtype in CANDLES_DENSE.schema.items())


def books_of(minutes: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Return a whole book a minute, some seconds before its end: the side towards the next move mostly leads."""
    told = minutes.sort("ts_utc", "market_ticker").with_columns(
        next_move=(pl.col("mid_half_ticks").shift(-1) - pl.col("mid_half_ticks")).over("market_ticker").fill_null(0)
    )
    tilt = np.where(rng.random(told.height) < 0.8, 1, -1) * np.sign(told["next_move"].to_numpy())
    levels = {
        "bid_prices_ticks": told["yes_bid_ticks"], "ask_prices_ticks": told["yes_ask_ticks"],
        "bid_sizes_centi": 10_000 + 5_000 * tilt, "ask_sizes_centi": 10_000 - 5_000 * tilt,
    }  # fmt: skip
    received = told["ts_utc"] - timedelta(seconds=5)
    said = {
        "market_ticker": told["market_ticker"], "sid": 1, "seq": np.arange(told.height), "kind": "snapshot",
        "ts_utc": received, "known_utc": received,
        **{name: [[int(value)] for value in values] for name, values in levels.items()},
    }  # fmt: skip
    rows = pl.DataFrame(said)
    return rows.select(
        (pl.col(name) if name in said else pl.lit(None)).cast(dtype).alias(name) for name, dtype in BOOKS.schema.items()
    )


def trades_of(markets: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Return the trades of each market and side by one law, a contract each, known when they were made."""
    parts = [
        pl.DataFrame({"after_us": (simulate(STRIKES, minutes=MINUTES, rng=rng) * 60e6).astype(np.int64)}).with_columns(
            market_ticker=pl.lit(ticker), taker_side=pl.lit(side), opened=pl.lit(opened)
        )
        for ticker, opened in markets.select("market_ticker", "open_utc").iter_rows()
        for side in ("yes", "no")
    ]
    at = pl.col("opened") + pl.duration(microseconds="after_us")
    rows = pl.concat(parts).with_columns(
        ts_utc=at,
        known_utc=at,
        yes_price_ticks=pl.lit(4_000),
        count_centi=pl.lit(100),
        is_block=pl.lit(value=False),
        trade_id=pl.format("{}-{}", "market_ticker", pl.int_range(pl.len())),
    )
    return rows.select(pl.col(name).cast(dtype) for name, dtype in TRADES.schema.items())


def lake_of(root: Path, donor: Path, *, seed: int, reverting: bool, struck: bool = False) -> Path:
    """Write a lake of mids that come back, or of walks whose next step only the book tells, with trades or without."""
    rng, old = np.random.default_rng(seed), Lake(donor).snapshot()
    day = Partition("chicago", DONOR_DATE)
    markets = old.read(MARKETS, day).sort("bracket_order").head(MARKET_COUNT).select(MARKETS.schema.names())
    dense = old.read(CANDLES_DENSE, day).filter(pl.col("market_ticker").is_in(markets["market_ticker"].implode()))
    dense = dense.select(CANDLES_DENSE.schema.names())
    with write(Lake(root), purpose="test") as writer:
        for number in range(DATES):
            event_date = SINCE + timedelta(days=number)
            steps = CENT_HALF_TICKS * rng.choice([-1, 1], size=(MARKET_COUNT, MINUTES))
            mids = 8000 + (2 * steps if reverting else np.cumsum(steps, axis=1))
            rows, partition = (
                minutes_with(dense, event_date, np.clip(mids, 400, 19_600)),
                Partition("chicago", event_date),
            )
            open_markets = listed(markets, event_date)
            writer.put(MARKETS, open_markets, partition)
            writer.put(CANDLES_DENSE, rows, partition)
            if not reverting and event_date != UNRECORDED:
                writer.put(BOOKS, books_of(rows, rng), partition)
            if struck:
                writer.put(TRADES, trades_of(open_markets, rng), partition)
        writer.publish()
    return root


@pytest.fixture(scope="session")
def reverting_lake(demo_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve dates of mids that jump two cents about one price: after a move up mostly one down follows."""
    return lake_of(tmp_path_factory.mktemp("reverting") / "lake", demo_lake, seed=1, reverting=True)


@pytest.fixture(scope="session")
def walking_lake(demo_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve dates of walks by a cent: nothing but the queues of the book tells the next step."""
    return lake_of(tmp_path_factory.mktemp("walking") / "lake", demo_lake, seed=2, reverting=False)


@pytest.fixture(scope="session")
def struck_lake(demo_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The like of the walking lake with some 170 orders a date and side, so that laws of them can be fitted."""
    return lake_of(tmp_path_factory.mktemp("struck") / "lake", demo_lake, seed=2, reverting=False, struck=True)
