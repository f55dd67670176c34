"""A loop put together from a lake, a configuration and an entry to the vendors, and taken apart again."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from kwx.config.file import Configuration, load_config
from kwx.config.live import LiveFields
from kwx.config.trading import TradeConfig, trading_of
from kwx.exec.bars.plan import BarsRecipe
from kwx.exec.rules import Fill, Rules, Sizing
from kwx.exec.runs.asked import config_of
from kwx.exec.settings import params_of
from kwx.exec.venue.kill import FILE_NAME, Kill
from kwx.live.brain import Brain
from kwx.live.days import closes_utc
from kwx.live.desk import Desk
from kwx.live.due import floor_minute
from kwx.live.exchange import Account
from kwx.live.garbage import what_stays_is_spared
from kwx.live.health.file import health_path
from kwx.live.health.log import logging_to
from kwx.live.health.redact import Redactor
from kwx.live.health.running import RunningDrift
from kwx.live.health.watch import Watch
from kwx.live.journal.journal import Journal, journal_folder
from kwx.live.journal.record import LIVE, SHADOW
from kwx.live.living import Living
from kwx.live.loop import Loop
from kwx.live.on_exchange import OnExchange
from kwx.live.origins import Origins
from kwx.live.paper import Paper
from kwx.live.resumed import resumed
from kwx.live.sink.sink import Sink, open_sink
from kwx.live.tables import LiveTables
from kwx.live.trader import Trader
from kwx.signals.registry import strategy as strategy_of
from kwx.signals.settings import SignalSettings, signal_settings
from pipelines.ingest.access import Entry
from pipelines.ingest.loopback import Hello, hello_of
from pipelines.live.feeds import Feeds, live_feeds
from pipelines.live.settings import FeedSettings
from warehouse.errors import Refused
from warehouse.lake.present import Present
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import MARKETS, MC_PARAMS
from warehouse.market.cities import CITIES

logger = logging.getLogger(__name__)

PAPER, FOR_REAL = "paper", "live"
LOG = "live.log"
LISTING_WITHIN_S = 20.0
CONTEXT_DAYS = 2
"""Event dates before today that are read with it: the eve of a day, and what is carried over to it."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is to be lived; None and nothing are what the configuration says.

    mode: paper or live. said: settings beside the file's, by key. dsn: None leaves signals in the spool. background:
    feeds in threads of their own; else they are asked within each look, as a simulated day needs it.
    """

    mode: str = PAPER
    cities: tuple[str, ...] = ()
    strategy: str | None = None
    configuration: Configuration = field(default_factory=load_config)
    profile: str | None = None
    said: Mapping[str, Any] = field(default_factory=dict)
    dsn: str | None = None
    background: bool = True
    adopt: bool = False
    with_address: bool = True
    echo: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Setup:
    """A wish held against a lake: who is traded, by which settings."""

    fields: LiveFields
    cities: tuple[str, ...]
    configs: Mapping[str, TradeConfig]
    settings: Mapping[str, SignalSettings]
    origins: Origins


OpensAccount = Callable[[Setup, Kill], AbstractContextManager[Account]]
"""Opens the account that the mode live trades with."""


def set_up(wish: Wish, snapshot: Snapshot) -> Setup:
    """Read the settings of a wish; refuse what contradicts itself, or cities of which the lake has no fit."""
    fields = wish.configuration.live()
    cities = wish.cities or fields.cities or _fitted(snapshot)
    strategy = strategy_of(wish.strategy or fields.strategy)
    configs = trading_of(wish.configuration, cities, profile=wish.profile, said=wish.said)
    settings = {
        key: signal_settings(wish.configuration, key, fields=configs[key].signals, profile=wish.profile)
        for key in cities
    }  # fmt: skip
    account = configs[cities[0]].trade
    is_live = wish.mode == FOR_REAL
    origins = Origins(
        kind=LIVE if is_live else SHADOW, strategy=strategy.name,
        rules=Rules(fill=Fill.EXCHANGE if is_live else Fill(fields.fill), sizing=Sizing(account.sizing)),
        params=params_of(configs, cities), config=config_of(configs, settings, cities), cities=cities,
        recipe=BarsRecipe(
            guard_minutes=account.guard_minutes, fee_rounding=account.fee_rounding, maker_fee=account.maker_fee,
            with_sizes=True,
        ),
    )  # fmt: skip
    return Setup(fields=fields, cities=cities, configs=configs, settings=settings, origins=origins)


def _fitted(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the cities of which the weather is fitted."""
    held = {entry.partition.city for entry in snapshot.files(MC_PARAMS.name)}
    cities = tuple(key for key in CITIES if key in held)
    if not cities:
        raise Refused(
            "the lake has no fit of the weather of any city, so nothing can be said of a minute",
            hint="kwx hazard fit-params, then kwx fuse tune; or name cities with --city",
        )
    return cities


