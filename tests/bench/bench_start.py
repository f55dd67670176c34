"""From the start of a process to its first signal: `kwx shadow` of seven cities against a served demo world.

Run as `python tests/bench/bench_start.py [--lake FOLDER] [--city chicago]`. The first start compiles what is not in the
compilation cache yet and is not counted; of the others the best is. A signal counts once it is in the spool, on the
disk. FOLDER keeps the lake that is fetched for it, ten days of every city.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from led_world import led_world
from measure import Measure, report

from kwx.live.demo_history import day_starts_utc, prepare, world_around
from warehouse.market.cities import CITIES

FIRST = date(2026, 11, 5)
BOTH_OPEN = datetime(2026, 11, 5, 18, 0, 20, tzinfo=UTC)
START_S, STARTS, PATIENCE_S = 20.0, 3, 600.0
NO_DATABASE = "postgresql://kwx@127.0.0.1:1/kwx?connect_timeout=1"
"""Nobody answers there: signals wait in the spool."""


def run(*, lake: Path | None = None, cities: tuple[str, ...] = tuple(CITIES)) -> list[Measure]:
    """Start a few times; the first start warms the cache."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        root = lake or folder / "lake"
        world = world_around(FIRST, cities=cities, seed=7, efficiency=0.0)
        with led_world(world, now=day_starts_utc(FIRST), folder=folder, trading=False) as served:
            prepare(world, FIRST, root, entry=served.entry, clock=served, on_progress=_told)
        took = []
        for _ in range(1 + STARTS):
            with led_world(world, now=BOTH_OPEN, folder=folder, trading=False, speed=1.0) as served:
                took.append(_started(served.url, root, cities))
    wall_s, cpu_s = min(took[1:])
    return [
        Measure(
            name=f"start to the first signal, {len(cities)} cities", ours_s=wall_s, target=f"<= {START_S:.0f} s",
            note=f"{cpu_s:.1f} s of the processor; the start before any was compiled: {took[0][0]:.1f} s",
            holds=wall_s <= START_S,
        )
    ]  # fmt: skip


def _started(url: str, root: Path, cities: tuple[str, ...]) -> tuple[float, float]:
    """Start the command as a person does; return seconds until a signal is on the disk, and those of the processor."""
    for name in ("live", "signals"):
        shutil.rmtree(root / name, ignore_errors=True)
    command = [sys.executable, "-m", "kwx", "shadow", "--server", url, "--lake", str(root), "--dsn", NO_DATABASE]
    began_s = time.perf_counter()
    process = subprocess.Popen(
        [*command, *(f"--city={city}" for city in cities)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    try:
        while not any(path.stat().st_size for path in root.glob("signals/*.spool")):
            if process.poll() is not None:
                raise AssertionError(f"it ended: {process.communicate()[1]}")
            assert time.perf_counter() - began_s < PATIENCE_S, "no signal came"
            time.sleep(0.02)
        return time.perf_counter() - began_s, _cpu_s(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)


def _cpu_s(pid: int) -> float:
    """Return what a process has used of the processor so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _told(done: int, total: int, what: str) -> None:
    if done in (0, total):
        print(f"{what} {done}/{total}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--lake", type=Path)
    parser.add_argument("--city", action="append", default=[])
    asked = parser.parse_args()
    sys.exit(report(run(lake=asked.lake, cities=tuple(asked.city) or tuple(CITIES))))
