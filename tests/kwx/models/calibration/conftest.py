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
from pipelines.transform.dense import dense_candles
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import (
    CANDLES_1M,
    CANDLES_DENSE,
    MARKETS,
    MODEL_RUNS,
    OBS_1M,
    PMF_MINUTE,
    PREDICTIONS,
    SETTLEMENTS,
    Partition,
)
from warehouse.lake.writer import write
from warehouse.market.cities import CITIES

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


MOVE_MINUTES, MOVES_A_DAY, MOVE_HALF_TICKS, STILL = 5, 40, 200, 0.2


@pytest.fixture(scope="session")
def moving_lake(predicted_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with minutes whose mids jump after every word of a family that is too sure which way, or stay."""
    root, rng = tmp_path_factory.mktemp("moving") / "lake", np.random.default_rng(9)
    shutil.copytree(predicted_lake, root, symlinks=True)
    snapshot = Lake(root).snapshot()
    run = a_run("swift") | {"horizon": "5m", "parameters_json": '{"epsilon": 0.01}'}
    with write(Lake(root), purpose="test") as writer:
        for place in snapshot.partitions(MARKETS.name):
            markets = snapshot.read(MARKETS, place).sort("market_ticker")
            quotes, said = moving_day(markets, rng)
            writer.put(CANDLES_1M, quotes, place)
            minutes = dense_candles(quotes, markets, weather=OBS_1M.empty(), city=CITIES["chicago"])
            writer.put(CANDLES_DENSE, minutes, place)
            words = said.with_columns(model_id=pl.lit(run["model_id"]), run_id=pl.lit(run["run_id"]))
            held = snapshot.read(PREDICTIONS, place).select(PREDICTIONS.schema.names())
            writer.put(PREDICTIONS, pl.concat([held, words.select(held.columns)]), place)
        runs = snapshot.read(MODEL_RUNS, Partition("chicago")).select(MODEL_RUNS.schema.names())
        writer.put(MODEL_RUNS, pl.concat([runs, pl.DataFrame([run], schema=MODEL_RUNS.schema)]), Partition("chicago"))
        writer.publish()
    return root


def moving_day(markets: pl.DataFrame, rng: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a day's quotes, and what is said of the next five minutes: too surely, of jumps drawn by honest odds."""
    honest = rng.beta(2, 2, (markets.height, MOVES_A_DAY))
    up = np.where(rng.random(honest.shape) < honest, MOVE_HALF_TICKS, -MOVE_HALF_TICKS)
    jump = np.where(rng.random(honest.shape) < STILL, 0, up)
    mids = 10_000 + np.concatenate([np.zeros((markets.height, 1), int), jump.cumsum(axis=1)], axis=1)
    every = markets.select("market_ticker", "open_utc", mid=pl.Series(mids.tolist())).explode("mid", empty_as_null=True)
    place = pl.int_range(pl.len()).over("market_ticker")
    steps = every.with_columns(ts_utc=pl.col("open_utc") + pl.duration(minutes=1) * (MOVE_MINUTES * place + 1))
    bid = {f"yes_bid_{part}_ticks": (pl.col("mid") - MOVE_HALF_TICKS) // 2 for part in ("open", "high", "low", "close")}
    ask = {f"yes_ask_{part}_ticks": (pl.col("mid") + MOVE_HALF_TICKS) // 2 for part in ("open", "high", "low", "close")}
    quotes = steps.with_columns(volume_centi=pl.lit(0), known_utc="ts_utc", **bid, **ask)
    columns = [
        (pl.col(name) if name in quotes.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in CANDLES_1M.schema.items()
    ]
    said = steps.filter(place < MOVES_A_DAY).select(
        "market_ticker", "ts_utc", horizon=pl.lit("5m"), p_model=pl.Series(expit(3 * logit(honest.ravel()))),
        p_calibrated=pl.lit(None, pl.Float64), wf_window=pl.lit("win_20260224_20260319"),
    )  # fmt: skip
    return quotes.select(columns), said


@pytest.fixture
def own_moving(moving_lake: Path, tmp_path: Path) -> Path:
    """A copy that may be written."""
    root = tmp_path / "moving"
    shutil.copytree(moving_lake, root, symlinks=True)
    return root


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
