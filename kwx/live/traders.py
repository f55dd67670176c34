"""Who fills: nobody but the model inside the step, or the exchange, whose reports are written into the states."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple, Protocol

import numpy as np

from kwx.exec.bars.bars import Words
from kwx.exec.reported import Fill, Place, Resting, with_fills, with_orders
from kwx.exec.state import Actions, State
from kwx.exec.venue.executor import Executor
from kwx.exec.venue.kill import Kill
from kwx.exec.venue.own_order import OwnOrder
from kwx.exec.venue.told import Outcome, VenueFill
from kwx.exec.venue.wanted import Decision, Desired, Take
from warehouse.errors import VendorError

logger = logging.getLogger(__name__)

States = Mapping[date, State]


@dataclass(frozen=True, kw_only=True, eq=False)
class Running:
    """One event date that is traded: its run, and where each market lies in its arrays."""

    event_date: date
    run_id: str
    tickers: Words

    def place_of(self, market_ticker: str) -> Place | None:
        """Return where a market lies, None where it is none of this date."""
        found = np.argwhere(self.tickers == market_ticker)
        return None if not len(found) else (int(found[0][0]), int(found[0][1]), int(found[0][2]))


class Reported(NamedTuple):
    """States with what an exchange had reported, and that as rows for the journal, by event date."""

    states: States
    fills: Mapping[date, Sequence[VenueFill]]


class Trader(Protocol):
    """What stands between a decision and its fills."""

    @property
    def halted(self) -> str:
        """Why nothing is traded any more; empty while it may be."""
        ...

    @property
    def waiting(self) -> Sequence[VenueFill]:
        """Fills that stand in no journal yet, in the order in which they were told."""
        ...

    def look(self) -> None:
        """Read the account; stand down where it is not as it should be."""
        ...

    def halt(self, why: str) -> None:
        """Trade nothing any more: something is not as it should be."""
        ...

    def before(self, running: Mapping[date, Running], states: States) -> Reported:
        """Return the states as the next minute is to find them, with fills that no journal has noted yet."""
        ...

    def noted(self, fills: Sequence[VenueFill]) -> None:
        """Hear that these fills stand in a journal: they are not told again."""
        ...

    def after(
        self, running: Mapping[date, Running], states: States, actions: Mapping[date, Actions], minute_utc: datetime
    ) -> Sequence[Outcome]:
        """Do what was decided, and tell what became of each order."""
        ...

    @property
    def resting(self) -> Set[str]:
        """The markets in which an order of ours is known to rest at an exchange."""
        ...

    def withdraw(self, market_tickers: Collection[str], why: str) -> Sequence[Outcome]:
        """Take out what rests in some markets, and tell what became of each order."""
        ...

    def retreat(self) -> None:
        """Take out whatever rests."""
        ...

    def close(self) -> None:
        """Leave nothing behind that rests."""
        ...


@dataclass
class Paper:
    """Nothing is sent: the model of fills inside the step has filled already."""

    halted: str = ""
    waiting: Sequence[VenueFill] = ()

    def look(self) -> None:
        """There is no account."""

    def halt(self, why: str) -> None:
        """Trade nothing any more."""
        self.halted = why

    def noted(self, fills: Sequence[VenueFill]) -> None:
        """There are none."""

    def before(self, running: Mapping[date, Running], states: States) -> Reported:
        """Return the states as they are."""
        return Reported(states, {})

    def after(
        self, running: Mapping[date, Running], states: States, actions: Mapping[date, Actions], minute_utc: datetime
    ) -> Sequence[Outcome]:
        """Do nothing."""
        return ()

    @property
    def resting(self) -> Set[str]:
        """Nothing rests anywhere: a model fills an order by all that a minute trades, or it is taken out at its end."""
        return frozenset()

    def withdraw(self, market_tickers: Collection[str], why: str) -> Sequence[Outcome]:
        """There is nothing to take out."""
        return ()

    def retreat(self) -> None:
        """Nothing rests anywhere; what a model would fill is taken out by the next step."""

    def close(self) -> None:
        """Nothing rests anywhere."""


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
    _waiting: dict[tuple[str, str], VenueFill] = field(default_factory=dict)
    _heard: int = 0

    @property
    def halted(self) -> str:
        """Why nothing is traded any more."""
        halt = self.executor.halted
        return self.kill.why or ("" if halt is None else f"halted: {halt.why}") or self._blind

    @property
    def waiting(self) -> Sequence[VenueFill]:
        """Fills that stand in no journal yet, in the order in which they were told."""
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
        fills = self._by_date(running)
        resting = {order.market_ticker: _resting(order) for order in self.executor.open_orders if order.left_centi}
        told = {day: self._told(running[day], state, fills.get(day, ()), resting) for day, state in states.items()}
        return Reported(told, fills)

    def after(
        self, running: Mapping[date, Running], states: States, actions: Mapping[date, Actions], minute_utc: datetime
    ) -> Sequence[Outcome]:
        """Send what was decided of all dates at once; what comes of it is told before the next minute."""
        desired = [one for day, state in states.items() for one in _desired(running[day], state, minute_utc)]
        takes = [one for day, did in actions.items() for one in _takes(running[day], did, minute_utc)]
        taken = {take.market_ticker for take in takes}
        return self.executor.apply([one for one in desired if one.market_ticker not in taken], takes)

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
        self.noted_already |= {(fill.trade_id, fill.order_id) for fill in fills}

    def _by_date(self, running: Mapping[date, Running]) -> dict[date, list[VenueFill]]:
        """Return the fills that no journal has, by the date that they belong to."""
        fills: dict[date, list[VenueFill]] = {}
        for fill in self.waiting:
            for day, run in running.items():
                if run.place_of(fill.market_ticker) is not None:
                    fills.setdefault(day, []).append(fill)
        return fills

    def _told(
        self, run: Running, state: State, fills: Sequence[VenueFill], resting: Mapping[str, Resting]
    ) -> State:  # fmt: skip
        filled = with_fills(state, _fills(run, fills))
        placed = {run.place_of(ticker): order for ticker, order in resting.items()}
        return with_orders(filled, {place: order for place, order in placed.items() if place is not None})


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
    for place in zip(*np.nonzero((orders.side != 0) & (orders.left_centi > 0)), strict=True):
        ticker = str(run.tickers[place])
        yield Desired(
            market_ticker=ticker, side=int(orders.side[place]), ticks=int(orders.ticks[place]),
            centi=int(orders.left_centi[place]), decision=_decision(run, ticker, minute_utc),
        )  # fmt: skip


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
