"""A lake of two days of Chicago with weather, market, fusion and the predictions of four families; only read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kwx.signals.panel import FAST_COLUMNS, read_signal_panel
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import MARKETS, MODEL_RUNS, PMF_MINUTE, PREDICTIONS, Partition
from warehouse.lake.writer import write

CITY, SINCE, UNTIL = "chicago", date(2026, 11, 1), date(2026, 11, 2)
FAMILIES = ("elasticnet", "hybrid", "tod", "market_clock")
WINDOW = "win_20261101_20261102"


def a_run(family: str) -> dict[str, object]:
    """Return the run of a family, fitted on days before both; each family on newer data than the one before it."""
    return {
        "run_id": f"run-{family}", "family": family, "model_id": f"{family}_chicago_all_{WINDOW}", "horizon": "day",
        "fitted_utc": datetime(2026, 10, 30, tzinfo=UTC), "since_date": date(2026, 8, 1),
        "until_date": date(2026, 10, 20 + FAMILIES.index(family)), "snapshot": 1, "config_sha256": "0" * 64, "seed": 42,
        "parameters_json": "{}", "metrics_json": "{}",
    }  # fmt: skip


def words(markets: pl.DataFrame, family: str, rng: np.random.Generator) -> pl.DataFrame:
    """Return what a family says of an event: every seven minutes from an hour after the open on, with a gap.

    Of the coldest bracket tod speaks once, and elasticnet never; every third word is calibrated.
    """
    parts = []
    for row in markets.sort("bracket_order").iter_rows(named=True):
        minutes = list(range(60, 2_000, 7))
        if row["bracket_order"] == 1:
            minutes = {"tod": minutes[:1], "elasticnet": []}.get(family, minutes)
        instants = [row["open_utc"] + timedelta(minutes=one) for one in minutes if not 400 <= one < 700]
        p = rng.uniform(0.01, 0.6, len(instants))
        calibrated = [value / 2 if place % 3 == 0 else None for place, value in enumerate(p)]
        parts.append(
            pl.DataFrame(
                {"ts_utc": instants, "p_model": p, "p_calibrated": calibrated},
                schema={"ts_utc": pl.Datetime("us", "UTC"), "p_model": pl.Float64, "p_calibrated": pl.Float64},
            ).with_columns(market_ticker=pl.lit(row["market_ticker"]))
        )
    run = a_run(family)
    told = {name: pl.lit(run[name]) for name in ("model_id", "run_id", "horizon")}
    return pl.concat(parts).with_columns(**told, wf_window=pl.lit(WINDOW)).select(PREDICTIONS.schema.names())


@pytest.fixture(scope="session")
def signal_lake(priced_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The priced lake with predictions of both its days."""
    root, rng = tmp_path_factory.mktemp("signals") / "lake", np.random.default_rng(4)
    shutil.copytree(priced_lake, root, symlinks=True)
    snapshot = Lake(root).snapshot()
    with write(Lake(root), purpose="test") as writer:
        for day in (SINCE, UNTIL):
            markets = snapshot.read(MARKETS, Partition(CITY, day))
            place = Partition(CITY, day)
            writer.put(PREDICTIONS, pl.concat([words(markets, one, rng) for one in FAMILIES]), place)
            fused = snapshot.read(PMF_MINUTE, place).with_columns(p_fused="p_fused_norm")
            writer.put(PMF_MINUTE, fused.select(PMF_MINUTE.schema.names()), place)
        runs = pl.DataFrame([a_run(family) for family in FAMILIES], schema=MODEL_RUNS.schema)
        writer.put(MODEL_RUNS, runs, Partition(CITY))
        writer.publish()
    return root


@pytest.fixture
def own_signal_lake(signal_lake: Path, tmp_path: Path) -> Path:
    """A copy of it that may be written."""
    root = tmp_path / "lake"
    shutil.copytree(signal_lake, root, symlinks=True)
    return root


@pytest.fixture(scope="session")
def snapshot(signal_lake: Path) -> Snapshot:
    """Its newest snapshot."""
    return Lake(signal_lake).snapshot()


@pytest.fixture(scope="session")
def panel_of(snapshot: Snapshot) -> Callable[..., pl.DataFrame]:
    """Return the reader of both days' panel."""

    def read(columns: object = FAST_COLUMNS, family: str | None = None) -> pl.DataFrame:
        return read_signal_panel(snapshot, CITY, since=SINCE, until=UNTIL, columns=columns, family=family)

    return read
