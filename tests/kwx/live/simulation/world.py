"""A day that is lived in this process: the real loop, executor, journals and spool; what is around them fails at will.

The exchange is the demo venue behind its wire bodies. What is told is what a demo lake holds: late, twice, out of
order, listed in part; opinions and whatever happens are drawn from the seed: the same seed is the same life, to the
byte. A law that is broken names the seed and the tick.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from pathlib import Path
from random import Random
from uuid import UUID
from zlib import crc32

import numpy as np

from kwx.config.live import LiveFields
from kwx.exec.bars.plan import BarsRecipe
from kwx.exec.codes import Gate, Verb
from kwx.exec.rules import Fill, Rules, Sizing
from kwx.exec.venue.executor import Executor
from kwx.exec.venue.journal import Journal as OrderJournal
from kwx.exec.venue.kill import Kill
from kwx.exec.venue.wanted import Limits
from kwx.live.days import closes_utc
from kwx.live.desk import Desk
from kwx.live.journal.journal import Journal
from kwx.live.journal.record import LIVE
from kwx.live.looked import Looked
from kwx.live.loop import Loop
from kwx.live.on_exchange import OnExchange
from kwx.live.origins import Origins
from kwx.live.resumed import resumed
from kwx.live.sink.signal import Signal
from kwx.live.sink.sink import Written
from kwx.live.sink.spool import Spool
from kwx.live.tables import LiveTables
from pipelines.asking.clocks import Clocks
from pipelines.asking.responses import Response
from pipelines.calls import Call
from pipelines.demo.venue import Venue
from pipelines.demo.wire.kalshi_orders import Trading
from pipelines.demo.wire.kalshi_trading import KalshiTrading
from pipelines.demo.wire.limits import Limits as WireLimits
from pipelines.demo.world import World
from pipelines.kalshi.portfolio.client import Portfolio
from pipelines.kalshi.portfolio.records import NewOrder
from pipelines.live.arrivals import Moved, Top
from pipelines.live.feeds import Polled
from pipelines.payload import Payload
from pipelines.vendors import KALSHI_SIGNED
from pipelines.writes import Write
from tests.kwx.exec.made import made_params
from tests.kwx.exec.venue.exchange import LOST_AFTER, LOST_BEFORE, UNSENT, Exchange
from tests.kwx.live.simulation.deliveries import Deliveries, flawed
from tests.kwx.live.simulation.opinions import Opinions, quotes_of
from warehouse.lake.present import Present
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import CANDLES_1M, TRADES, Partition

WORLD = World(days=2, cities=("chicago", "miami"), efficiency=0.5)
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
        self.meanwhile: Callable[[], None] = lambda: None
        self.cancelling: set[str] = set()
        self.cancelled: set[str] = set()

    def clock(self) -> datetime:
        """Return the present."""
        return self.made.now_utc

    def send(self, write: Write) -> Response:
        """Have one thing done; while it is waited for, others go on. Nobody cancels an order twice."""
        cancels = {write.path} if write.kind == "kalshi_cancel" else set()
        assert not cancels & (self.cancelling | self.cancelled), f"{write} is cancelled twice"
        self.cancelling |= cancels
        try:
            self.meanwhile()
            response = super().send(write)
            self.meanwhile()
        finally:
            self.cancelling -= cancels
        self.cancelled |= cancels
        return response

    def fetch(self, call: Call) -> Payload:
        """Ask one question; while it is waited for, others go on."""
        self.meanwhile()
        payload = super().fetch(call)
        self.meanwhile()
        return payload


@dataclass
class Books:
    """The books of the exchange as a recorder has them: some are missing, and some moved where nobody looked."""

    chance: Random
    venue: Venue
    is_calm: bool = False
    looked_utc: datetime | None = None

    def tops(self) -> dict[str, Top]:
        """Return the best quotes of the books that are at hand."""
        self.looked_utc = self.venue.now_utc
        return {name: self._top(name) for name in sorted(self.venue.markets) if self.is_calm or self._chance(0.8)}

    def moved(self, now_utc: datetime) -> Moved:
        """Return markets of which something is told to have moved."""
        names = frozenset(name for name in sorted(self.venue.markets) if not self.is_calm and self._chance(0.3))
        return Moved(names, now_utc if names else None)

    def _top(self, name: str) -> Top:
        """Return the best of both sides, at times elsewhere: a book moves after its minute is over."""
        bids, asks = self.venue.levels(name)
        (bid, bid_centi), (ask, ask_centi) = (bids or [(0, 0)])[-1], (asks or [(10_000, 0)])[-1]
        if not self.is_calm and self._chance(0.2):
            shift = self.chance.choice([-1_500, -300, 300, 1_500])
            bid, ask = (min(max(ticks + shift, low), low + 9_900) for ticks, low in ((bid, 0), (ask, 100)))
        return Top(bid, bid_centi, ask, ask_centi, self.venue.now_utc)

    def _chance(self, share: float) -> bool:
        return self.chance.random() < share


@dataclass
class Prices:
    """Feeds: whole cities are silent now and then, and for a while answers are dated as if our clock was off."""

    chance: Random
    cities: tuple[str, ...]
    deliveries: Deliveries
    books: Books
    silent_until: dict[str, datetime] = field(default_factory=dict)
    off_until: datetime | None = None
    is_calm: bool = False

    def __post_init__(self) -> None:
        self.now_utc = self.books.venue.now_utc
        self.clocks = Clocks(monotonic=self._seconds)

    def _seconds(self) -> float:
        return self.now_utc.timestamp()

    def poll(self, now_utc: datetime) -> Polled:
        """Bring what came, and say how far everything is."""
        self.now_utc, self.books.is_calm = now_utc, self.is_calm
        for city in self.cities:
            if not self.is_calm and self.chance.random() < 0.01:
                self.silent_until[city] = now_utc + timedelta(seconds=self.chance.choice([20, 60, 300]))
        if not self.is_calm and self.chance.random() < 0.01:
            self.off_until = now_utc + timedelta(seconds=self.chance.choice([30, 120]))
        silent = frozenset(city for city, until_utc in self.silent_until.items() if now_utc < until_utc)
        arrivals = self.deliveries.until(now_utc, silent=silent)
        self._hear_a_date(now_utc)
        return Polled(
            arrivals=tuple(arrivals), priced_until=self.deliveries.in_until(CANDLES_1M, now_utc),
            taped_until=self.deliveries.in_until(TRADES, now_utc), heard_utc={"candles": now_utc},
            heard_of={("metar", city): now_utc for city in self.cities}, failed={},
            ahead_s=self.clocks.ahead_s("kalshi"),
        )  # fmt: skip

    def _hear_a_date(self, now_utc: datetime) -> None:
        """Get an answer of the exchange, dated by its clock in whole seconds."""
        is_off = self.off_until is not None and now_utc < self.off_until
        said = (now_utc - timedelta(seconds=6 if is_off else 0)).replace(microsecond=0)
        headers = (("Date", format_datetime(said, usegmt=True)),)
        self.clocks.hear(
            "kalshi", Response(uri="", status=200, headers=headers), sent_utc=now_utc - timedelta(milliseconds=200),
            received_utc=now_utc,
        )  # fmt: skip

    def tops(self) -> dict[str, Top]:
        """Return what the books show."""
        return self.books.tops()

    def moved(self) -> Moved:
        """Return which books moved."""
        return self.books.moved(self.now_utc)

    def shown(self, now_utc: datetime) -> tuple[datetime, dict[str, Top]]:
        """Return it, as known until now."""
        return now_utc, self.tops()

    def stir(self) -> None:
        """Nobody waits."""


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
    start_utc: datetime
    knows_results: bool = False
    chance: Random = field(init=False)
    ids: int = 0
    ticks: int = 0
    deaths: int = 0
    left_out: set[str] = field(default_factory=set)
    clock_stops: int = 0
    looks_between: int = 0
    looks_meanwhile: int = 0
    taken_out: int = 0
    store_rows: dict[tuple[datetime, str], Signal] = field(default_factory=dict)
    acknowledged: set[tuple[datetime, str]] = field(default_factory=set)
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.exchange = WorldExchange(self.world, self.start_utc, seed=self.seed)
        self.exchange.before_write = self._about_to_write
        self.exchange.meanwhile = self._meanwhile
        self.cities = self.world.cities
        self.deliveries = Deliveries(
            self.snapshot, self.cities, self.start_utc, self.seed, knows_results=self.knows_results
        )  # fmt: skip
        books = Books(Random(self.seed + 2), self.exchange.made)
        self.prices = Prices(Random(self.seed + 1), self.cities, self.deliveries, books)
        self.present = Present.over(self.snapshot)
        self.deliveries.begin(self.present)
        self._dies_in: str = ""
        self._is_tossed = False
        self._open: ExitStack | None = None
        self.born()

    @property
    def hour(self) -> float:
        """The hour of the eve at which this life began."""
        eve = datetime.combine(self.world.event_dates[-1] - timedelta(days=1), time(), tzinfo=UTC)
        return (self.start_utc - eve) / timedelta(hours=1)

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
        found = resumed(journal, self.exchange.clock(), closes=lambda day: closes_utc(self.present, day))
        self.loop = Loop(
            feeds=self.prices, tables=LiveTables(self.present), present=self.present,
            brain=Opinions(self.present, self.cities, RULES, PARAMS, self.seed),
            desk=Desk(
                trader=OnExchange(self.executor, self.kill, found.noted), journal=_Mortal(journal, self),
                decided_utc=found.decided_utc, stops=lambda: self.kill.why, days=found.days,
            ),
            sink=self.store, settings=LiveFields(), origins=self.origins, clock=self.exchange.clock,
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
        self.ticks += 1
        try:
            self._is_tossed = True
            looked = self.loop.tick()
            self._is_tossed = False
            self._hold(looked)
            self._look_between()
        except Died:
            self.deaths += 1
            self.calm()
            self.born()
        except Exception as error:
            again = f"{self.seed}, ticks={self.ticks}, hour={self.hour:g}"
            error.add_note(f"the same life again: lived(tmp_path, lake, WORLD, {again})")
            raise

    def _meanwhile(self) -> None:
        """Let books move while a look waits for the exchange: what is shared is whole then, and orders may go."""
        if not self._is_tossed or self.chance.random() > 0.1:
            return
        self._is_tossed = False
        try:
            before = self.looks_between
            self._look_between()
            self.looks_meanwhile += self.looks_between - before
        finally:
            self._is_tossed = True

    def _look_between(self) -> None:
        """Let books move after the look: what is not kept is written and taken out, and nothing else is sent."""
        resting, sent = self.loop.desk.trader.resting, len(self.exchange.sent)
        between = self.loop.between()
        assert {write.kind for write in self.exchange.sent[sent:]} <= {"kalshi_cancel"}
        assert self.loop.desk.trader.resting <= resting
        if between is not None:
            self.looks_between += 1
            self.taken_out += len(between.outcomes)

    def calm(self) -> None:
        """Let all faults pass."""
        self._is_tossed = False
        for one in (self.exchange.faults, self.exchange.refuses, self.exchange.fails_to_read):
            one.clear()
        self.exchange.fills_twice, self._dies_in = False, ""

    def look(self, seconds: float = 9) -> Looked:
        """Let time pass and look once, without any fault."""
        self.prices.is_calm = True
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
        if chance.random() < 0.01:
            self._list_in_part()

    def _list_in_part(self) -> None:
        """Have an event that trades listed as no whole for a while, and then as it was."""
        now_utc, city = self.exchange.clock(), self.chance.choice(self.cities)
        event_date = self.chance.choice([day for day in self.world.event_dates if day in self.loop.desk.days] or [None])
        if event_date is None:
            return
        listing = self.deliveries.listed(city, event_date)
        if listing["close_utc"].max() > now_utc + timedelta(minutes=10):
            self.deliveries.list_at(now_utc, flawed(listing))
            self.deliveries.list_at(now_utc + timedelta(seconds=self.chance.choice([30, 70, 200])), listing)

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
        self.left_out |= set(looked.left_out)
        if looked.spoke:
            self._require_fresh(looked)
        if looked.written is not None:
            said = self.loop.brain.think(looked.minutes[-1]).signals
            self.acknowledged |= {(looked.minutes[-1], name) for name in said["market_ticker"]}

    def _require_states(self) -> None:
        """What the loop holds in mind is what journals and executor say: no fill is lost, none counted twice."""
        noted = self.loop.desk.trader.noted_already
        for ticker in {name for day in self.loop.desk.days.values() for name in day.origin.tickers.ravel() if name}:
            told = sum(
                fill.side * fill.centi
                for fill in self.executor.fills
                if fill.market_ticker == ticker and (fill.trade_id, fill.order_id) in noted
            )
            held = sum(
                int(day.state.position_centi[day.running.place_of(ticker)])
                for day in self.loop.desk.days.values()
                if day.running.place_of(ticker) is not None
            )
            assert told == held, f"{ticker}: {held} in mind, {told} by the fills that were noted"

    def _require_fresh(self, looked: Looked) -> None:
        """Whoever opened saw just the quotes that the lake has of the minute, and knew what time it was."""
        for event_date, actions in looked.actions.items():
            day = self.loop.desk.days[event_date]
            held = day.state.position_centi
            placed = np.where(np.isin(actions.verb, (Verb.PLACE, Verb.AMEND)), actions.order_side, 0)
            moved = np.sign(actions.took_centi + placed)
            opened = (moved != 0) & ((held == 0) | (moved * held > 0))
            assert not (looked.clock_off and opened.any()), "the clock is off and something was opened"
            self.clock_stops += int((actions.gate == Gate.CLOCK).sum())
            for place, city in enumerate(self.cities):
                if not opened[:, place].any():
                    continue
                assert city not in looked.stale, f"{city} is stale and opened"
                true = quotes_of(self.snapshot, Partition(city, event_date), looked.minutes[-1])
                for bracket in opened[:, place, 0].nonzero()[0]:
                    ticker = str(day.origin.tickers[bracket, place, 0])
                    seen = (day.minute.bid_ticks[bracket, place, 0], day.minute.ask_ticks[bracket, place, 0])
                    assert true[ticker] == tuple(int(one) for one in seen), f"{ticker} was opened at other quotes"

    def end(self) -> None:
        """Let all faults pass, stop, and hold what must be true then."""
        self.calm()
        self._require_whole()
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

    def _require_whole(self) -> None:
        """In a calm without orders every fill comes to stand in a journal: minds and exchange hold the same."""
        self.kill.engage("the end of this life")
        for _ in range(14):
            self.look(30)
        self.kill.path.unlink()
        assert not self.loop.desk.trader.waiting, "a fill that was told stands in no journal"
        self._require_states()
        held = {
            str(name): int(day.state.position_centi[place])
            for day in self.loop.desk.days.values()
            for place, name in np.ndenumerate(day.origin.tickers)
            if name and name not in self.executor._record.book.settled
        }
        assert {name: centi for name, centi in held.items() if centi} == self.exchange.made.account.positions

    def _said(self) -> set[tuple[datetime, str]]:
        """Return the signals of every minute that was decided in its time, as the journals have them."""
        journal = self.loop.desk.journal
        kept = [one for day in journal.event_dates() for one in journal.read(day).of_minutes]
        return {
            (one.minute_utc, name) for one in kept if not one.causes.missed for name in one.signals["market_ticker"]
        }

    def _require_decided(self) -> None:
        """Every order at the exchange was decided: its minute stands in the journal, with an order or a take in it."""
        journal = self.loop.desk.journal
        decided: dict[str, set[datetime]] = {}
        for day in journal.event_dates():
            recorded = journal.read(day)
            for kept in recorded.of_minutes:
                assert kept.causes.books_utc is not None
                assert kept.causes.books_utc <= kept.causes.decided_utc
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

    def append_between(self, event_date: date, record: object) -> None:
        """Die before it is written, or after: before anything is taken out."""
        if self._life._dies_in == "before the journal":
            raise Died
        self._journal.append_between(event_date, record)
        if self._life._dies_in == "after the journal":
            raise Died

    def __getattr__(self, name: str) -> object:
        return getattr(self._journal, name)


def begun(
    folder: Path, lake: Lake, world: World, seed: int, *, hour: float = 13.8, knows_results: bool = False
) -> Life:  # fmt: skip
    """Return a life on the eve of a world's last day, from an hour of it in UTC: its markets open at fourteen."""
    eve = datetime.combine(world.event_dates[-1] - timedelta(days=1), time(), tzinfo=UTC)
    return Life(
        folder=folder, snapshot=lake.snapshot(), world=world, seed=seed, start_utc=eve + timedelta(hours=hour),
        knows_results=knows_results,
    )  # fmt: skip


def lived(folder: Path, lake: Lake, world: World, seed: int, ticks: int, *, hour: float = 13.8) -> Life:
    """Live so many ticks of a world's last days among faults, and end well."""
    life = begun(folder, lake, world, seed, hour=hour)
    for _ in range(ticks):
        life.tick()
    life.end()
    return life


def resting_life(folder: Path, lake: Lake) -> Life:
    """Return a life that has orders in two books."""
    life = begun(folder, lake, WORLD, 7)
    while len(life.loop.desk.trader.resting) < 2:
        life.look()
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
