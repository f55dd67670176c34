"""Fusing minutes and fitting weights, against the group-by-apply that one writes first in pandas: the same numbers.

Run as `python tests/bench/bench_fuse.py [--days 90]`. The lake is a demo one of seven cities without order books whose
weather was fitted on its first days and run on the others; every event-minute of those is fused as `kwx fuse run` does
it. The baseline fuses one minute after another, some city-days of them, and must say what was stored.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from measure import Measure, best_of, report
from scipy.optimize import brentq

from kwx.fuse.fit.gradient import fit_gradient
from kwx.fuse.fit.grid import fit_grid, points_of
from kwx.fuse.fit.loss import spread_of
from kwx.fuse.fit.sample import joined, sample_of_days, usable_labels
from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.run import FuseDay, FuseTask, FuseWish, fuse_days, fuse_task
from kwx.fuse.weight import Alphas
from kwx.fuse.weights import WeightSet
from kwx.hazard.backfill import backfill
from kwx.hazard.fit.walk import Walk, fit_params
from kwx.hazard.plan import Wish
from kwx.scoring.stored.labels import labels_of
from pipelines.build import build_demo, demo_world
from pipelines.runner import process_pool, workers_wanted
from warehouse.lake.files import remove_tree
from warehouse.lake.staging import Staging
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import CANDLES_DENSE, MARKETS, PMF_MINUTE, Partition
from warehouse.market.cities import CITIES

UNTIL, FITTED_DAYS, TUNED_DAYS = date(2026, 11, 4), 12, 60
WALL_S, RATIO, GRID_S, GRADIENT_S = 20.0, 20.0, 60.0, 10.0
BASELINE_DAYS = (("chicago", date(2026, 11, 1)), ("los_angeles", date(2026, 11, 2)))
WEIGHTS = WeightSet(
    city="all", fitted_utc=None, pool="log_linear", method="said", alphas=Alphas(0.4, 0.1, -1.0, 0.2), accepted=True,
    since=date.min, until=date.min, days=0, snapshot=0,
)  # fmt: skip
SAME = 1e-9


def run(*, days: int = 90) -> list[Measure]:
    """Measure the fusion of all days, and the fits on the last sixty."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "lake"
        _build(root, days)
        fused_s, rows = _fused(root, days)
        whole_s, done = best_of(1, lambda: fuse_days(FuseWish(weights=WEIGHTS, since=_first(days)), root))
        snapshot = done.built.snapshot
        baseline_s = _baseline(snapshot) * rows
        checks_s = sum(check.seconds for check in done.built.checks)
        return [
            Measure(
                name=f"fusing {rows:,} bracket-minutes, on every core", ours_s=fused_s, baseline_s=baseline_s,
                ratio=baseline_s / fused_s, target=f"<= {WALL_S:.0f} s and >= {RATIO:.0f} x",
                note=f"from the lake's files to files of pmf_minute; {rows / fused_s / 1e6:.2f} M rows/s",
                holds=fused_s <= WALL_S and baseline_s / fused_s >= RATIO,
            ),
            Measure(
                name="the same, lake to publish", ours_s=whole_s, baseline_s=baseline_s, ratio=baseline_s / whole_s,
                target=f">= {RATIO:.0f} x", note=f"{checks_s:.1f} s of it in checks, the start of processes included",
                holds=baseline_s / whole_s >= RATIO,
            ),
            *_fits(snapshot, days),
        ]  # fmt: skip


def _first(days: int) -> date:
    return UNTIL - timedelta(days=days - 1)


def _build(root: Path, days: int) -> None:
    """Build the lake with its weather."""
    build_demo(demo_world(days=days + FITTED_DAYS + 2, until=UNTIL, seed=7, books=False), root)
    fit_params(Walk(until=_first(days) - timedelta(days=2)), root)
    backfill(Wish(since=_first(days)), root)


def _fused(root: Path, days: int) -> tuple[float, int]:
    """Return the seconds in which all processes fuse all days, each its share, into files; and the rows written."""
    snapshot = Lake(root).snapshot()
    staging = Staging(snapshot.paths, "bench")
    places = [place for place in snapshot.partitions(PMF_MINUTE.name) if place.event_date >= _first(days)]
    tasks = [
        FuseTask(
            paths=snapshot.paths, snapshot=snapshot.number, staging=staging, city=place.city, market=MarketRecipe(),
            days=(FuseDay(event_date=place.event_date, weights=WEIGHTS, sha256="bench"),),
        )
        for place in places
    ]  # fmt: skip
    with process_pool(workers_wanted()) as pool:
        warm = [replace(task, staging=Staging(snapshot.paths, "warm")) for task in tasks[: 2 * workers_wanted()]]
        list(pool.map(fuse_task, warm))  # every process has started and imported
        seconds, results = best_of(1, lambda: list(pool.map(fuse_task, tasks)))
    for run_id in ("bench", "warm"):
        remove_tree(Staging(snapshot.paths, run_id).folder)
    return seconds, sum(one.entry.rows for _, staged in results for one in staged)


def _baseline(snapshot: Snapshot) -> float:
    """Return the seconds of a bracket-minute when one minute is fused after another, once its numbers are ours."""
    spent, rows = 0.0, 0
    for city, event_date in BASELINE_DAYS:
        frame = _frame(snapshot, Partition(city, event_date))
        began = time.perf_counter()
        said = plain_fusion(frame)
        spent += time.perf_counter() - began
        rows += len(frame)
        for name in ("p_mkt", "w_mkt", "p_fused_norm"):
            away = np.abs(said[name].to_numpy() - frame[f"{name}_ours"].to_numpy()).max()
            if not away <= SAME:
                raise AssertionError(f"{city} {event_date}: {name} differs by {away:.2g} from the baseline")
    return spent / rows


