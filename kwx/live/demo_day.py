"""A whole event day of the demo world, lived as fast as it goes, at an exchange on this machine that takes orders.

No keys, no network beyond 127.0.0.1: the world's vendors are served over HTTP, a lake is made of what they told of the
days before, and the loop lives the day through the same clients, parsers, executor and sink as any other. At the end
the account of the exchange must agree with the executor's journal to the micro.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from kwx.exec.venue.executor import Executor
from kwx.exec.venue.kill import Kill
from kwx.exec.venue.told import Did
from kwx.live.demo_history import day_starts_utc, prepare, world_around
from kwx.live.exchange import Account, opened_account
from kwx.live.looked import Looked
from kwx.live.opened import Setup, Wish, opened
from kwx.live.run import OnLook, instants, live_through
from pipelines.asking.secrets import Secret, Secrets
from pipelines.demo.venue import Venue
from pipelines.demo.wire import Faults, Served, serve
from pipelines.ingest.access import Entry
from pipelines.ingest.loopback import hear
from pipelines.publishing import OnProgress
from pipelines.vendors import loopback
from warehouse.clock import Clock
from warehouse.lake.store import Lake

USUAL_DATE = date(2026, 11, 5)
AFTER_MINUTE_S = 4.0
"""So long after a minute's end the loop looks: the exchange has told all of it by then."""
SETTLED_WITHIN = timedelta(hours=73)
"""From the opening of a day's markets on: its results are in by then for certain."""
SENT = (Did.PLACED, Did.TAKEN, Did.AMENDED)
_VISUAL_CROSSING = "demo"


@dataclass(frozen=True, kw_only=True)
class DemoWish:
    """Which day is lived, in which world and how; see kwx.live.opened.Wish for the rest.

    after, until: how long after the opening of its markets to begin, and, at the latest, to end.
    """

    wish: Wish
    event_date: date = USUAL_DATE
    seed: int = 7
    efficiency: float = 0.0
    after: timedelta = timedelta(0)
    every: timedelta = timedelta(minutes=1)
    until: timedelta | None = None
    faults: Faults = field(default_factory=Faults)


@dataclass(frozen=True, kw_only=True)
class Lived:
    """What a day came to. differs: what account and journal do not agree on; empty where they do."""

    event_date: date
    looks: int
    minutes: int
    signals: int
    orders: int
    fills: int
    gain_micros: int
    fees_micros: int
    cash_micros: int
    settled: tuple[date, ...]
    failures: int
    differs: tuple[str, ...] = ()


AtEnd = Callable[[Entry, Clock], None]
"""What is done with the lake once the day is over, while its vendors can still be asked."""


def live_demo_day(
    asked: DemoWish, lake_root: Path | str | None = None, *,
    on_progress: OnProgress = lambda done, total, what: None, on_look: OnLook = lambda looked: None,
    at_end: AtEnd = lambda entry, clock: None,
) -> Lived:  # fmt: skip
    """Serve the world, make the lake, live the day to its settlement, and hold the account against the journal."""
    cities = asked.wish.cities
    world = world_around(asked.event_date, cities=cities, seed=asked.seed, efficiency=asked.efficiency)
    start_utc = day_starts_utc(asked.event_date) + asked.after
    with (
        TemporaryDirectory() as folder,
        serve(world, now=start_utc, led=True, trading=True, faults=asked.faults) as served,
    ):  # fmt: skip
        entry = _entry(served, Path(folder))
        prepare(world, asked.event_date, lake_root, entry=entry, clock=served.hands, on_progress=on_progress)
        _set_aside(Lake(lake_root))
        lived = _lived(asked, lake_root, served, entry, start_utc, on_look)
        at_end(entry, served.hands)
        return lived


def _set_aside(lake: Lake) -> None:
    """Move what an earlier run of the day left out of the way: its account was another one, at another exchange."""
    own = lake.paths.root / "live"
    if own.exists():
        number = sum(1 for _ in lake.paths.root.glob("live-*")) + 1
        own.rename(lake.paths.root / f"live-{number}")


def _entry(served: Served, folder: Path) -> Entry:
    """Return the way in: a key of this server alone, gone with it."""
    key_file = folder / "demo-key.pem"
    key_id = served.write_key(key_file)
    secrets = Secrets(
        kalshi_key_id=Secret(key_id), kalshi_key_file=key_file, visual_crossing_key=Secret(_VISUAL_CROSSING)
    )  # fmt: skip
    return Entry(vendors=loopback(served.url), secrets=secrets, origin="loopback")


def _lived(
    asked: DemoWish, lake_root: Path | str | None, served: Served, entry: Entry, start_utc: datetime, on_look: OnLook
) -> Lived:  # fmt: skip
    told, executors = _Told(), list[Executor]()
    hello = replace(hear(entry), clock=served.hands, clock_error_s=0.0)
    wish = replace(asked.wish, background=False)
    looks = instants(
        start_utc, start_utc + (asked.until or SETTLED_WITHIN), after_minute_s=AFTER_MINUTE_S, every=asked.every
    )

    @contextmanager
    def opens(setup: Setup, kill: Kill) -> Iterator[Account]:
        with opened_account(
            Lake(lake_root), entry, setup.fields.venue, kill, clock=served.hands, adopt=wish.adopt
        ) as account:  # fmt: skip
            executors.append(account.executor)
            yield account

    def look(looked: Looked) -> None:
        told.take(looked)
        on_look(looked)

    with opened(wish, lake_root, entry=entry, hello=hello, account=opens) as living:
        number = live_through(
            living, _until_settled(asked.event_date, told, looks), go_to=served.advance_to, on_look=look
        )
    account = served.venue.account
    return Lived(
        event_date=asked.event_date, looks=number, minutes=told.minutes, signals=told.signals,
        settled=tuple(told.settled), orders=told.orders, fills=len(account.fills),
        gain_micros=account.cash_micros - account.start_cash_micros,
        fees_micros=sum(holding.fees_micros for holding in account.holdings.values()),
        cash_micros=account.cash_micros, failures=living.failures,
        differs=tuple(one for executor in executors for one in _differs(executor, served.venue)),
    )  # fmt: skip


def _differs(executor: Executor, venue: Venue) -> Iterator[str]:
    """Yield what the executor's journal and the exchange's own books do not agree on, to the micro."""
    account = venue.account
    if executor.cash_micros != account.cash_micros:
        yield f"cash is {executor.cash_micros:,} micros by the journal, {account.cash_micros:,} at the exchange"
    ours = {ticker: centi for ticker, centi in executor.positions_centi.items() if centi}
    if ours != account.positions:
        yield f"positions are {ours} by the journal, {account.positions} at the exchange"
    resting = sum(order.is_open for order in executor.open_orders)
    if resting:
        yield f"{resting} orders of ours may still rest"


def _until_settled(event_date: date, told: _Told, looks: Iterator[datetime]) -> Iterator[datetime]:
    """Yield instants until the day that is lived is paid."""
    for at_utc in looks:
        if event_date in told.settled:
            return
        yield at_utc


@dataclass
class _Told:
    minutes: int = 0
    signals: int = 0
    orders: int = 0
    settled: list[date] = field(default_factory=list)

    def take(self, looked: Looked) -> None:
        """Count what a look did."""
        self.minutes += len(looked.minutes)
        self.settled += looked.settled
        self.orders += sum(outcome.did in SENT for outcome in looked.outcomes)
        if looked.written is not None:
            self.signals += looked.written.committed + looked.written.spooled
