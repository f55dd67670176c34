"""A day that is lived in this process: the real loop, executor, journals and spool; what is around them fails at will.

The exchange is the demo venue behind its wire bodies; prices are those of a demo lake, told late now and then; opinions
are drawn from the seed. Whatever happens is drawn from the seed too: the same seed is the same life, to the byte.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from uuid import UUID
from zlib import crc32

import jax
import numpy as np
import polars as pl

from kwx.config.live import LiveFields
from kwx.exec.bars.bars import Bars
from kwx.exec.bars.plan import BarsPlan, BarsRecipe
from kwx.exec.bars.read import read_bars
from kwx.exec.codes import Verb
from kwx.exec.engine import one_step
from kwx.exec.minute import Minute
from kwx.exec.rules import Fill, Rules, Sizing
from kwx.exec.step import empty_state
from kwx.exec.venue.executor import Executor
from kwx.exec.venue.journal import Journal as OrderJournal
from kwx.exec.venue.kill import Kill
from kwx.exec.venue.wanted import Limits
from kwx.live.brain.laying import silent, with_sizes
from kwx.live.brain.thought import Decided, Thought
from kwx.live.journal.journal import Journal
from kwx.live.journal.record import LIVE
from kwx.live.loop import Looked, Loop
from kwx.live.origins import Origins
from kwx.live.resumed import resumed
from kwx.live.signals import SAID
from kwx.live.sink.signal import Signal
from kwx.live.sink.sink import Written
from kwx.live.sink.spool import Spool
from kwx.live.tables import LiveTables
from kwx.live.traders import OnExchange
from pipelines.demo.venue import Venue
from pipelines.demo.wire.kalshi_orders import Trading
from pipelines.demo.wire.kalshi_trading import KalshiTrading
from pipelines.demo.wire.limits import Limits as WireLimits
from pipelines.demo.world import World
from pipelines.kalshi.portfolio.client import Portfolio
from pipelines.kalshi.portfolio.records import NewOrder
from pipelines.live.arrivals import Top
from pipelines.live.feeds import Polled
from pipelines.vendors import KALSHI_SIGNED
from tests.kwx.exec.made import made_params
from tests.kwx.exec.venue.exchange import LOST_AFTER, LOST_BEFORE, UNSENT, Exchange
from warehouse.lake.present import Present
from warehouse.lake.store import Lake, Snapshot

MINUTE = timedelta(minutes=1)
LIMITS = Limits(
    max_position_centi=3_000, max_order_centi=2_000, max_gross_micros=200_000_000, max_open_orders=30,
    group_limit_centi=1_000_000, order_life=timedelta(minutes=3), absent_after=timedelta(seconds=90),
    late_after=timedelta(seconds=240),
)  # fmt: skip
PARAMS = made_params(
    max_position_centi=3_000, max_order_centi=1_000, max_take_centi=1_000, taker_thresh_ticks=300,
    max_hold_minutes=30, maker_thresh_ticks=50, tau_open_ticks=50, tau_close_ticks=20, max_spread_ticks=500,
    bankroll_micros=1_000_000_000, city_loss_micros=10**12, day_loss_micros=10**12,
)  # fmt: skip
RULES = Rules(fill=Fill.EXCHANGE, sizing=Sizing.SINGLE)
DEATHS = ("before the journal", "after the journal", "while sending", "before the sink")
WRITES = ("kalshi_create", "kalshi_cancel", "kalshi_amend", "kalshi_decrease")


class Died(BaseException):
    """The process ends here, as by kill -9."""


class WorldExchange(Exchange):
    """The exchange of a demo world, as the transport of our own client."""

    def __init__(self, world: World, start_utc: datetime, *, seed: int) -> None:
        self.made = Venue(world, start_utc=start_utc, seed=seed, start_cash_micros=1_000_000_000)
        self.vendors = {"kalshi": KALSHI_SIGNED}
        self.faults, self.refuses, self.fails_to_read = {}, {}, set()
        self.sent, self.asked = [], Counter()
        self.before_write = lambda write: None
        self.fills_twice, self.skew = False, timedelta(0)
        self._trading = KalshiTrading(
            trading=Trading(venue=self.made, clock=self.clock, skew=self.skew), limits=WireLimits(), public=None
        )
        self.portfolio = Portfolio(self)

    def clock(self) -> datetime:
        """Return the present."""
        return self.made.now_utc


@dataclass
class Opinions:
    """A brain that holds what a seed says: its minutes are those of the lake, its fair prices a walk around the mid."""

    bars: Bars
    cities: tuple[str, ...]
    seed: int

    def __post_init__(self) -> None:
        minutes = self.bars.minutes
        mid = (minutes.bid_ticks + minutes.ask_ticks) / 2 / 10_000
        noise = np.random.default_rng(self.seed).normal(0, 0.05, size=mid.shape)
        walk = np.clip(mid + noise, 0.02, 0.98).astype(np.float32)
        fair = np.where(minutes.open, walk, np.nan).astype(np.float32)
        self.minutes = minutes._replace(p_fair=fair, p_gate=fair, score=np.zeros_like(fair))

    def think(self, minute_utc: datetime) -> Thought:
        """Return the row of the minute of each date that trades in it."""
        tickers, laid, rows = {}, {}, []
        for place, day in enumerate(self.bars.dates):
            row = self._row(place, minute_utc)
            if row is None:
                continue
            of_day = slice(place, place + 1)
            minute: Minute = jax.tree.map(lambda one, row=row, day=of_day: one[row][..., day], self.minutes)
            tickers[day], laid[day] = self.bars.tickers[..., place : place + 1], minute
            rows += self._said(tickers[day], minute)
        said = pl.DataFrame(rows, schema_overrides={"spread_cents": pl.Int32, "minutes_to_close": pl.Int32})
        return Thought(
            minute_utc=minute_utc, tickers=tickers, minutes=laid, signals=said, features=said.select("market_ticker"),
            stages={},
        )  # fmt: skip

    def prepare(self, minute_utc: datetime) -> None:
        """There is nothing to prepare."""

    def decide(
        self, thought: Thought, states: Mapping, tops: Mapping[str, Top], *, speak: bool = True
    ) -> Decided:  # fmt: skip
        """Take the real step."""
        minutes = {
            day: with_sizes(minute if speak else silent(minute), thought.tickers[day], tops)
            for day, minute in thought.minutes.items()
        }
        before = {day: states.get(day) or empty_state(*thought.tickers[day].shape) for day in minutes}
        stepped = {day: one_step(RULES, PARAMS, before[day], minute) for day, minute in minutes.items()}
        return Decided(
            states={day: one[0] for day, one in stepped.items()}, actions={day: one[1] for day, one in stepped.items()},
            minutes=minutes, seconds=0.0, tell=lambda: thought.signals,
        )  # fmt: skip

    def _row(self, place: int, minute_utc: datetime) -> int | None:
        begins = self.bars.starts_utc[place].astype("datetime64[us]").item()
        row = (minute_utc.replace(tzinfo=None) - begins) // MINUTE - 1
        is_there = 0 <= row < len(self.minutes.open) - 1
        return row if is_there and self.minutes.open[row][..., place].any() else None

    def _said(self, tickers: np.ndarray, minute: Minute) -> Iterator[dict]:
        for place in zip(*np.nonzero(tickers != ""), strict=True):
            p = float(minute.p_fair[place])
            if np.isnan(p):
                continue
            yield {"event_date": self.bars.dates[0]} | dict(zip(SAID, (
                str(tickers[place]), self.cities[place[1]], "between", p, p, p, 0.5, None, None, 1,
                int(minute.minutes_to_close[place[1:]]), "seeded", "none",
            ), strict=True))  # fmt: skip


@dataclass
class Prices:
    """Feeds that say through which minute prices are in, and no more: late now and then, or not at all for a while."""

    chance: Random
    cities: tuple[str, ...]
    late_s: dict[str, float] = field(default_factory=dict)
    silent_until: dict[str, datetime] = field(default_factory=dict)
    told: dict[str, datetime] = field(default_factory=dict)

    def poll(self, now_utc: datetime) -> Polled:
        """Say how far everything is."""
        for city in self.cities:
            if self.chance.random() < 0.02:
                self.silent_until[city] = now_utc + timedelta(seconds=self.chance.choice([20, 60, 300]))
            is_silent = now_utc < self.silent_until.get(city, now_utc)
            behind = timedelta(seconds=self.chance.uniform(0, 3))
            until = self.told.get(city, now_utc - MINUTE) if is_silent else now_utc - behind
            self.told[city] = max(until, self.told.get(city, until))
        priced = {city: at.replace(second=0, microsecond=0) for city, at in self.told.items()}
        heard = {("metar", city): now_utc for city in self.cities}
        return Polled(
            arrivals=(), priced_until=priced, taped_until=priced, heard_utc={"candles": now_utc}, heard_of=heard,
            failed={},
        )  # fmt: skip

    def tops(self) -> dict[str, Top]:
        """No book is recorded."""
        return {}


@dataclass
class Store:
    """A spool on the disk in front of a table in this process: a database that is away now and then."""

    spool: Spool
    rows: dict[tuple[datetime, str], Signal]
    dies: Callable[[], bool]
    is_away: bool = False

    @property
    def waiting(self) -> int:
        """What waits."""
        return self.spool.waiting

    def write(self, signals: list[Signal]) -> Written:
        """Keep them on the disk first; the process may die before."""
        if self.dies():
            raise Died
        self.spool.append([replace(one, created_at=one.ts_utc) for one in signals])
        if not self.is_away:
            self.drain()
        return Written(spooled=len(signals))

    def drain(self) -> None:
        """Store what waits, in its order."""
        while batch := self.spool.take(500):
            for one in batch.signals:
                self.rows[one.ts_utc, one.market_ticker] = one
            self.spool.finish(batch)


@dataclass
class Life:
    """One life of the loop after another over one day, with whatever may go wrong."""

    folder: Path
    snapshot: Snapshot
    world: World
    seed: int
    bars: Bars
    start_utc: datetime
    chance: Random = field(init=False)
    ids: int = 0
    deaths: int = 0
    store_rows: dict[tuple[datetime, str], Signal] = field(default_factory=dict)
    acknowledged: set[tuple[datetime, str]] = field(default_factory=set)
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.exchange = WorldExchange(self.world, self.start_utc, seed=self.seed)
        self.exchange.before_write = self._about_to_write
        self.cities = self.bars.cities
        self.prices = Prices(Random(self.seed + 1), self.cities)
        self.present = Present.over(self.snapshot)
        self._dies_in: str = ""
        self._open: ExitStack | None = None
        self.born()

    # Birth and death

    def born(self) -> None:
        """Begin a life from what the one before left on the disk."""
        if self._open is not None:
            self._open.close()
        self._open = stack = ExitStack()
        self.kill = Kill(self.folder / "KILL")
        orders = stack.enter_context(OrderJournal(self.folder / "orders.jsonl", clock=self.exchange.clock))
        self.executor = Executor(
            self.exchange.portfolio, orders, LIMITS, self.exchange.clock, self._new_id, self.kill
        )  # fmt: skip
        self.executor.start()
        journal = Journal(self.folder / "journal", sync=False)
        stack.callback(journal.close)
        spool = Spool(self.folder / "spool")
        stack.callback(spool.close)
        self.store = Store(spool, self.store_rows, dies=lambda: self._dies_in == "before the sink")
        found = resumed(journal, self.exchange.clock(), closes=lambda day: None)
        self.loop = Loop(
            feeds=self.prices, tables=LiveTables(self.present), present=self.present,
            brain=Opinions(self.bars, self.cities, self.seed), trader=OnExchange(self.executor, self.kill, found.noted),
            journal=_Mortal(journal, self), sink=self.store, settings=LiveFields(), origins=self.origins,
            clock=self.exchange.clock, decided_utc=found.decided_utc, stops=lambda: self.kill.why, days=found.days,
        )  # fmt: skip

    @property
    def origins(self) -> Origins:
        """Of what minutes are made."""
        return Origins(
            kind=LIVE, strategy="seeded", rules=RULES, params=PARAMS, config={"seed": self.seed}, cities=self.cities,
            recipe=BarsRecipe(),
        )  # fmt: skip

    def _new_id(self) -> str:
        self.ids += 1
        return str(UUID(int=self.ids, version=4))

    # One tick among faults

    def tick(self) -> None:
        """Let time pass, let something fail, look once, and hold all laws."""
        chance = self.chance
        self.exchange.made.advance_to(self.exchange.clock() + timedelta(seconds=chance.choice([9, 9, 9, 9, 18, 40])))
        self._faults()
        try:
            looked = self.loop.tick()
        except Died:
            self.deaths += 1
            self.calm()
            self.born()
            return
        self._hold(looked)

    def calm(self) -> None:
        """Let all faults pass."""
        for one in (self.exchange.faults, self.exchange.refuses, self.exchange.fails_to_read):
            one.clear()
        self.exchange.fills_twice, self._dies_in = False, ""

    def look(self, seconds: float = 9) -> Looked:
        """Let time pass and look once, without any fault."""
        self.exchange.made.advance_to(self.exchange.clock() + timedelta(seconds=seconds))
        return self.loop.tick()

    def _faults(self) -> None:
        self.calm()
        chance, exchange = self.chance, self.exchange
        exchange.fills_twice = chance.random() < 0.2
        for kind in WRITES:
            if chance.random() < 0.08:
                exchange.faults[kind] = deque([chance.choice([LOST_AFTER, LOST_BEFORE, UNSENT])])
            elif chance.random() < 0.05:
                exchange.will_refuse(kind, *chance.choice([(400, "invalid_order"), (429, ""), (503, "")]))
        if chance.random() < 0.05:
            exchange.fails_to_read.add(chance.choice(["kalshi_orders", "kalshi_fills", "kalshi_balance"]))
        exchange.made._floor.late_us = lambda trade_id: 20_000_000 if crc32(trade_id.encode()) % 10 == 0 else 0
        self.store.is_away = chance.random() < 0.3
        self._dies_in = chance.choice(DEATHS) if chance.random() < 0.01 else ""
        if chance.random() < 0.005:
            now_utc = exchange.clock()
            exchange.made.pause(now_utc, now_utc + timedelta(minutes=3))

    def _about_to_write(self, write: object) -> None:
        self.trace.append(f"{self.exchange.clock():%H:%M:%S} {write}")
        if self._dies_in == "while sending":
            raise Died

    def _hold(self, looked: Looked) -> None:
        """Hold every law after a tick."""
        account = self.exchange.made.account
        for ticker, centi in account.positions.items():
            assert abs(centi) <= LIMITS.max_position_centi, f"{ticker}: {centi}"
        assert account.is_balanced
        self._require_states()
        assert self.executor.halted is None, self.executor.halted
        for minute_utc in looked.minutes:
            assert minute_utc <= looked.at_utc - timedelta(seconds=2), "nothing is decided before it is over"
        if looked.spoke:
            self._require_fresh(looked)
        if looked.written is not None:
            said = self.loop.brain.think(looked.minutes[-1]).signals
            self.acknowledged |= {(looked.minutes[-1], name) for name in said["market_ticker"]}

    def _require_states(self) -> None:
        """What the loop holds in mind is what journals and executor say: no fill is lost, none counted twice."""
        noted = self.loop.trader.noted_already
        for ticker in {name for day in self.loop.days.values() for name in day.origin.tickers.ravel() if name}:
            told = sum(
                fill.side * fill.centi
                for fill in self.executor.fills
                if fill.market_ticker == ticker and (fill.trade_id, fill.order_id) in noted
            )
            held = sum(
                int(day.state.position_centi[day.running.place_of(ticker)])
                for day in self.loop.days.values()
                if day.running.place_of(ticker) is not None
            )
            assert told == held, f"{ticker}: {held} in mind, {told} by the fills that were noted"

    def _require_fresh(self, looked: Looked) -> None:
        """A city whose prices were too old opened nothing: what it took or placed makes a position smaller."""
        for event_date, actions in looked.actions.items():
            held = self.loop.days[event_date].state.position_centi
            for city in looked.stale:
                place = self.cities.index(city)
                took = actions.took_centi[:, place]
                placed = np.where(actions.verb[:, place] == Verb.PLACE, actions.order_side[:, place], 0)
                assert (np.sign(took + placed) * held[:, place] <= 0).all(), f"{city} is stale and opened"
                assert not ((took + placed != 0) & (held[:, place] == 0)).any(), f"{city} is stale and opened"

    def end(self) -> None:
        """Let all faults pass, stop, and hold what must be true then."""
        self.calm()
        for _ in range(40):
            self.exchange.made.advance_to(self.exchange.clock() + timedelta(seconds=30))
            self.executor.poll()
        self.executor.stop()
        self.store.is_away = False
        self.store.drain()
        account = self.exchange.made.account
        assert self.executor.cash_micros == account.cash_micros
        assert {k: v for k, v in self.executor.positions_centi.items() if v} == account.positions
        assert not self.exchange.resting
        assert set(self.store_rows) >= self.acknowledged
        assert set(self.store_rows) == self._said()
        self._require_decided()

    def _said(self) -> set[tuple[datetime, str]]:
        """Return the signals of every minute that was decided in its time, as the journals have them."""
        journal = self.loop.journal
        kept = [one for day in journal.event_dates() for one in journal.read(day).of_minutes]
        return {
            (one.minute_utc, name) for one in kept if not one.causes.missed for name in one.signals["market_ticker"]
        }

    def _require_decided(self) -> None:
        """Every order at the exchange was decided: its minute stands in the journal, with an order or a take in it."""
        journal = self.loop.journal
        decided: dict[str, set[datetime]] = {}
        for day in journal.event_dates():
            recorded = journal.read(day)
            for kept in recorded.of_minutes:
                acted = (kept.actions.took_centi != 0) | (kept.actions.order_side != 0)
                for name in recorded.last.tickers[acted]:
                    decided.setdefault(str(name), set()).add(kept.minute_utc)
        for order in self.executor._record.book.orders.values():
            assert order.decision is not None
            assert order.decision.ts_utc in decided[order.market_ticker]

    def close(self) -> None:
        """Let go of everything."""
        if self._open is not None:
            self._open.close()


class _Mortal:
    """A journal in front of which the process may die."""

    def __init__(self, journal: Journal, life: Life) -> None:
        self._journal, self._life = journal, life

    def append(self, event_date: date, record: object) -> None:
        """Die before it is written, or after: between two dates, or before anything is sent."""
        if self._life._dies_in == "before the journal":
            raise Died
        self._journal.append(event_date, record)
        if self._life._dies_in == "after the journal":
            raise Died

    def __getattr__(self, name: str) -> object:
        return getattr(self._journal, name)


def bars_of(snapshot: Snapshot, cities: tuple[str, ...], dates: list[date]) -> Bars:
    """Return the minutes of some days, without any opinion."""

    def nothing(_: Snapshot, city: str, since: date, until: date) -> pl.DataFrame:
        return pl.DataFrame(
            schema={
                "market_ticker": pl.String, "ts_utc": pl.Datetime("us", "UTC"), "p_fair": pl.Float64,
                "p_gate": pl.Float64, "score": pl.Float64, "urgent": pl.Boolean,
            }
        )  # fmt: skip

    plan = BarsPlan.of(snapshot, cities=cities, dates=dates, recipe=BarsRecipe())
    return read_bars(plan, nothing)


def begun(folder: Path, lake: Lake, world: World, seed: int, *, hour: int = 16) -> Life:
    """Return a life on the eve of a world's last day, from an hour of it in UTC."""
    snapshot = lake.snapshot()
    bars = bars_of(snapshot, world.cities, list(world.event_dates))
    start_utc = datetime.combine(world.event_dates[-1] - timedelta(days=1), time(), tzinfo=UTC) + timedelta(hours=hour)
    return Life(folder=folder, snapshot=snapshot, world=world, seed=seed, bars=bars, start_utc=start_utc)


def lived(folder: Path, lake: Lake, world: World, seed: int, ticks: int) -> Life:
    """Live so many ticks of a world's last day among faults, and end well."""
    life = begun(folder, lake, world, seed)
    for _ in range(ticks):
        life.tick()
    life.end()
    return life


def foreign(life: Life) -> None:
    """Let somebody else trade on the same account: a contract, at whatever it costs."""
    venue = life.exchange.made
    while venue.is_paused:
        life.look()
    ticker = next(name for name in venue.markets if venue.levels(name)[1])
    life.exchange.portfolio.create(
        NewOrder(
            client_order_id="somebody-else", market_ticker=ticker, side=1, price_ticks=9_900, centi=100,
            in_force="immediate_or_cancel", post_only=False,
        )
    )  # fmt: skip
