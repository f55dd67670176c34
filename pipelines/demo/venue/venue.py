"""The venue: markets of a demo world that live by its clock, and one account that trades in them.

Pure: no network, no file, and no time but the one it is told. The same world, seed and orders at the same instants
give the same fills.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Final

from pipelines.demo.fees import schedule_of
from pipelines.demo.session import MINUTE_US
from pipelines.demo.truth import LISTED_MINUTES_BEFORE
from pipelines.demo.venue.account import Account
from pipelines.demo.venue.backdrop import Backdrop, backdrop, instant_of, micros_of
from pipelines.demo.venue.book import Levels
from pipelines.demo.venue.desk import Desk
from pipelines.demo.venue.floor import Floor, LateUs
from pipelines.demo.venue.funds import FeeRuleAt
from pipelines.demo.venue.market import Listing, Market
from pipelines.demo.venue.names import Names
from pipelines.demo.venue.notices import Notices
from pipelines.demo.venue.timers import Now, Rank, Timers
from pipelines.demo.venue.words import Reason, Side
from pipelines.demo.weather import opening_utc
from pipelines.demo.world import World
from warehouse.errors import Usage
from warehouse.market.cities import city
from warehouse.market.climate_day import ClimateDay
from warehouse.market.fees import FEE_STEP_MICROS, FeeRule

Window = tuple[datetime, datetime]

USUAL_CASH_MICROS: Final = 1_000_000_000
_SETTLES_WITHIN: Final = timedelta(days=3)


class Venue:
    """One venue. Its lock is held by whoever uses it from several threads; `at` does."""

    def __init__(
        self,
        world: World,
        *,
        start_utc: datetime,
        start_cash_micros: int = USUAL_CASH_MICROS,
        seed: int = 0,
        rounding: str = "tick",
        pauses: Sequence[Window] = (),
        fee_rule_at: FeeRuleAt | None = None,
        late_us: LateUs = lambda trade_id: 0,
    ) -> None:
        self.world = world
        self.lock = threading.RLock()
        self.markets: dict[str, Market] = {}
        self.account = Account(start_cash_micros=start_cash_micros, step_micros=FEE_STEP_MICROS[rounding])
        self.start_us = micros_of(start_utc)
        self._now, self._timers = Now(us=self.start_us), Timers()
        self._floor = Floor(
            account=self.account,
            markets=self.markets,
            present=self._now,
            timers=self._timers,
            names=Names(seed),
            notices=Notices(now=self._now, timers=self._timers),
            fee_rule_at=fee_rule_at or self._fee_rule_at,
            late_us=late_us,
        )
        self.desk = Desk(self._floor)
        for window in pauses:
            self.pause(*window)
        for city_key in world.cities:
            for day in world.event_dates:
                self._plan_event(city_key, day)
        self.advance_to(start_utc)

    @property
    def now_us(self) -> int:
        """The present, in microseconds since the epoch."""
        return self._now.us

    @property
    def now_utc(self) -> datetime:
        """The present."""
        return instant_of(self._now.us)

    @contextmanager
    def at(self, instant_utc: datetime) -> Iterator[Desk]:
        """Let time pass up to an instant, and hand out the desk to one thread at a time."""
        with self.lock:
            self.advance_to(instant_utc)
            yield self.desk

    def advance_to(self, instant_utc: datetime) -> None:
        """Let everything happen up to an instant, in order; time never goes back."""
        until_us = micros_of(instant_utc)
        with self.lock:
            while (next_us := self._timers.next_us) is not None and next_us <= until_us:
                self._now.us = max(self._now.us, next_us)
                self._timers.pop()()
            self._now.us = max(self._now.us, until_us)

    def pause(self, from_utc: datetime, until_utc: datetime) -> None:
        """Let trading pause between two instants; it begins at once where the first is over."""
        if until_utc <= from_utc:
            raise Usage(f"the pause {from_utc} … {until_utc} ends before it begins", hint="name its end second")
        self._timers.at(micros_of(from_utc), Rank.PAUSE, self._pause)
        self._timers.at(micros_of(until_utc), Rank.PAUSE, self._resume)

    @property
    def is_paused(self) -> bool:
        """Whether trading is paused."""
        return self._floor.is_paused

    def levels(self, ticker: str) -> tuple[Levels, Levels]:
        """Return the bids and the offers of a market, the worst first; none of one that is not known."""
        market = self.markets.get(ticker)
        return ([], []) if market is None else (market.book.levels(Side.BID), market.book.levels(Side.ASK))

    def _fee_rule_at(self, listing: Listing, at_us: int) -> FeeRule:
        return schedule_of(self.world, listing.city_key, listing.event_date).rule_at(instant_of(at_us))

    # --- how time passes ----------------------------------------------------------------------------------------------

    def _plan_event(self, city_key: str, day: date) -> None:
        """Have an event's markets come into being when they are listed; what must have settled is never looked at."""
        listed_us = micros_of(opening_utc(day) - timedelta(minutes=LISTED_MINUTES_BEFORE))
        if self.start_us > micros_of(ClimateDay(city(city_key), day).end_utc + _SETTLES_WITHIN):
            return
        self._timers.at(listed_us, Rank.CLOSE, lambda: self._list(backdrop(self.world, city_key, day)))

    def _list(self, scene: Backdrop) -> None:
        """Bring an event's markets into being as they stand by now, and plan what becomes of them."""
        markets = [Market(listing, now=self._now, match=self._floor.matched) for listing in scene.listings]
        first = scene.listings[0]
        if first.settled_us <= self._now.us:
            return
        self.markets.update({market.listing.ticker: market for market in markets})
        if first.close_us > self._now.us:
            self._catch_up(scene, markets)
            self._timers.at(first.close_us, Rank.CLOSE, lambda: self._close(markets))
        self._timers.at(first.settled_us, Rank.CLOSE, lambda: self._settle(markets))

    def _catch_up(self, scene: Backdrop, markets: Sequence[Market]) -> None:
        past = scene.moved_by(self._now.us)
        for move in scene.moves[:past]:
            markets[move.place].mean(move.side, move.ticks, move.change_centi)
            if move.trade_id is not None:
                markets[move.place].volume_centi -= move.change_centi
                markets[move.place].last_ticks = move.ticks
        for market in markets:
            market.follow_all()
            market.changes.forget()
        self._plan_moves(scene, markets, past)
        self._plan_ticks(markets, scene.listings[0].open_us)

    def _plan_moves(self, scene: Backdrop, markets: Sequence[Market], place: int) -> None:
        if place < len(scene.moves) and scene.moves[place].at_us < scene.listings[0].close_us:
            self._timers.at(scene.moves[place].at_us, Rank.BACKDROP, lambda: self._move(scene, markets, place))

    def _plan_ticks(self, markets: Sequence[Market], after_us: int) -> None:
        """Have the sums of every market told at the end of each minute in which they moved."""
        next_us = after_us + MINUTE_US * (1 + max(0, self._now.us - after_us) // MINUTE_US)
        if next_us <= markets[0].listing.close_us:
            self._timers.at(next_us, Rank.TICK, lambda: self._tick(markets, next_us))

    def _tick(self, markets: Sequence[Market], at_us: int) -> None:
        for market in markets:
            market.tick()
        self._plan_ticks(markets, at_us)

    def _move(self, scene: Backdrop, markets: Sequence[Market], place: int) -> None:
        """Let all moves of one instant happen; while trading is paused makers only mean to."""
        at_us = scene.moves[place].at_us
        while place < len(scene.moves) and scene.moves[place].at_us == at_us:
            move = scene.moves[place]
            market = markets[move.place]
            market.mean(move.side, move.ticks, move.change_centi)
            if self._floor.is_paused:
                pass
            elif move.trade_id is not None:
                market.take(move.side.other, move.ticks, -move.change_centi, move.trade_id)
            else:
                market.follow(move.side, move.ticks)
            place += 1
        self._plan_moves(scene, markets, place)

    def _close(self, markets: Iterable[Market]) -> None:
        for market in markets:
            self._floor.cancel_all([lot.order for lot in market.lots.values() if lot.order], Reason.CLOSE)
            market.clear()

    def _settle(self, markets: Iterable[Market]) -> None:
        for market in markets:
            ticker = market.listing.ticker
            self.account.settle(ticker, self._now.us)
            if ticker in self.account.holdings:
                self._floor.notices.of_position(self.account.holdings[ticker])
            market.changes.forget()
            market.ticks.forget()

    def _pause(self) -> None:
        """Let nothing trade; orders that do not want to outlive a pause are cancelled."""
        self._floor.is_paused = True
        timid = [order for order in self.desk.open.values() if order.wanted.cancel_on_pause]
        self._floor.cancel_all(timid, Reason.HALT)

    def _resume(self) -> None:
        self._floor.is_paused = False
        for market in self.markets.values():
            if market.is_trading:
                market.follow_all()
