"""An exchange fills: orders go out, and what it reports is written into the states."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from kwx.exec.reported import Fill, Place, Resting, with_fills, with_orders
from kwx.exec.state import Actions, State
from kwx.exec.venue.executor import Executor
from kwx.exec.venue.kill import Kill
from kwx.exec.venue.own_order import OwnOrder
from kwx.exec.venue.told import Outcome, VenueFill
from kwx.exec.venue.turn import Turn
from kwx.exec.venue.wanted import Decision, Desired, Take
from kwx.live.trader import Reported, Running, States
from warehouse.errors import VendorError

logger = logging.getLogger(__name__)


@dataclass
class OnExchange:
    """Orders go out through the executor; positions, money and orders of the states are what the exchange says.

    While the account cannot be read nothing new is sent, and the states stay as they were known last. A fill is told
    until the journal of its date has it, also after a restart. noted_already: the fills that journals hold by now.
    """

    executor: Executor
    kill: Kill
    noted_already: set[tuple[str, str]] = field(default_factory=set)
    _blind: str = ""
    _is_sending: bool = False
    _waiting: dict[tuple[str, str], VenueFill] = field(default_factory=dict)
    _heard: int = 0

    @property
    def turn(self) -> Turn:
        """The executor's."""
        return self.executor.turn

    @property
    def halted(self) -> str:
        """Why nothing is traded any more."""
        halt = self.executor.halted
        return self.kill.why or ("" if halt is None else f"halted: {halt.why}") or self._blind

    @property
    def waiting(self) -> Sequence[VenueFill]:
        """Fills that stand in no journal yet, in the order in which they were told."""
        with self.turn:
            new = self.executor.fills_after(self._heard)
            self._heard += len(new)
            self._waiting |= {(fill.trade_id, fill.order_id): fill for fill in new}
            for key in self._waiting.keys() & self.noted_already:
                del self._waiting[key]
            return list(self._waiting.values())

    def halt(self, why: str) -> None:
        """Cancel everything, and send nothing any more."""
        self.executor.halt(why)

    def before(self, running: Mapping[date, Running], states: States) -> Reported:
        """Write what was filled since the last minute into the states, and which orders really rest."""
        with self.turn:
            fills = self._by_date(running)
            filled = {day: with_fills(state, _fills(running[day], fills.get(day, ()))) for day, state in states.items()}
            if self._is_sending:
                return Reported(filled, fills)
            resting = {order.market_ticker: _resting(order) for order in self.executor.open_orders if order.left_centi}
        return Reported({day: with_orders(one, _placed(running[day], resting)) for day, one in filled.items()}, fills)

    def sending(self) -> None:
        """Take what the states want for what rests, until it was sent."""
        self._is_sending = True

    def after(
        self, running: Mapping[date, Running], states: States, actions: Mapping[date, Actions], minute_utc: datetime,
        *, unless: Set[str],
    ) -> Sequence[Outcome]:  # fmt: skip
        """Send what was decided of all dates at once; what comes of it is told before the next minute."""
        try:
            return self._sent(running, states, actions, minute_utc, unless)
        finally:
            self._is_sending = False

    def _sent(
        self, running: Mapping[date, Running], states: States, actions: Mapping[date, Actions], minute_utc: datetime,
        unless: Set[str],
    ) -> Sequence[Outcome]:  # fmt: skip
        desired = [one for day, state in states.items() for one in _desired(running[day], state, minute_utc)]
        takes = [one for day, did in actions.items() for one in _takes(running[day], did, minute_utc)]
        taken = {take.market_ticker for take in takes}
        return self.executor.apply([one for one in desired if one.market_ticker not in taken], takes, unless=unless)

    def at_stake(self, running: Mapping[date, Running], states: States) -> Set[str]:
        """Return the markets in which an order rests, or while a minute is sent those in which it wants one."""
        with self.turn:
            if not self._is_sending:
                return self.resting
            return {str(running[day].tickers[place]) for day, state in states.items() for place in _ordered(state)}

    @property
    def resting(self) -> Set[str]:
        """The markets in which an order rests that can be taken out: of no other is known what became of it."""
        return {
            order.market_ticker
            for order in self.executor.open_orders
            if order.left_centi and order.order_id is not None and not order.is_unknown
        }

    def withdraw(self, market_tickers: Collection[str], why: str) -> Sequence[Outcome]:
        """Cancel what rests in some markets."""
        return self.executor.withdraw(market_tickers, why=why)

    def retreat(self) -> None:
        """Cancel what rests; what is held stays."""
        self._is_sending = False
        self.executor.apply([], [])

    def close(self) -> None:
        """Cancel everything, and see that it is gone."""
        self.executor.stop()

    def look(self) -> None:
        """Hold the account against our journal; the executor halts, cancels and stays quiet where they differ."""
        try:
            self.executor.poll()
        except VendorError as error:
            self._blind = f"the account cannot be read: {error}"
            logger.warning("%s", self._blind)
        else:
            self._blind = ""

    def noted(self, fills: Sequence[VenueFill]) -> None:
        """Tell these fills no more."""
        with self.turn:
            self.noted_already |= {(fill.trade_id, fill.order_id) for fill in fills}

    def _by_date(self, running: Mapping[date, Running]) -> dict[date, list[VenueFill]]:
        """Return the fills that no journal has, by the date that they belong to."""
        fills: dict[date, list[VenueFill]] = {}
        for fill in self.waiting:
            for day, run in running.items():
                if run.place_of(fill.market_ticker) is not None:
                    fills.setdefault(day, []).append(fill)
        return fills


