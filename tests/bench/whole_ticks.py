"""Whole ticks of the loop over a led world: everything that a tick does but waiting for a vendor.

Feeds are asked within the tick, one after the other, so that what the parsers do is measured too; a loop that runs has
them in threads of their own. What a vendor takes to answer, and the client to carry it, is taken out of every clock.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from led_world import LedWorld, led_world

from kwx.live.brain import Brain
from kwx.live.desk import Desk
from kwx.live.garbage import what_stays_is_spared
from kwx.live.health.watch import Watch
from kwx.live.journal.journal import Journal
from kwx.live.living import Living
from kwx.live.loop import Loop
from kwx.live.opened import Wish, set_up
from kwx.live.paper import Paper
from kwx.live.sink.sink import Sink, open_sink
from kwx.live.tables import LiveTables
from kwx.live.ticks import Tick
from pipelines.archive import RawArchive
from pipelines.build import demo_world
from pipelines.calls import Call
from pipelines.http import Client
from pipelines.ingest.loopback import hear
from pipelines.live.arrivals import Top
from pipelines.live.asking import Asking
from pipelines.live.feeds import Feeds, Polled, feeds_over
from pipelines.live.settings import FeedSettings
from pipelines.payload import Payload
from tests.kwx.live.brain.known import CONFIGURATION, brain_of, known_at
from tests.kwx.live.learned_lake import DAYS, TOMORROW, Learned
from warehouse.lake.fetched import FetchLedger
from warehouse.lake.present import Present
from warehouse.lake.store import Lake
from warehouse.lake.tables import MARKETS

MINUTE = timedelta(minutes=1)
SEED = 23
NO_DATABASE = "postgresql://kwx@127.0.0.1:1/kwx?connect_timeout=1"
"""Nobody answers there: signals wait in the spool, on the disk."""


@dataclass
class Vendors:
    """Who is asked, and how long that took by the wall and by the processor: it is nobody's work here."""

    client: Client
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def pages(self, call: Call) -> Iterator[Payload]:
        """Ask, whole, before anything is read of the answer."""
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        try:
            pages = list(self.client.pages(call))
        finally:
            self.wall_s += time.perf_counter() - wall_s
            self.cpu_s += time.process_time() - cpu_s
        return iter(pages)

    def own_wall_s(self) -> float:
        """Return a wall clock that stands while somebody is asked."""
        return time.perf_counter() - self.wall_s

    def own_cpu_s(self) -> float:
        """Return such a clock of the processor: all threads of this process."""
        return time.process_time() - self.cpu_s


@dataclass
class ReadFeeds:
    """Feeds, and how long reading their answers took by the processor: parsers, beside whom the loop itself waits."""

    feeds: Feeds
    vendors: Vendors
    read_s: float = 0.0

    def poll(self, now_utc: datetime) -> Polled:
        """Ask and read."""
        began_s = self.vendors.own_cpu_s()
        polled = self.feeds.poll(now_utc)
        self.read_s = self.vendors.own_cpu_s() - began_s
        return polled

    def shown(self, now_utc: datetime) -> tuple[datetime, dict[str, Top]]:
        """Return it, and until when."""
        return self.feeds.shown(now_utc)

    def stir(self) -> None:
        """Nobody waits for books."""


@dataclass(frozen=True, kw_only=True)
class Took:
    """How long one look took, in seconds; stages by the processor."""

    wall_s: float
    cpu_s: float
    stages: dict[str, float]
    minutes: int