@contextmanager
def opened(
    wish: Wish, lake_root: Path | str | None = None, *, entry: Entry, hello: Hello | None = None,
    account: OpensAccount | None = None, redact: Redactor | None = None,
) -> Iterator[Living]:  # fmt: skip
    """Put a loop together, recover what a journal left, and close everything at the end.

    account: opens the account at an exchange, of the mode live alone.
    """
    lake = Lake(lake_root)
    hello = hello or hello_of(entry)
    setup = set_up(wish, lake.snapshot())
    kill = Kill(lake.paths.root / "live" / FILE_NAME)
    redact = redact or Redactor.of_environment()
    with ExitStack() as stack:
        said = setup.fields.health
        stack.enter_context(
            logging_to(
                lake.paths.root / "live" / LOG, redact=redact, megabytes=said.log_megabytes, files=said.log_files,
                stream=None if wish.echo else stack.enter_context(Path(os.devnull).open("w")),
            )
        )  # fmt: skip
        watch = stack.enter_context(
            Watch(
                path=health_path(lake), fields=setup.fields.health, clock=hello.clock, redact=redact,
                with_address=wish.with_address, every_s=5.0 if wish.background else 0.0,
            )
        )  # fmt: skip
        trader = _trader(wish, setup, kill, account, stack)
        loop = stack.enter_context(_loop(wish, setup, lake, entry=entry, hello=hello, kill=kill, trader=trader))
        living = Living(
            loop=loop, watch=watch, mode=wish.mode, started_utc=hello.clock(), stopping=lambda: kill.stopping,
            drift=RunningDrift.of_lake(
                lake.snapshot(), strategy=setup.origins.strategy, until=hello.clock().date()
            ),
            bankroll_dollars=setup.configs[setup.cities[0]].trade.bankroll_dollars,
        )  # fmt: skip
        with kill.listening():
            try:
                yield living
            finally:
                living.close()


def _trader(wish: Wish, setup: Setup, kill: Kill, account: OpensAccount | None, stack: ExitStack) -> Trader:
    if wish.mode != FOR_REAL:
        return Paper()
    if account is None:
        raise Refused("nobody opened an account to trade with", hint="--venue kalshi or demo")
    held = stack.enter_context(account(setup, kill))
    return OnExchange(executor=held.executor, kill=kill)


@contextmanager
def _loop(
    wish: Wish, setup: Setup, lake: Lake, *, entry: Entry, hello: Hello, kill: Kill, trader: Trader
) -> Iterator[Loop]:  # fmt: skip
    now_utc = hello.clock()
    present = Present.over(lake.snapshot(), since=now_utc.date() - timedelta(days=CONTEXT_DAYS))
    tables = LiveTables(present, run_id=f"{now_utc:%Y%m%dT%H%M%S}-{os.getpid()}-live")
    journal = Journal(journal_folder(lake))
    with ExitStack() as stack:
        stack.callback(journal.close)
        feeds = stack.enter_context(_feeds(wish, setup, lake, present, entry=entry, hello=hello))
        _hear_the_listing(feeds, tables, hello, patience_s=LISTING_WITHIN_S if wish.background else 0.0)
        found = resumed(journal, now_utc, closes=lambda day: closes_utc(present, day))
        if isinstance(trader, OnExchange):
            trader.noted_already |= found.noted
        brain = Brain(
            present, setup.cities, wish.configuration, wish.strategy or setup.fields.strategy, profile=wish.profile,
            fill=setup.origins.rules.fill, said=wish.said,
        )  # fmt: skip
        brain.warm(floor_minute(now_utc))
        if wish.background:
            stack.enter_context(what_stays_is_spared())
        sink = _sink(wish, lake, hello)
        if sink is not None:
            stack.enter_context(sink)
        desk = Desk(
            journal=journal, trader=trader, decided_utc=found.decided_utc, days=found.days, stops=lambda: kill.why
        )
        yield Loop(
            feeds=feeds, tables=tables, present=present, brain=brain, desk=desk, sink=sink, settings=setup.fields,
            origins=setup.origins, clock=hello.clock,
        )  # fmt: skip


@contextmanager
def _feeds(
    wish: Wish, setup: Setup, lake: Lake, present: Present, *, entry: Entry, hello: Hello
) -> Iterator[Feeds]:  # fmt: skip
    said = setup.fields.feeds
    settings = FeedSettings(
        settle_s=setup.fields.settle_seconds, listing_s=said.listing_seconds, candles_s=said.candles_seconds,
        trades_s=said.trades_seconds, vc_obs_s=said.vc_obs_seconds, nowcast_s=said.nowcast_seconds,
        metar_s=said.metar_seconds,
        forecasts_s=said.forecasts_seconds, settlements_s=said.settlements_seconds, books=said.books,
    )  # fmt: skip
    since = hello.clock().date() - timedelta(days=1)
    known = present.scan(MARKETS, cities=setup.cities, since=since).collect()
    with live_feeds(
        entry, lake, cities=setup.cities, settings=settings, markets=known if len(known) else None, hello=hello,
        background=wish.background,
    ) as feeds:  # fmt: skip
        yield feeds


def _hear_the_listing(feeds: Feeds, tables: LiveTables, hello: Hello, *, patience_s: float) -> None:
    """Take in what comes first; wait for the listing, without which nobody knows what trades, but not for ever."""
    until_s = time.monotonic() + patience_s
    while True:
        polled = feeds.poll(hello.clock())
        tables.add(polled.arrivals)
        if polled.heard_utc.get("listing") is not None or time.monotonic() >= until_s:
            return
        feeds.wait(0.5)


def _sink(wish: Wish, lake: Lake, hello: Hello) -> Sink | None:
    if wish.dsn is None:
        return None
    # A look waits for its own disk alone: a database that is slow, or away, must not make the next minute late.
    return open_sink(wish.dsn, lake.paths.root / "signals", clock=hello.clock, patience_s=0.0)
