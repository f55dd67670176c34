"""A lake of one city and twenty-four days with the predictions of two families: one too sure, one honest."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import expit, logit

from kwx.models.calibration.rows import Rows
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import MARKETS, MODEL_RUNS, PMF_MINUTE, PREDICTIONS, SETTLEMENTS, Partition
from warehouse.lake.writer import write

SHARPNESS = {"loud": 3.0, "plain": 1.0}
"""By how much each family is too sure of itself, in log-odds."""


def a_run(family: str) -> dict[str, object]:
    """Return the run of a family that was fitted on days before all predicted ones."""
    return {
        "run_id": f"run-{family}", "family": family, "model_id": f"{family}_chicago_all_win_20260224_20260319",
        "horizon": "day", "fitted_utc": datetime(2026, 2, 23, tzinfo=UTC), "since_date": date(2025, 11, 1),
        "until_date": date(2026, 2, 22), "snapshot": 1, "config_sha256": "0" * 64, "seed": 42,
        "parameters_json": "{}", "metrics_json": "{}",
    }  # fmt: skip


def predicted(honest: pl.DataFrame, family: str) -> pl.DataFrame:
    """Return what a family says where the honest probability is known."""
    said = expit(SHARPNESS[family] * logit(honest["p_true"].to_numpy()))
    return honest.select(
        "market_ticker", "ts_utc", model_id=pl.lit(a_run(family)["model_id"]), run_id=pl.lit(f"run-{family}"),
        horizon=pl.lit("day"), p_model=pl.Series(said), p_calibrated=pl.lit(None, pl.Float64),
        wf_window=pl.lit("win_20260224_20260319"),
    )  # fmt: skip


@pytest.fixture(scope="session")
def predicted_lake(long_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The days of `long_lake`, settled anew by drawing the winner from the honest probabilities of each day."""
    root, rng = tmp_path_factory.mktemp("predicted") / "lake", np.random.default_rng(8)
    shutil.copytree(long_lake, root, symlinks=True)
    snapshot = Lake(root).snapshot()
    with write(Lake(root), purpose="test") as writer:
        for place in snapshot.partitions(PMF_MINUTE.name):
            minutes = snapshot.read(PMF_MINUTE, place).sort("ts_utc", "market_ticker")
            honest = drawn_day(minutes, rng)
            settlements = snapshot.read(SETTLEMENTS, place)
            high_f = settled_high(snapshot, place, honest.filter(pl.col("won"))["market_ticker"][0])
            told = settlements.with_columns(high_f=pl.lit(high_f, pl.Int32)).select(SETTLEMENTS.schema.names())
            writer.put(SETTLEMENTS, told, place)
            said = pl.concat([predicted(honest, family) for family in SHARPNESS])
            writer.put(PREDICTIONS, said.select(PREDICTIONS.schema.names()), place)
        runs = pl.DataFrame([a_run(family) for family in SHARPNESS], schema=MODEL_RUNS.schema)
        writer.put(MODEL_RUNS, runs, Partition("chicago"))
        writer.publish()
    return root


def drawn_day(minutes: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Return an honest probability for each market and hour of a day, and which market won.

    A score of each market starts with noise and drifts towards what makes it win: Bayes' rule on a random walk.
    """
    markets = minutes["market_ticker"].unique().sort()
    hours = minutes["ts_utc"].unique().sort()
    winner = rng.integers(len(markets))
    truth = (np.arange(len(markets)) == winner).astype(float)
    seen = 0.04 * np.arange(1, len(hours) + 1)[:, None] * truth
    seen = seen + 0.2 * np.cumsum(rng.normal(size=(len(hours), len(markets))), axis=0)
    # A drift of 0.04 over a variance of 0.04: what was seen is the log of each market's likelihood.
    p = np.exp(seen - seen.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    grid = pl.DataFrame({"ts_utc": hours}).join(pl.DataFrame({"market_ticker": markets}), how="cross")
    return grid.with_columns(p_true=pl.Series(p.ravel()), won=pl.col("market_ticker") == markets[int(winner)])


def settled_high(snapshot: Snapshot, place: Partition, market_ticker: str) -> int:
    """Return a high that lies in a market's bracket."""
    row = snapshot.read(MARKETS, place).filter(pl.col("market_ticker") == market_ticker).row(0, named=True)
    return row["high_f"] if row["low_f"] is None else row["low_f"]


@pytest.fixture
def own_predicted(predicted_lake: Path, tmp_path: Path) -> Path:
    """A copy that may be written."""
    root = tmp_path / "lake"
    shutil.copytree(predicted_lake, root, symlinks=True)
    return root


def rows_of(days: int, per_day: int, *, sharpness: float, seed: int = 0, markets: int = 6) -> Rows:
    """Return rows of days of which each has its own markets, said too surely by a factor in log-odds."""
    rng = np.random.default_rng(seed)
    honest = np.repeat(rng.beta(0.5, 2.0, days * markets), per_day)
    came = np.repeat(rng.random(days * markets) < honest[::per_day], per_day)
    first = np.datetime64(date(2026, 3, 1))
    day = first + np.repeat(np.arange(days), markets * per_day)
    return Rows(
        p=expit(sharpness * logit(np.clip(honest, 1e-9, 1 - 1e-9))),
        hit=came,
        day=day,
        market=np.repeat(np.arange(days * markets), per_day),
        known_utc=day.astype("datetime64[us]") + np.timedelta64(int(timedelta(hours=36).total_seconds()), "s"),
    )


@pytest.fixture(scope="session")
def rows_where():
    """Return rows of days, with what is said of them."""
    return rows_of
