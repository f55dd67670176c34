"""A night on a lake of many days: its own work, its memory, and that neither grows with the days that lie in the lake.

Run as `python tests/bench/bench_nightly.py [--days 365] [--cities 7] [--lake DIR]`. The lake is a demo one without
order books, evaluated, fused and scored up to the eve of its last date. Measured is the night of that date, one process
for each core. The baseline evaluates and fuses all dates from nothing, as one does who does not know what is new, on a
lake of `--small` days; both have to come to the same minutes. A lake in --lake is built where it is not, and kept.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import psutil
from measure import Measure, best_of, report

from kwx.fuse.run import FuseWish, fuse_days
from kwx.hazard.backfill import backfill
from kwx.hazard.fit.walk import Walk, fit_params
from kwx.hazard.plan import Wish
from kwx.nightly.calendar import night_utc
from kwx.nightly.night import Night
from kwx.nightly.plan import Asked
from kwx.nightly.run import NightRun, run_night, the_night
from kwx.nightly.source import source_of
from pipelines.build import build_demo, demo_world
from warehouse.lake.store import Lake
from warehouse.lake.tables import PMF_DEGREES, PMF_MINUTE
from warehouse.lake.writer import write
from warehouse.market.cities import CITIES

UNTIL = date(2026, 11, 4)
EVE = UNTIL - timedelta(days=1)
FITTED_DAYS = 10
WALL_S, MEMORY_GB, GROWTH = 300.0, 4.0, 1.5
P, TOLERANCE = ("p_wx", "p_mkt", "p_fused"), 1e-6
OWN = Asked(skip=("models",))
"""What is fitted by schedule has benchmarks of its own."""


def run(*, days: int = 32, cities: int = 2, small: int = 16, lake: Path | None = None) -> list[Measure]:
    """Measure the night of a long lake, that of a short one, and the short one made from nothing."""
    keys = tuple(CITIES)[:cities]
    with tempfile.TemporaryDirectory() as folder:
        long, short = lake or Path(folder) / "long", Path(folder) / "short"
        for root, length in ((long, days), (short, small)):
            prepare(root, keys, length)
        bare = bare_copy(short, Path(folder) / "bare")
        tonight = shutil.copytree(long, Path(folder) / "tonight", symlinks=True)
        long_s, peak_gb, ended = night(tonight, keys)
        short_s, _, _ = night(short, keys)
        whole_s, _ = best_of(1, lambda: from_nothing(bare))
        require_same(short, bare)
    steps = ", ".join(f"{one.name} {one.seconds:.1f}" for one in ended.outcomes if one.seconds > 0.5)
    return [
        Measure(
            name=f"a night of {cities} cities, {days} days in the lake", ours_s=long_s,
            target=f"<= {WALL_S:.0f} s and <= {MEMORY_GB:.0f} GB on two idle cores",
            note=f"{peak_gb:.2f} GB over all processes; {steps} s", holds=long_s <= WALL_S and peak_gb <= MEMORY_GB,
        ),
        Measure(
            name=f"the same of {small} days against all of them from nothing", ours_s=short_s, baseline_s=whole_s,
            ratio=whole_s / short_s, target="the same minutes, made of the same, to 1e-6", holds=True,
        ),
        Measure(
            name=f"a night with {days} days in the lake to one with {small}", ours_s=long_s, baseline_s=short_s,
            ratio=long_s / short_s, target=f"<= {GROWTH}: it does not grow with the lake",
            holds=long_s / short_s <= GROWTH,
        ),
    ]  # fmt: skip


def prepare(root: Path, keys: tuple[str, ...], days: int) -> None:
    """Make a lake that is evaluated, fused and told up to the eve of its last date."""
    if (root / "nightly" / "latest").exists():
        return
    build_demo(demo_world(days=days, until=UNTIL, cities=keys, seed=7, books=False), root)
    fitted = UNTIL - timedelta(days=days - FITTED_DAYS)
    fit_params(Walk(cities=keys, until=fitted), root, clock=lambda: night_utc(source_of(Lake(root)), fitted, keys))
    backfill(Wish(cities=keys, until=EVE), root)
    fuse_days(FuseWish(cities=keys, until=EVE), root)
    run_night(a_night(root, keys, EVE), OWN)


def a_night(root: Path, keys: tuple[str, ...], event_date: date) -> Night:
    """Return the night of a date that fits nothing: the law of the first days holds."""
    never = {"refit": {"hazard_days": None, "fusion_days": None}, "late_days": 3, "ahead_days": 0}
    return the_night(
        root, source=source_of(Lake(root)), event_date=event_date, cities=keys, models=root.parent / "models",
        said=never,
    )  # fmt: skip


def night(root: Path, keys: tuple[str, ...]) -> tuple[float, float, NightRun]:
    """Return how long the night of the last date takes, how much memory it holds, and what it came to."""
    with _watched() as peak:
        seconds, ended = best_of(1, lambda: run_night(a_night(root, keys, UNTIL), OWN))
    if ended.exit_code:
        raise AssertionError(f"the night failed: {ended.report['lines']}")
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
    """Require that both lakes hold the same, made of the same; days that are run with others differ in last digits."""
    ours, theirs = (_computed(root) for root in (one, other))
    if not ours.drop(P).equals(theirs.drop(P)):
        raise AssertionError("both lakes do not hold the same minutes, made of the same")
    for name in P:
        apart = (ours[name] - theirs[name]).abs().max()
        if ours[name].null_count() != theirs[name].null_count() or apart > TOLERANCE:
            raise AssertionError(f"{name} lies {apart} apart")


def _computed(root: Path) -> pl.DataFrame:
    """Return the probabilities of every minute, with what the weather of their day was made of."""
    snapshot, keys = Lake(root).snapshot(), ("city", "event_date")
    made = snapshot.scan(PMF_DEGREES).select(*keys, "inputs_sha256").unique()
    minutes = snapshot.scan(PMF_MINUTE).select(*keys, "market_ticker", "ts_utc", *P)
    return minutes.join(made, on=keys, how="left").sort("market_ticker", "ts_utc").collect()


@contextmanager
def _watched() -> Iterator[list[float]]:
    """Collect how much memory this process and its children hold, in GB."""
    held, over, me = [0.0], threading.Event(), psutil.Process()

    def watch() -> None:
        while not over.wait(0.1):
            held.append(sum(map(_resident, [me, *me.children(recursive=True)])) / 1e9)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield held
    finally:
        over.set()
        watcher.join()


def _resident(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss)
    except psutil.Error:
        return 0.0


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