@dataclass(kw_only=True)
class Ticking:
    """A loop in a led world."""

    living: Living
    feeds: ReadFeeds
    vendors: Vendors
    world: LedWorld
    looks: int = 0

    def look(self, at_utc: datetime) -> Took:
        """Look at an instant; measure all of it."""
        self.world.advance_to(at_utc)
        wall_s, cpu_s = self.vendors.own_wall_s(), self.vendors.own_cpu_s()
        looked = self.living.look(Tick(number=self.looks, late_s=0.0, missed=0))
        took_wall_s, took_cpu_s = self.vendors.own_wall_s() - wall_s, self.vendors.own_cpu_s() - cpu_s
        self.looks += 1
        if looked is None:
            raise AssertionError("a look failed: see the log")
        stages = dict(looked.seconds)
        stages["tell"] = took_cpu_s - sum(stages.values())
        stages["take_in"] -= self.feeds.read_s
        stages["read"] = self.feeds.read_s
        return Took(wall_s=took_wall_s, cpu_s=took_cpu_s, stages=stages, minutes=len(looked.minutes))


@contextmanager
def ticking(learned: Learned, strategy: str, begins_utc: datetime) -> Iterator[Ticking]:
    """Put a loop together over the world of a learned lake, from an instant on; everything it takes is warm."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        world = demo_world(days=DAYS, until=TOMORROW, cities=learned.cities, seed=SEED, books=False)
        served = stack.enter_context(led_world(world, now=begins_utc, folder=folder, trading=False))
        archive = stack.enter_context(RawArchive(folder=folder / "raw", run_id="bench", clock=served))
        entry = served.entry
        vendors = Vendors(
            stack.enter_context(Client(vendors=entry.vendors, secrets=entry.secrets, archive=archive, clock=served))
        )
        present = known_at(learned.snapshot, begins_utc, cities=learned.cities)
        feeds = ReadFeeds(_feeds(learned, present, vendors, served, folder), vendors)
        stack.callback(feeds.feeds.close)
        brain = brain_of(learned, present, strategy)
        living = _living(learned, strategy, present, feeds, brain, vendors, served, folder, stack)
        yield Ticking(living=living, feeds=feeds, vendors=vendors, world=served)


def _feeds(learned: Learned, present: Present, vendors: Vendors, served: LedWorld, folder: Path) -> Feeds:
    scratch = Lake(folder / "lake")
    asking = Asking(asker=vendors, ledger=FetchLedger(scratch.paths.fetched), raw=folder / "raw", clock=served)
    known = present.scan(MARKETS, cities=learned.cities, since=TOMORROW - timedelta(days=2)).collect()
    return feeds_over(
        served.entry, scratch, asking, cities=learned.cities, settings=FeedSettings(books=False), markets=known,
        hello=hear(served.entry), background=False,
    )  # fmt: skip


def _living(
    learned: Learned, strategy: str, present: Present, feeds: ReadFeeds, brain: Brain, vendors: Vendors,
    served: LedWorld, folder: Path, stack: ExitStack,
) -> Living:  # fmt: skip
    setup = set_up(
        Wish(cities=learned.cities, strategy=strategy, configuration=CONFIGURATION), learned.snapshot
    )  # fmt: skip
    sink: Sink = stack.enter_context(open_sink(NO_DATABASE, folder / "signals", clock=served, patience_s=0.0))
    journal = Journal(folder / "journal")
    stack.callback(journal.close)
    watch = stack.enter_context(
        Watch(path=folder / "live" / "health.json", clock=served, every_s=0.0, with_address=False)
    )
    brain.warm(served.now_utc)
    stack.enter_context(what_stays_is_spared())
    loop = Loop(
        feeds=feeds,  # type: ignore[arg-type]
        tables=LiveTables(present), present=present, brain=brain,
        desk=Desk(trader=Paper(), journal=journal, decided_utc=served.now_utc),
        sink=sink, settings=setup.fields, origins=setup.origins, clock=served, stopwatch=vendors.own_cpu_s,
    )  # fmt: skip
    return Living(
        loop=loop, watch=watch, mode="paper", bankroll_dollars=1_000.0, started_utc=served.now_utc
    )  # fmt: skip


def instants_of_minutes(begins_utc: datetime, minutes: int, seconds: tuple[int, ...]) -> Iterator[datetime]:
    """Yield some instants of each of the minutes that follow."""
    for minute in range(1, minutes + 1):
        for second in seconds:
            yield begins_utc + minute * MINUTE + timedelta(seconds=second)