def _frame(snapshot: Snapshot, place: Partition) -> pd.DataFrame:
    """Return a city-day as pandas has it: quotes, the evaluations of the weather beside them, and our answer."""
    quotes = snapshot.read(CANDLES_DENSE, place).select(
        "market_ticker", "ts_utc", "yes_bid_ticks", "yes_ask_ticks", "last_price_ticks", "volume_20m_centi",
        "velocity_half_ticks", "quote_age_minutes", "high_f",
    )  # fmt: skip
    stored = snapshot.read(PMF_MINUTE, place)
    ours = stored.select(
        "market_ticker", "ts_utc", "p_wx", "hazard_next_60m", "m_run_lo_f",
        *(stored[name].alias(f"{name}_ours") for name in ("p_mkt", "w_mkt", "p_fused_norm")),
    )  # fmt: skip
    assert snapshot.read(MARKETS, place)["event_ticker"].n_unique() == 1
    return pd.DataFrame(quotes.join(ours, on=("market_ticker", "ts_utc")).to_dict(as_series=False))


def plain_fusion(frame: pd.DataFrame) -> pd.DataFrame:
    """Fuse a city-day as one would at first: the price of each row by its rule, then minute by minute."""
    frame = frame.sort_values(["market_ticker", "ts_utc"])
    steps = frame.groupby("ts_utc")["velocity_half_ticks"].apply(lambda v: ((v.fillna(0) / 200) ** 2).sum())
    volatility = np.sqrt(steps.rolling(20, min_periods=1).mean())
    fused = frame.groupby("ts_utc", group_keys=False).apply(lambda rows: _fuse_minute(rows, volatility))
    return fused.sort_index()


def _fuse_minute(rows: pd.DataFrame, volatility: pd.Series) -> pd.DataFrame:
    bid, ask = rows["yes_bid_ticks"].to_numpy(float), rows["yes_ask_ticks"].to_numpy(float)
    one_sided = (bid <= 0) | (ask >= 10_000)
    price = (bid + ask) / 20_000
    wide = np.abs(ask - bid) > np.where(one_sided, 1_000, 5_000)
    last = rows["last_price_ticks"].to_numpy(float)
    price = np.where(wide, np.clip(last, np.minimum(bid, ask), np.maximum(bid, ask)) / 10_000, price)
    empty = (bid <= 0) & (ask >= 10_000)
    price = np.where(empty | np.isnan(bid), np.nan, price)
    missing = np.isnan(price)
    if missing.any():
        left = max(1 - np.nansum(price), 0) / missing.sum()
        price = np.where(missing, max(left, 1e-4), price)
    exponent = brentq(lambda power: (price**power).sum() - 1, 1e-6, 1e3, xtol=1e-14)
    p_mkt = np.maximum(price**exponent, 1e-4)
    p_mkt = p_mkt / p_mkt.sum()
    ts_utc = rows.name
    hazard = np.nan_to_num(rows["hazard_next_60m"].iloc[0] if rows["hazard_next_60m"].iloc[0] is not None else 0.0)
    volume = rows["volume_20m_centi"].sum() / 100
    score = WEIGHTS.alphas.constant + WEIGHTS.alphas.volume * np.log1p(volume) + WEIGHTS.alphas.hazard * hazard
    weight = 1 / (1 + np.exp(-(score + WEIGHTS.alphas.volatility * volatility[ts_utc])))
    dead = rows["high_f"].to_numpy(float) < rows["m_run_lo_f"].to_numpy(float)
    sides = []
    for side in (p_mkt, rows["p_wx"].to_numpy(float)):
        kept = np.where(dead, 0.0, np.maximum(side, 1e-4))
        sides.append(kept / kept.sum())
    raw = sides[0] ** weight * sides[1] ** (1 - weight)
    return pd.DataFrame({"p_mkt": p_mkt, "w_mkt": weight, "p_fused_norm": raw / raw.sum()}, index=rows.index)


def _fits(snapshot: Snapshot, days: int) -> list[Measure]:
    """Time the grid and the gradient on sixty days of all cities; the gradient must not lose to the grid."""
    since = _first(min(days, TUNED_DAYS))
    labels = labels_of(snapshot)
    parts = []
    for city in CITIES:
        usable = usable_labels(labels, city=city, until=UNTIL, by_utc=datetime(2027, 1, 1, tzinfo=UTC))
        some = {day: label_f for day, label_f in usable.items() if day >= since}
        parts.append(sample_of_days(snapshot, city, some, MarketRecipe(), horizon="day"))
    sample = joined([part for part in parts if part is not None])
    spread = spread_of(sample)
    grid_s, grid = best_of(1, lambda: fit_grid("log_linear", sample))
    gradient_s, gradient = best_of(1, lambda: fit_gradient("log_linear", sample))
    lost = gradient.objective(sample, spread) - grid.objective(sample, spread)
    size = f"{len(sample):,} minutes of {len(sample.days)} dates"
    return [
        Measure(
            name=f"a grid of {len(points_of('log_linear'))} points", ours_s=grid_s, target=f"<= {GRID_S:.0f} s",
            note=size, holds=grid_s <= GRID_S,
        ),
        Measure(
            name="the gradient's minimum, compilation included", ours_s=gradient_s, baseline_s=grid_s,
            ratio=grid_s / gradient_s, target=f"<= {GRADIENT_S:.0f} s, no worse than the grid",
            note=f"{size}; objective {lost:+.2e} of the grid's best", holds=gradient_s <= GRADIENT_S and lost <= 1e-6,
        ),
    ]  # fmt: skip


def main() -> int:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=90)
    return report(run(days=parser.parse_args().days))


if __name__ == "__main__":
    sys.exit(main())
