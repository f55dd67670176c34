"""From a message of the stream to a decision about the order under it: the loop as it runs, threads and all.

Run as `python tests/bench/bench_between.py [--seconds 300] [--lake FOLDER]`. A demo world with an exchange is served by
another process, SPEED times as fast as a clock; the loop trades in it, its feeds in their threads, the books from the
stream. Each book that moves under an order of ours is timed from the receipt of its message to the end of the step that
was asked again, by the loop's own clock; looks that were under way meanwhile are part of it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from led_world import LedWorld, led_world
from measure import Measure, report

from kwx.config.file import DEFAULT_FILE, load_config
from kwx.exec.venue.kill import Kill
from kwx.live.between import Between
from kwx.live.demo_history import day_starts_utc, prepare, world_around
from kwx.live.exchange import Account, opened_account
from kwx.live.opened import Setup, Wish, opened
from kwx.live.run import live_on
from pipelines.ingest.loopback import hear
from warehouse.clock import Clock
from warehouse.lake.store import Lake
from warehouse.market.cities import CITIES

FIRST, BEGINS = date(2026, 11, 5), timedelta(hours=28)
_ALL = tuple(CITIES)
SPEED, USUAL_SECONDS, BOOK_S, LEAST = 4.0, 300.0, 0.010, 20


def run(*, seconds: float = USUAL_SECONDS, lake: Path | None = None) -> list[Measure]:
    """Trade for so long, and judge how soon books that moved were decided on."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        root = lake or folder / "lake"
        world = world_around(FIRST, cities=_ALL, seed=7, efficiency=0.0)
        start_utc = day_starts_utc(FIRST)
        with led_world(world, now=start_utc, folder=folder, trading=False) as served:
            prepare(world, FIRST, root, entry=served.entry, clock=served, on_progress=lambda done, total, what: None)
        found: list[Between] = []
        with led_world(world, now=start_utc + BEGINS, folder=folder, trading=True, speed=SPEED) as served:
            _traded(root, folder, served, seconds, found)
    assert len(found) >= LEAST, f"only {len(found)} books moved under an order: let it run longer"
    took, waited = (np.array([getattr(one, name) for one in found]) / SPEED for name in ("took_s", "waited_s"))
    own = took - waited
    p50, p99 = np.percentile(took, [50, 99])
    own50, own99 = np.percentile(own, [50, 99])
    withdrawn = sum(len(one.outcomes) for one in found)
    return [
        Measure(
            name="book update to decision, 99th percentile", ours_s=float(p99), target=f"<= {BOOK_S * 1e3:.0f} ms",
            note=(
                f"median {p50 * 1e3:.1f} ms, most {took.max() * 1e3:.0f} ms; once the loop came to it median"
                f" {own50 * 1e3:.1f} ms, 99th {own99 * 1e3:.1f} ms; {len(took)} times, {withdrawn} orders taken out"
            ),
            holds=p99 <= BOOK_S,
        )
    ]  # fmt: skip


def _traded(root: Path, folder: Path, served: LedWorld, seconds: float, found: list[Between]) -> None:
    """Let the loop trade for so long, as `kwx live` does."""
    entry, hello = served.entry, hear(served.entry)
    quick = folder / "quick.yaml"
    quick.write_text(DEFAULT_FILE.read_text().replace("tick_seconds: 9", f"tick_seconds: {9 / SPEED}"))
    said = {"trade": {"max_order_contracts": 20.0, "max_take_contracts": 10.0}}
    wish = Wish(mode="live", cities=_ALL, with_address=False, said=said, configuration=load_config(quick))

    @contextmanager
    def opens(setup: Setup, kill: Kill) -> Iterator[Account]:
        clock: Clock = hello.clock
        with opened_account(Lake(root), entry, setup.fields.venue, kill, clock=clock) as account:
            yield account

    with opened(wish, root, entry=entry, hello=hello, account=opens) as living:
        looks = live_on(living, seconds=seconds, on_between=found.append)
        assert looks
        assert not living.failures


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=USUAL_SECONDS)
    parser.add_argument("--lake", type=Path)
    asked = parser.parse_args()
    sys.exit(report(run(seconds=asked.seconds, lake=asked.lake)))
