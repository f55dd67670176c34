"""A night on a lake of many days: its own work, its memory, and that neither grows with the days that lie in the lake.

Run as `python tests/bench/bench_nightly.py [--days 365] [--cities 7] [--lake DIR]`. The lake is a demo one without
order books, evaluated, fused and scored up to the eve of its last date, with a promoted elastic net for each city.
Measured is the night of that date, one process for each core: by itself, and with every fit due. Nobody is asked for
new data: bench_ingest measures that. The baseline evaluates and fuses all dates from nothing, as one does who does not
know what is new, on a lake of `--small` days; both have to come to the same minutes. A lake in --lake is built where it
is not, and kept as it is: each night is one of a copy.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import polars as pl
from drawing import drawn
from measure import Measure, best_of, report
from memory import watched

from kwx.config.file import load_config
from kwx.fuse.run import FuseWish, fuse_days
from kwx.hazard.backfill import backfill
from kwx.hazard.fit.walk import Walk, fit_params
from kwx.hazard.plan import Wish
from kwx.models.registry.promotion import Choice, promote
from kwx.models.registry.told import tell_promotions
from kwx.models.training.asked import elasticnet_series
from kwx.models.training.run import train
from kwx.nightly.calendar import night_utc
from kwx.nightly.night import Night
from kwx.nightly.run import NightRun, run_night, the_night
from kwx.nightly.source import source_of
from kwx.nightly.step import State
from kwx.nightly.steps.models import window_of
from pipelines.build import build_demo, demo_world
from warehouse.lake.store import Lake
from warehouse.lake.tables import PMF_DEGREES, PMF_MINUTE, PREDICTIONS, Partition
from warehouse.lake.writer import write
from warehouse.market.cities import CITIES

UNTIL = date(2026, 11, 4)
EVE = UNTIL - timedelta(days=1)
FITTED_DAYS = 10
WALL_S, MEMORY_GB, GROWTH = 300.0, 4.0, 1.5
P = ("p_wx", "p_mkt", "p_fused")
TOLERANCE = 1e-4
"""The engine lays one grid for all days that it runs together: another set of days moves a chance by 1e-5."""
MADE = ("hazard", "fusion")
"""The steps that make what the baseline makes."""
LEAST_RATIO = 2.0
NEVER = {"hazard_days": None, "fusion_days": None, "models_days": None}
DAILY = {"hazard_days": 1, "fusion_days": 1, "models_days": 1}
FIT = {"trials": 2, "cv_splits": 2, "every_minutes": 60}
MODEL_DAYS, SERVED_DAYS = 6, 7


def run(*, days: int = 32, cities: int = 2, small: int = 16, lake: Path | None = None) -> list[Measure]:
    """Measure the night of a long lake, that of a short one, and the short one made from nothing."""
    keys = tuple(CITIES)[:cities]
    with tempfile.TemporaryDirectory() as folder:
        long, short = lake or Path(folder) / "long", Path(folder) / "short"
        for root, length in ((long, days), (short, small)):
            prepare(root, keys, length)
        bare = bare_copy(short, Path(folder) / "bare")
        long_s, peak_gb, ended = night(a_copy(long, Path(folder) / "own"), keys, NEVER)
        fits_s, fits_gb, fitted = night(a_copy(long, Path(folder) / "fits"), keys, DAILY)
        tonight = a_copy(short, Path(folder) / "tonight")
        short_s, _, told = night(tonight, keys, NEVER)
        whole_s, _ = best_of(1, lambda: from_nothing(bare))
        require_same(tonight, bare)
        pages = drawn("the report", tonight / "nightly" / "latest" / "report.html", Path(folder) / "browser")
    made_s = sum(one.seconds for one in told.outcomes if one.name in MADE)
    return [
        Measure(
            name=f"a night of {cities} cities, {days} days in the lake", ours_s=long_s,
            target=f"<= {WALL_S:.0f} s and <= {MEMORY_GB:.0f} GB on two idle cores",
            note=f"{peak_gb:.2f} GB over all processes; {_steps(ended)} s",
            holds=long_s <= WALL_S and peak_gb <= MEMORY_GB,
        ),
        Measure(
            name="the same with every fit due", ours_s=fits_s, target=f"<= {MEMORY_GB:.0f} GB",
            note=f"{fits_gb:.2f} GB over all processes; {_steps(fitted)} s", holds=fits_gb <= MEMORY_GB,
        ),
        Measure(
            name=f"its {' and '.join(MADE)} of {small} days to all of them from nothing", ours_s=made_s,
            baseline_s=whole_s, ratio=whole_s / made_s,
            target=f">= {LEAST_RATIO} x, and the same minutes, made of the same, to {TOLERANCE:g}",
            holds=whole_s / made_s >= LEAST_RATIO,
        ),
        Measure(
            name=f"a night with {days} days in the lake to one with {small}", ours_s=long_s, baseline_s=short_s,
            ratio=long_s / short_s, target=f"<= {GROWTH}: it does not grow with the lake",
            holds=long_s / short_s <= GROWTH,
        ),
        *pages,
    ]  # fmt: skip


def _steps(ended: NightRun) -> str:
    return ", ".join(f"{one.name} {one.seconds:.1f}" for one in ended.outcomes if one.seconds > 0.5)


def models_of(root: Path) -> Path:
    """Return where the models of a lake lie: beside it."""
    return root.with_name(f"{root.name}-models")


def a_copy(root: Path, target: Path) -> Path:
    """Return a copy of a lake and of its models, as it was before any night of its last date."""
    shutil.copytree(models_of(root), models_of(target), symlinks=True)
    return shutil.copytree(root, target, symlinks=True)


def prepare(root: Path, keys: tuple[str, ...], days: int) -> None:
    """Make a lake that is evaluated, fused and told up to the eve of its last date."""
    if (root / "nightly" / "latest").exists() and models_of(root).exists():
        return
    build_demo(demo_world(days=days, until=UNTIL, cities=keys, seed=7, books=False), root)
    fitted = UNTIL - timedelta(days=days - FITTED_DAYS)
    fit_params(Walk(cities=keys, until=fitted), root, clock=lambda: night_utc(source_of(Lake(root)), fitted, keys))
    backfill(Wish(cities=keys, until=EVE), root)
    fuse_days(FuseWish(cities=keys, until=EVE), root)
    promoted(root, keys)
    run_night(a_night(root, keys, EVE, NEVER))


def promoted(root: Path, keys: tuple[str, ...]) -> None:
    """Fit a small elastic net for each city and promote it; what it says of the last date is left to the night."""
    window = window_of(EVE - timedelta(days=1), train_days=MODEL_DAYS, serve_days=SERVED_DAYS)
    series = elasticnet_series(load_config(None), cities=keys, brackets=("between",), profile=None, said=FIT)
    lake, clock = Lake(root), partial(night_utc, source_of(Lake(root)), EVE, keys)
    train([replace(one, window=window) for one in series], root, models_of(root), clock=clock)
    promote(Choice(), models_of(root), reason="measured, not used", clock=clock)
    tell_promotions(lake, models_of(root), clock=clock)
    with write(lake, purpose="bench") as writer:
        for key in keys:
            writer.drop(PREDICTIONS, Partition(key, UNTIL))
        writer.publish()


def a_night(root: Path, keys: tuple[str, ...], event_date: date, refit: Mapping[str, int | None]) -> Night:
    """Return the night of a date; the world ends with its last one, so nothing lies ahead of that."""
    return the_night(
        root, source=source_of(Lake(root)), event_date=event_date, cities=keys, models=models_of(root),
        said={"refit": dict(refit), "late_days": 3, "ahead_days": 0},
    )  # fmt: skip


def night(
    root: Path, keys: tuple[str, ...], refit: Mapping[str, int | None]
) -> tuple[float, float, NightRun]:  # fmt: skip
    """Return how long the night of the last date takes, how much memory it holds, and what it came to."""
    with watched() as peak:
        seconds, ended = best_of(1, lambda: run_night(a_night(root, keys, UNTIL, refit)))
    if ended.exit_code:
        raise AssertionError(f"the night failed: {ended.report['lines']}")
    done = {one.name for one in ended.outcomes if one.state is State.DONE}
    if not done >= {*MADE, "predictions", "scores"}:
        raise AssertionError(f"the night did only {', '.join(sorted(done))}")
    return seconds, max(peak), ended


def bare_copy(root: Path, target: Path) -> Path:
    """Return a lake with the same raw data and law, of which nothing is evaluated yet."""
    shutil.copytree(root, target, symlinks=True)
    with write(Lake(target), purpose="bench") as writer:
        for table in (PMF_DEGREES, PMF_MINUTE):
            for place in Lake(target).snapshot().partitions(table.name):
                writer.drop(table, place)
        writer.publish()
    return target


def from_nothing(root: Path) -> None:
    """Evaluate and fuse every date."""
    backfill(Wish(until=UNTIL), root)
    fuse_days(FuseWish(until=UNTIL), root)


def require_same(one: Path, other: Path) -> None:
    """Require that both lakes hold the same, made of the same; days that are run with others differ by a little."""
    ours, theirs = (_computed(root) for root in (one, other))
    if not ours.drop(P).equals(theirs.drop(P)):
        raise AssertionError("both lakes do not hold the same minutes, made of the same")
    for name in P:
        apart = (ours[name] - theirs[name]).abs().fill_null(0.0).max()
        if ours[name].null_count() != theirs[name].null_count() or apart > TOLERANCE:
            raise AssertionError(f"{name} lies {apart} apart")


def _computed(root: Path) -> pl.DataFrame:
    """Return the probabilities of every minute, with what the weather of their day was made of."""
    snapshot, keys = Lake(root).snapshot(), ("city", "event_date")
    made = snapshot.scan(PMF_DEGREES).select(*keys, "inputs_sha256").unique()
    minutes = snapshot.scan(PMF_MINUTE).select(*keys, "market_ticker", "ts_utc", *P)
    return minutes.join(made, on=keys, how="left").sort("market_ticker", "ts_utc").collect()


def main() -> int:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=32)
    parser.add_argument("--cities", type=int, default=2)
    parser.add_argument("--small", type=int, default=16)
    parser.add_argument("--lake", type=Path)
    asked = parser.parse_args()
    return report(run(days=asked.days, cities=asked.cities, small=asked.small, lake=asked.lake))


if __name__ == "__main__":
    sys.exit(main())