def _placed(run: Running, resting: Mapping[str, Resting]) -> dict[Place, Resting]:
    """Return what rests of one date, by where its markets lie."""
    placed = {run.place_of(ticker): order for ticker, order in resting.items()}
    return {place: order for place, order in placed.items() if place is not None}


def _resting(order: OwnOrder) -> Resting:
    return Resting(side=order.side, ticks=order.ticks, left_centi=order.left_centi)


def _fills(run: Running, fills: Sequence[VenueFill]) -> Iterator[Fill]:
    for one in fills:
        place = run.place_of(one.market_ticker)
        if place is not None:
            yield Fill(
                place=place, centi=one.side * one.centi, ticks=one.ticks, fee_micros=one.fee_micros,
                rested=not one.is_taker,
            )  # fmt: skip


def _desired(run: Running, state: State, minute_utc: datetime) -> Iterator[Desired]:
    """Yield the order of each market that is to rest."""
    orders = state.orders
    for place in _ordered(state):
        ticker = str(run.tickers[place])
        yield Desired(
            market_ticker=ticker, side=int(orders.side[place]), ticks=int(orders.ticks[place]),
            centi=int(orders.left_centi[place]), decision=_decision(run, ticker, minute_utc),
        )  # fmt: skip


def _ordered(state: State) -> Iterator[Place]:
    """Yield where a state wants an order to rest."""
    yield from zip(*np.nonzero((state.orders.side != 0) & (state.orders.left_centi > 0)), strict=True)


def _takes(run: Running, did: Actions, minute_utc: datetime) -> Iterator[Take]:
    """Yield what is to be taken at once."""
    for place in zip(*np.nonzero(did.took_centi), strict=True):
        ticker, centi = str(run.tickers[place]), int(did.took_centi[place])
        yield Take(
            market_ticker=ticker, side=1 if centi > 0 else -1, limit_ticks=int(did.took_ticks[place]),
            centi=abs(centi), decision=_decision(run, ticker, minute_utc),
        )  # fmt: skip


def _decision(run: Running, ticker: str, minute_utc: datetime) -> Decision:
    return Decision(run_id=run.run_id, ts_utc=minute_utc, market_ticker=ticker)
