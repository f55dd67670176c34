"""Memory over days that are lived: whole loops, event dates that open, settle and are forgotten, orders and all.

Run as `python tests/bench/bench_soak.py [--days 8] [--hours 24] [--city chicago] [--lake FOLDER]`. The loop lives a
demo world as fast as it goes, with orders at an exchange that is served by another process; after each day it prints
what this process holds: resident memory, threads, open files, objects, journals and logs on the disk. Memory must be
flat: after WARM_DAYS it grows by no more than MOST_MB_A_DAY, by the slope over all days that follow.

It looks once a minute in the last HOURS of each day of UTC, in which event dates close, open and settle; what lies
between is made up for at the next look. FOLDER keeps the lake that is fetched for it.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from kwx.live.quick import SETTINGS

os.environ.update(SETTINGS)

import numpy as np
from led_world import LedWorld, led_world
from measure import Measure, report

from kwx.exec.venue.executor import Executor
from kwx.exec.venue.kill import Kill
from kwx.live.demo_history import day_starts_utc, prepare, world_around
from kwx.live.exchange import Account, opened_account
from kwx.live.health.watch import memory_bytes
from kwx.live.living import Living
from kwx.live.looked import Looked
from kwx.live.opened import Setup, Wish, opened
from kwx.live.run import instants, live_through
from pipelines.ingest.loopback import hear
from warehouse.lake.store import Lake

FIRST = date(2026, 11, 5)
USUAL_DAYS, USUAL_HOURS, WARM_DAYS, MOST_MB_A_DAY = 8, 24, 2, 8.0
AFTER_MINUTE_S, HOURS_OF_A_DAY = 4.0, 24
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
_MB = 1024**2


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a process holds after a day."""

    at_utc: datetime
    memory_mb: float
    threads: int
    files: int
    objects: int
    journals_mb: float
    dates: int
    orders: int
    look_ms: float

    @classmethod
    def now(cls, living: Living, lake: Lake, *, orders: int, look_s: float) -> Held:
        """Look at this process."""
        gc.collect()
        return cls(
            at_utc=living.loop.desk.decided_utc, memory_mb=memory_bytes() / _MB, threads=threading.active_count(),
            files=len(os.listdir("/proc/self/fd")), objects=len(gc.get_objects()),
            journals_mb=_size(lake.paths.root / "live") / _MB, dates=len(living.loop.desk.days), orders=orders,
            look_ms=look_s * 1_000,
        )  # fmt: skip

    def __str__(self) -> str:
        return (
            f"{self.at_utc:%Y-%m-%d %H:%M}Z {self.memory_mb:7.1f} MB  {self.threads:2} threads {self.files:3} files"
            f" {self.objects:9,} objects  {self.dates} dates, {self.orders:6,} orders, {self.journals_mb:6.1f} MB of"
            f" journals and logs; a look {self.look_ms:.0f} ms"
        )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def run(
    *, days: int = USUAL_DAYS, hours: int = USUAL_HOURS, cities: tuple[str, ...] = ("chicago",),
    lake: Path | None = None,
) -> list[Measure]:  # fmt: skip
    """Live so many days and judge what the process holds after each."""
    with tempfile.TemporaryDirectory() as folder:
        held = _lived(lake or Path(folder) / "lake", cities, days, hours, Path(folder))
    warm = held[WARM_DAYS:] if len(held) > WARM_DAYS + 1 else held
    slope = float(np.polyfit(range(len(warm)), [one.memory_mb for one in warm], 1)[0])
    threads, files = ({getattr(one, name) for one in warm} for name in ("threads", "files"))
    return [
        Measure(
            name=f"memory by the day over {days} days", ours_s=sum(one.look_ms for one in held) / len(held) / 1_000,
            target=f"<= {MOST_MB_A_DAY:.0f} MB a day after {WARM_DAYS} days (ours: seconds of a look)",
            note=(
                f"{slope:+.1f} MB a day; {warm[0].memory_mb:.0f} to {warm[-1].memory_mb:.0f} MB; {max(threads)}"
                f" threads, {max(files)} files"
            ),
            holds=slope <= MOST_MB_A_DAY and max(threads) - min(threads) <= 1 and max(files) - min(files) <= 8,
        )
    ]  # fmt: skip


def _lived(lake_root: Path, cities: tuple[str, ...], days: int, hours: int, folder: Path) -> list[Held]:
    """Live the days; return what was held at the end of each."""
    world = world_around(FIRST, cities=cities, seed=7, efficiency=0.0, days=days)
    start_utc = day_starts_utc(FIRST)
    held: list[Held] = []
    with led_world(world, now=start_utc, folder=folder, trading=True) as served:
        prepare(world, FIRST, lake_root, entry=served.entry, clock=served, on_progress=_told)
        with _opened(lake_root, cities, served) as (living, executor):
            every = instants(start_utc, start_utc + days * DAY, after_minute_s=AFTER_MINUTE_S, every=MINUTE)
            looks = (at_utc for at_utc in every if at_utc.hour >= HOURS_OF_A_DAY - hours)
            counted = _Counted(living, executor, Lake(lake_root), held)
            live_through(living, looks, go_to=served.advance_to, on_look=counted.take)
            assert living.failures == 0, "no look fails"
        _require_same(executor, served)
    return held


@contextmanager
def _opened(lake_root: Path, cities: tuple[str, ...], served: LedWorld) -> Iterator[tuple[Living, Executor]]:
    entry, executors = served.entry, list[Executor]()
    said = {"trade": {"max_order_contracts": 20.0, "max_take_contracts": 10.0}}
    wish = Wish(mode="live", cities=cities, background=False, with_address=False, said=said)

    @contextmanager
    def opens(setup: Setup, kill: Kill) -> Iterator[Account]:
        with opened_account(Lake(lake_root), entry, setup.fields.venue, kill, clock=served) as account:
            executors.append(account.executor)
            yield account

    hello = replace(hear(entry), clock=served)
    with opened(wish, lake_root, entry=entry, hello=hello, account=opens) as living:
        yield living, executors[0]


@dataclass
class _Counted:
    """Looks at the process whenever a day is over."""

    living: Living
    executor: Executor
    lake: Lake
    held: list[Held]
    day: date | None = None
    looks: int = 0
    began_s: float = 0.0

    def take(self, looked: Looked) -> None:
        """Count a look; print what is held at the first one of a day."""
        today = looked.at_utc.date()
        if self.day is not None and today != self.day:
            look_s = (time.perf_counter() - self.began_s) / max(self.looks, 1)
            self.held.append(
                Held.now(self.living, self.lake, orders=len(self.executor.fills), look_s=look_s)
            )  # fmt: skip
            print(self.held[-1], flush=True)
        if today != self.day:
            self.day, self.looks, self.began_s = today, 0, time.perf_counter()
        self.looks += 1


def _require_same(executor: Executor, served: LedWorld) -> None:
    """Hold our journal against the exchange's own books."""
    account = served.account()
    assert executor.cash_micros == account["cash_micros"]
    assert {ticker: centi for ticker, centi in executor.positions_centi.items() if centi} == account["positions"]


def _told(done: int, total: int, what: str) -> None:
    if done in (0, total):
        print(f"{what} {done}/{total}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=USUAL_DAYS)
    parser.add_argument("--hours", type=int, default=USUAL_HOURS)
    parser.add_argument("--city", action="append", default=[])
    parser.add_argument("--lake", type=Path)
    asked = parser.parse_args()
    cities = tuple(asked.city) or ("chicago",)
    sys.exit(report(run(days=asked.days, hours=asked.hours, cities=cities, lake=asked.lake)))
