"""Panels made by hand and at random, and a snapshot whose views break their law."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from kwx.features.sets import FEATURE_SETS
from warehouse.lake.catalog import build_in_memory
from warehouse.lake.statements import statements
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import MARKETS, PMF_MINUTE, Partition
from warehouse.lake.writer import write
from warehouse.market.cities import CITIES

MIDNIGHT = datetime(2026, 11, 1, 6, tzinfo=UTC)
SHARES = ("mid_prob", "spread_prob", "triad_mass", "p_wx", "p_fused_norm", "hazard_next_5m", "hazard_next_60m")
MOVES = ("velocity", "acceleration", "ras", "left_delta", "right_delta")
DEGREES = ("wx_temp_1m", "wx_run_max_f", "wx_dew")


def a_panel(rows: int, seed: int, *, nulls: float = 0.1) -> pl.DataFrame:
    """Return rows of every column that a feature reads, any value null with a chance of `nulls`."""
    rng = np.random.default_rng(seed)
    low_f, run_lo_f = rng.integers(-20, 110, rows), rng.integers(-20, 110, rows)
    columns = {
        **{name: rng.choice([0.0, 0.0005, 0.5, 1.0, *rng.uniform(0, 1, 20)], rows) for name in SHARES},
        **{name: rng.normal(0, 0.1, rows) for name in MOVES},
        **{name: rng.normal(60, 20, rows) for name in DEGREES},
        **{name: rng.choice([0.0, *rng.gamma(1, 50, 9)], rows) for name in ("volume", "volume_20m")},
        "wx_humidity": rng.uniform(0, 100, rows),
        "wx_wind": rng.uniform(0, 40, rows),
        "low_f": low_f,
        "high_f": low_f + rng.integers(0, 4, rows),
        "wx_run_max_lo_f": run_lo_f,
        "wx_run_max_hi_f": run_lo_f + rng.integers(0, 3, rows),
        "minutes_to_close": rng.integers(0, 2_400, rows),
    }
    types = {name: pl.Int32() for name in columns if columns[name].dtype == np.int64}
    holes = {name: pl.Series(rng.uniform(size=rows) < nulls) for name in columns}
    panel = pl.DataFrame(columns, schema_overrides=types)
    panel = panel.with_columns(pl.when(~holes[name]).then(pl.col(name)).alias(name) for name in columns)
    minutes = rng.permutation(rows)
    return panel.with_columns(
        city=pl.Series(rng.choice(list(CITIES), rows)),
        ts_utc=pl.Series(
            [MIDNIGHT + timedelta(minutes=int(minute)) for minute in minutes], dtype=pl.Datetime("us", "UTC")
        ),
        event_date=date(2026, 11, 1),
    )


@pytest.fixture(scope="session")
def panel_of() -> Callable[..., pl.DataFrame]:
    """Return the builder of random panels."""
    return a_panel


@pytest.fixture(scope="session")
def every_feature() -> dict:
    """Return the features of all sets, by name."""
    return {one.name: one for whole in FEATURE_SETS.values() for one in whole.features}


def evaluations(markets: pl.DataFrame) -> pl.DataFrame:
    """Return what runs of weather and fusion could have left for the markets of an event: a row every five minutes."""
    open_utc, close_utc = markets["open_utc"][0], markets["close_utc"][0]
    step = timedelta(minutes=5)
    instants = [open_utc + number * step for number in range((close_utc - open_utc) // step)]
    rng, shape = np.random.default_rng(len(instants)), (len(instants), markets.height)
    on_day = np.array([instant >= close_utc - timedelta(days=1) for instant in instants])
    ladders = {
        name: rng.dirichlet(np.ones(markets.height), len(instants)) for name in ("p_wx", "p_mkt", "p_fused_norm")
    }
    hazards = {f"hazard_next_{within}m": rng.uniform(0, 0.9, len(instants)) for within in (5, 60)}
    columns = {
        **{name: ladder.ravel() for name, ladder in ladders.items()},
        **{name: np.repeat(np.where(on_day, chance, np.nan), markets.height) for name, chance in hazards.items()},
    }
    told = (
        pl.DataFrame(columns)
        .fill_nan(None)
        .with_columns(
            market_ticker=pl.Series(np.tile(markets["market_ticker"].to_numpy(), shape[0])),
            ts_utc=pl.Series(instants, dtype=pl.Datetime("us", "UTC")).gather(np.repeat(np.arange(shape[0]), shape[1])),
            mc_version=pl.lit("v1_by_hand"),
        )
    )
    told = told.with_columns(wx_utc="ts_utc", p_fused="p_fused_norm")
    return told.select(
        (pl.col(name) if name in told.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in PMF_MINUTE.schema.items()
    )


@pytest.fixture(scope="session")
def known_lake(demo_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo lake with our own probabilities of two of Chicago's three days, none of New York's; only read."""
    root = tmp_path_factory.mktemp("known") / "lake"
    shutil.copytree(demo_lake, root, symlinks=True)
    with write(Lake(root), purpose="test") as writer:
        for day in (date(2026, 11, 1), date(2026, 11, 2)):
            place = Partition("chicago", day)
            writer.put(PMF_MINUTE, evaluations(Lake(root).snapshot().read(MARKETS, place)), place)
        writer.publish()
    return root


class Altered(Snapshot):
    """A snapshot of which one view says something else than the repository does."""

    def __init__(self, whole: Snapshot, view: str, law: str, breach: str) -> None:
        super().__init__(whole.paths, whole.number)
        text = statements("views")[view].select
        assert law in text
        self.change = f"create or replace view {view} as {text.replace(law, breach)}"

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a connection over the same files with the altered view."""
        con = build_in_memory({name: self.locations(name) for name in self.manifest.tables})
        con.execute(self.change)
        return con


@pytest.fixture(scope="session")
def altered() -> Callable[[Path, str, str, str], Snapshot]:
    """Return a lake's newest snapshot with a text of one view put in place of another."""
    return lambda root, view, law, breach: Altered(Lake(root).snapshot(), view, law, breach)
