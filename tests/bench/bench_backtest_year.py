"""A year of every city from Parquet to what it came to: wall time, memory, and where the time goes.

Run as `python tests/bench/bench_backtest_year.py [--days 365] [--lake FOLDER]`. The lake is a demo one of all cities
without order books, its weather fitted on the first 30 days and run and fused at a stated share on the others; with
--lake it is kept and used again. The run is what `kwx backtest --no-keep --no-sensitivity` does, money held against
its laws included; keeping it in the lake is timed apart. The baseline is the plain loop of bench_backtest over as many
rows, which only decides and fills: it reads nothing and accounts for nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

from bench_backtest import LOOPED_DATES, dates_of, looped, made_bars
from measure import Measure, best_of, peak_memory_gb, report

from kwx.backtest.run import Outcome, Wish, backtest
from kwx.exec.rules import Fill
from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.run import FuseWish, fuse_days
from kwx.fuse.weights import said_weight
from kwx.hazard.backfill import backfill
from kwx.hazard.fit.walk import Walk, fit_params
from kwx.hazard.plan import Wish as HazardWish
from pipelines.build import build_demo, demo_world

UNTIL = date(2026, 11, 4)
FITTED_DAYS = 30
WALL_S, MEMORY_GB, YEAR_DAYS = 60.0, 4.0, 365


def run(*, days: int = YEAR_DAYS, lake: Path | None = None) -> list[Measure]:
    """Measure a year of all cities."""
    part = dates_of(made_bars(LOOPED_DATES), slice(0, LOOPED_DATES))
    loop_s, _ = best_of(1, lambda: looped(part))
    with ExitStack() as stack:
        root = lake or Path(stack.enter_context(tempfile.TemporaryDirectory())) / "lake"
        since = UNTIL - timedelta(days=days - 1)
        if not root.exists():
            build(root, since)
        ours_s, outcome = best_of(1, lambda: told(root, since, keep=False))
        memory = peak_memory_gb()
        began = time.perf_counter()
        told(root, since, keep=True)
        kept_s = time.perf_counter() - began
    rows, cost = outcome.bars, outcome.measured.metrics
    whole_s = loop_s * rows / part.minutes.open.size
    limit_s = WALL_S * days / YEAR_DAYS
    return [
        Measure(
            name=f"{days} days of {len(outcome.asked.cities)} cities, {rows:,} bars", ours_s=ours_s,
            baseline_s=whole_s, ratio=whole_s / ours_s, target=f"<= {limit_s:.0f} s and <= {MEMORY_GB:.0f} GB",
            note=f"{rows / ours_s / 1e6:.2f} M bars/s from Parquet; {memory:.2f} GB; {cost.maker.fills:,} resting,"
            f" {cost.taker.fills:,} taking; kept in the lake it takes {kept_s:.1f} s",
            holds=ours_s <= limit_s and memory <= MEMORY_GB and cost.maker.fills > 100,
        )
    ]  # fmt: skip


def told(root: Path, since: date, *, keep: bool) -> Outcome:
    """Run the fused strategy over the days."""
    wish = Wish(strategy="fused", fill=Fill.A, since=since, until=UNTIL, keep=keep, with_sensitivity=False)
    return backtest(wish, root)


def build(root: Path, since: date) -> None:
    """Build a lake whose days from `since` on are fused."""
    first = since - timedelta(days=FITTED_DAYS + 2)
    build_demo(demo_world(since=first, until=UNTIL, seed=7, books=False), root)
    fit_params(Walk(until=first + timedelta(days=FITTED_DAYS - 1)), root)
    backfill(HazardWish(since=since), root)
    weights = said_weight(0.7, pool="log_linear", market=MarketRecipe())
    fuse_days(FuseWish(since=since, weights=weights), root)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=YEAR_DAYS)
    parser.add_argument("--lake", type=Path)
    asked = parser.parse_args()
    sys.exit(report(run(days=asked.days, lake=asked.lake)))
