"""Panels by hand whose outcome depends on the mid, and a lake of twelve days made of two of the demo world."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kwx.features.feature import Feature, FeatureSet
from kwx.models.elasticnet.rows import Rows, rows_of
from kwx.models.windows import Window
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_DENSE, MARKETS, SETTLEMENTS, Partition
from warehouse.lake.writer import write
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

DONORS = (date(2026, 11, 1), date(2026, 11, 2))
FIRST, DAYS = date(2026, 11, 3), 12
WINDOW = Window(
    train_since=FIRST, train_until=FIRST + timedelta(days=8),
    test_since=FIRST + timedelta(days=10), test_until=FIRST + timedelta(days=11),
)  # fmt: skip


def _log_odds(mid: pl.Expr) -> pl.Expr:
    kept = mid.clip(0.01, 0.99)
    return (kept / (1 - kept)).log()


TINY = FeatureSet(
    name="tiny",
    features=(
        Feature(name="odds", meaning="", sources=("mid_prob",), value=_log_odds(pl.col("mid_prob"))),
        Feature(name="velocity", meaning="", sources=("velocity",), value=pl.col("velocity")),
        Feature(name="left", meaning="", sources=("minutes_to_close",), value=pl.col("minutes_to_close") / 60),
        Feature(name="p_wx", meaning="", sources=("p_wx",), value=pl.col("p_wx")),
    ),
)


def a_panel(*, dates: int = 8, markets: int = 4, minutes: int = 20, seed: int = 0) -> pl.DataFrame:
    """Return a panel in which each date's winner is drawn from its mids; p_wx is missing, as is a velocity."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(dates):
        event_date = date(2026, 3, 1) + timedelta(days=number)
        mids = rng.dirichlet(np.full(markets, 0.7))
        winner = rng.choice(markets, p=mids)
        for market in range(markets):
            noise = rng.normal(0, 0.3, minutes).cumsum()
            odds = np.log(mids[market] + 1e-3) - np.log(1 - mids[market] + 1e-3) + noise
            velocity = np.append(np.nan, np.diff(1 / (1 + np.exp(-odds))))
            rows.append(
                pl.DataFrame(
                    {
                        "minutes_to_close": np.arange(minutes)[::-1] * 60,
                        "mid_prob": 1 / (1 + np.exp(-odds)),
                        "velocity": velocity,
                        "settled_yes": np.full(minutes, market == winner),
                    }
                ).with_columns(
                    city=pl.lit("chicago"),
                    event_date=pl.lit(event_date),
                    event_ticker=pl.lit(f"E{number:02}"),
                    market_ticker=pl.lit(f"E{number:02}-{market}"),
                    ts_utc=pl.lit(datetime(2026, 3, 1, tzinfo=UTC)) + pl.duration(days=number, hours=pl.int_range(20)),
                    label_known_utc=pl.lit(datetime(2026, 3, 2, 12, tzinfo=UTC) + timedelta(days=number)),
                    p_mkt=pl.lit(None, pl.Float64),
                    p_wx=pl.lit(None, pl.Float64),
                    velocity=pl.col("velocity").fill_nan(None),
                )
            )
    return pl.concat(rows)


@pytest.fixture(scope="session")
def panel() -> pl.DataFrame:
    """Eight dates of four markets."""
    return a_panel()


@pytest.fixture(scope="session")
def rows(panel: pl.DataFrame) -> Rows:
    """The same as rows."""
    return rows_of(panel, TINY)


@pytest.fixture(scope="session")
def tiny() -> FeatureSet:
    """Four features, the last of which is always missing."""
    return TINY


@pytest.fixture(scope="session")
def window() -> Window:
    """Nine dates to fit on and two to test on, all in the lake."""
    return WINDOW


def moved(rows: pl.DataFrame, by: timedelta, event: str, new: str) -> pl.DataFrame:
    """Return rows of one event as those of another, so many days later."""
    return rows.with_columns(
        pl.col(name) + by for name, dtype in rows.schema.items() if isinstance(dtype, pl.Datetime)
    ).with_columns(pl.col("market_ticker", "event_ticker").str.replace(event, new, literal=True))


@pytest.fixture(scope="session")
def walked_lake(demo_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve days of Chicago with prices and settlements; each settles in another bracket than the one before."""
    root = tmp_path_factory.mktemp("walked") / "lake"
    donor = Lake(demo_lake).snapshot()
    with write(Lake(root), purpose="test") as writer:
        for number in range(DAYS):
            event_date, source = FIRST + timedelta(days=number), DONORS[number % 2]
            old, place = Partition("chicago", source), Partition("chicago", event_date)
            listed = donor.read(MARKETS, old).sort("bracket_order").select(MARKETS.schema.names())
            event, by = listed["event_ticker"][0], event_date - source
            new = f"{CITIES['chicago'].series}-{event_date:%y%b%d}".upper()
            markets = moved(listed, by, event, new)
            writer.put(MARKETS, markets.with_columns(_unsettled()), place)
            minutes = donor.read(CANDLES_DENSE, old).select(CANDLES_DENSE.schema.names())
            writer.put(CANDLES_DENSE, _priced(moved(minutes, by, event, new), number), place)
            writer.put(SETTLEMENTS, _settled(donor, old, markets, event_date, number), place)
        writer.publish()
    return root


def _unsettled() -> list[pl.Expr]:
    names = ("settled_utc", "result", "expiration_value_f")
    return [pl.lit(None).cast(MARKETS.schema[name]).alias(name) for name in names]


def _priced(minutes: pl.DataFrame, number: int) -> pl.DataFrame:
    """Return minutes whose mids are drawn anew, so that two copies of a day differ."""
    rng = np.random.default_rng(number)
    drawn = minutes.with_columns(
        mid_half_ticks=(minutes["mid_half_ticks"].fill_null(1_000).to_numpy() * rng.uniform(0.6, 1.0)).astype(int),
        price_source=pl.col("price_source").fill_null("mid"),
    )
    return drawn.select(pl.col(name).cast(dtype) for name, dtype in CANDLES_DENSE.schema.items())


def _settled(donor, old: Partition, markets: pl.DataFrame, event_date: date, number: int) -> pl.DataFrame:
    """Return the exchange's word on a day: the high lies in another bracket each day."""
    told = donor.read(SETTLEMENTS, old).filter(pl.col("source") == "kalshi").head(1)
    bracket = markets.row(number % 6, named=True)
    high_f = bracket["low_f"] if bracket["low_f"] is not None else bracket["high_f"]
    issued_utc = ClimateDay(CITIES["chicago"], event_date).end_utc + timedelta(hours=5, minutes=40)
    return told.with_columns(
        issued_utc=pl.lit(issued_utc), known_utc=pl.lit(issued_utc), high_f=pl.lit(high_f, pl.Int32)
    ).select(SETTLEMENTS.schema.names())


@pytest.fixture
def altered(walked_lake: Path, tmp_path: Path) -> Callable[[Callable[[pl.DataFrame], pl.DataFrame], object], Path]:
    """Return a copy of the lake in which a table of some dates is changed."""

    def change(how: Callable[[pl.DataFrame], pl.DataFrame], table, dates) -> Path:
        root = tmp_path / "lake"
        if not root.exists():
            shutil.copytree(walked_lake, root, symlinks=True)
        held = Lake(root).snapshot()
        with write(Lake(root), purpose="test") as writer:
            for event_date in dates:
                place = Partition("chicago", event_date)
                writer.put(table, how(held.read(table, place)).select(table.schema.names()), place)
            writer.publish()
        return root

    return change
