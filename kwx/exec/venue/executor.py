"""From wishes to orders at an exchange: nothing lost, nothing doubled, nothing risked on what is not known.

`start` makes journal and exchange agree or refuses. Then in every tick `poll` reads the account, books what is new and
holds both against each other; `apply` does the least that brings the orders to what is wished. A mismatch halts: all
orders are cancelled and nothing new is sent by this process again. While the account cannot be read, orders are
cancelled at most. There is no clock and no chance of its own in here.

What it knows is its own turn's (kwx.exec.venue.turn), which is let go while the exchange is waited for: another thread
may take orders out then, and finds everything whole. Looks and wishes come from one thread alone. Signals and the kill
file may come at any time.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import cast

from kwx.exec.venue.changing import Changer
from kwx.exec.venue.contract import Venue
from kwx.exec.venue.entries import Filled, Halted
from kwx.exec.venue.journal import Journal
from kwx.exec.venue.kill import Kill
from kwx.exec.venue.opening import LOOKS_AT_ONCE, open_account
from kwx.exec.venue.own_order import OwnOrder
from kwx.exec.venue.placing import NewId, Placer
from kwx.exec.venue.plan import CALLED_OFF, Act, Step, called_off, steps_of
from kwx.exec.venue.reconcile import differences
from kwx.exec.venue.record import Record
from kwx.exec.venue.retreat import Retreat
from kwx.exec.venue.sighting import look, note_fill, take_in
from kwx.exec.venue.told import Did, Difference, Halt, Outcome, Reconciled, VenueFill
from kwx.exec.venue.turn import Turn, WaitedFor
from kwx.exec.venue.wanted import Desired, Limits, Take
from pipelines.kalshi.portfolio.records import Fill
from warehouse.clock import Clock
from warehouse.errors import KwxError, Refused, VendorDown

logger = logging.getLogger(__name__)

RISKS = frozenset({Act.TAKE, Act.CREATE, Act.AMEND, Act.RENEW})
"""What puts money at risk, or keeps it there for longer."""

GROUP_STOPPED = "group"
"""Part of the exchange's word where an order group takes no orders."""

STOPS = 3
"""How often everything is cancelled at the end before it is told that something rests."""


class Executor:
    """One account at one exchange."""

    def __init__(
        self, venue: Venue, journal: Journal, limits: Limits, clock: Clock, new_id: NewId, kill: Kill
    ) -> None:  # fmt: skip
        self.turn = Turn()
        self._venue = venue = cast("Venue", WaitedFor(venue, self.turn))
        self._limits = limits
        self._clock = clock
        self._kill = kill
        self._record = Record(journal, clock=clock)
        self._retreat = Retreat(venue, self._record, limits, clock)
        self._placer = Placer(
            venue=venue, record=self._record, limits=limits, clock=clock, new_id=new_id, group=self._retreat.group,
            stopped=lambda: self._why_not() if self._must_stand_down() else "",
        )  # fmt: skip
        self._changer = Changer(venue=venue, record=self._record, limits=limits, clock=clock)
        self._fills_told = len(self._record.book.fills)
        self._started = False
        self._is_blind = False
        self._late_since: dict[tuple[str, str], datetime] = {}
        self._halt: Halt | None = None
        self._changing: set[str] = set()

    # How it stands

    @property
    def open_orders(self) -> Sequence[OwnOrder]:
        """Every order of ours that may rest, those of which nobody knows among them."""
        with self.turn:
            return self._record.book.open_orders

    @property
    def positions_centi(self) -> Mapping[str, int]:
        """What our fills left us of each market, sold with a minus."""
        with self.turn:
            return self._record.book.account.positions_centi

    @property
    def cash_micros(self) -> int:
        """What our fills left us to spend, a dollar bound for each contract that is sold short."""
        with self.turn:
            return self._record.book.account.cash_micros

    @property
    def fills(self) -> Sequence[VenueFill]:
        """Every fill of the journal, for who has to write them elsewhere after a crash."""
        return self.fills_after(0)

    def fills_after(self, number: int) -> Sequence[VenueFill]:
        """Return the fills of the journal after so many of them."""
        with self.turn:
            return [self._told(fill) for fill in self._record.book.fills[number:]]

    @property
    def is_halted(self) -> bool:
        """True when trading has stopped in this process for good."""
        return self._halt is not None

    @property
    def halted(self) -> Halt | None:
        """Why trading has stopped, None while it has not."""
        return self._halt

    # What it does

    def start(self, *, adopt: bool = False) -> Reconciled:
        """Make journal and exchange agree, or refuse; `adopt` takes in orders that bear our mark in no journal."""
        with self.turn:
            return self._agreed(adopt=adopt)

    def apply(
        self, desired: Sequence[Desired], takes: Sequence[Take], *, unless: Set[str] = frozenset()
    ) -> Sequence[Outcome]:  # fmt: skip
        """Do the least that has exactly the desired orders rest, and take what is to be taken; tell each outcome.

        unless: markets in which no order is wanted any more; it may grow while the exchange is waited for.
        """
        with self.turn:
            self._require_started()
            steps = steps_of(self._record.book, desired, takes, limits=self._limits, now_utc=self._clock())
            outcomes = self._all_done(steps, unless)
            self._record.sync()
            self._stand_down_if_we_must()
            return outcomes

    def withdraw(self, market_tickers: Collection[str], *, why: str) -> Sequence[Outcome]:
        """Cancel what rests in some markets, as far as it is known, and leave everything else as it is."""
        with self.turn:
            self._require_started()
            outcomes = [outcome for ticker in sorted(market_tickers) for outcome in self._withdrawn(ticker, why)]
            self._record.sync()
            return outcomes

    def poll(self) -> Sequence[VenueFill]:
        """Read the account, halt where it is not as our record says, and return fills that were not returned yet."""
        with self.turn:
            self._require_started()
            self._is_blind = True
            try:
                self._hold_against_the_exchange()
                self._is_blind = False
            finally:
                self._record.sync()
                self._stand_down_if_we_must()
            return self._new_fills()

    def hear(self, fills: Sequence[Fill]) -> None:
        """Book fills that the stream told before the account was read; `poll` returns them."""
        with self.turn:
            for fill in fills:
                if not note_fill(self._record, fill):
                    logger.info("fill %s is of no order that is known yet", fill.trade_id)

    def halt(self, reason: str) -> Halt:
        """Stop trading for good: cancel everything, send nothing new."""
        with self.turn:
            return self._stopped_for_good(reason)

    def stop(self) -> None:
        """Cancel everything and see that nothing rests; say so loudly where that cannot be seen."""
        self._kill.stop()
        with self.turn:
            for _ in range(STOPS):
                stood = self._retreat.stand_down(anew=True)
                if stood.is_clear:
                    self._look_a_last_time()
                    self._record.sync()
                    return
        left = "nobody could look" if stood.left is None else f"{len(stood.left)} orders still rest"
        raise VendorDown(
            f"at the end {left}: {'; '.join(stood.errors) or 'the exchange gave no reason'}",
            hint=f"look at the account; what rests ends by itself after {self._limits.order_life}",
        )

    # Below

    def _agreed(self, *, adopt: bool) -> Reconciled:
        if self._kill.holds:
            raise Refused(f"nothing is sent: {self._kill.why}", hint="the file is removed by a person, not by kwx")
        known = len(self._record.book.fills)
        adopted = open_account(
            self._venue, self._record, limits=self._limits, clock=self._clock, adopt=adopt
        )  # fmt: skip
        self._retreat.group()
        self._started = True
        orders = self.open_orders
        return Reconciled(
            cash_micros=self.cash_micros,
            positions_centi=self.positions_centi,
            resting=sum(not order.is_unknown for order in orders),
            new_fills=len(self._record.book.fills) - known,
            ambiguous=tuple(order.client_order_id for order in orders if order.is_unknown),
            adopted=adopted,
        )

    def _all_done(self, steps: Sequence[Step], unless: Set[str]) -> list[Outcome]:
        """Do one step after the other until we must stand down; the rest is blocked then."""
        outcomes: list[Outcome] = []
        for number, step in enumerate(steps):
            if self._must_stand_down():
                return outcomes + [_blocked(left, self._why_not()) for left in steps[number:]]
            outcomes.append(self._do(called_off(step) if step.market_ticker in unless else step))
            if step.market_ticker in unless:  # also one that was called off while it was being sent
                outcomes += self._withdrawn(step.market_ticker, CALLED_OFF)
        return outcomes

    def _withdrawn(self, market_ticker: str, why: str) -> list[Outcome]:
        """Cancel what is known to rest in a market; an order that somebody changes just now is left to them."""
        known = [one for one in self._record.book.open_in(market_ticker) if one.order_id and not one.is_unknown]
        ours = [order for order in known if order.client_order_id not in self._changing]
        return [
            self._do(Step(act=Act.CANCEL, market_ticker=market_ticker, order=order, why=why)) for order in ours
        ]  # fmt: skip

    def _do(self, step: Step) -> Outcome:
        why = self._why_left_alone(step.order)
        if why:
            return _blocked(step, why)
        try:
            with self._changed_by_us(step.order):
                outcome = self._done(step)
        except (KwxError, OSError) as error:
            if not self._record.broken:
                raise
            return _blocked(step, str(error))
        if outcome.did is Did.REFUSED and GROUP_STOPPED in outcome.code:
            self._stopped_for_good(
                f"the exchange stopped our order group, which filled faster than its limit: {outcome.why}"
            )
        return outcome

    def _why_left_alone(self, order: OwnOrder | None) -> str:
        """Return why nothing is done to an order: since it was looked at, another thread may have taken it out."""
        if order is None:
            return ""
        if order.client_order_id in self._changing:
            return "it is being taken out"
        return "" if order.is_open else "it was taken out"

    @contextmanager
    def _changed_by_us(self, order: OwnOrder | None) -> Iterator[None]:
        """Have nobody else change an order until its change was answered."""
        ours = set() if order is None else {order.client_order_id}
        self._changing |= ours
        try:
            yield
        finally:
            self._changing -= ours

    def _done(self, step: Step) -> Outcome:
        why = self._why_blocked(step)
        if why:
            return _blocked(step, why)
        order, wish = step.order, step.desired or step.take
        if step.act in {Act.TAKE, Act.CREATE} and wish is not None:
            return self._placer.place(wish)
        return _kept(step) if order is None or step.act is Act.KEEP else self._changed(step, order)

    def _changed(self, step: Step, order: OwnOrder) -> Outcome:
        if step.act is Act.CANCEL or step.desired is None:
            return self._changer.cancel(order, why=step.why)
        change = {
            Act.DECREASE: self._changer.decrease,
            Act.AMEND: self._changer.amend,
            Act.RENEW: self._changer.renew,
        }[step.act]
        return change(order, step.desired)

    def _why_blocked(self, step: Step) -> str:
        """Return why a step is not done, empty where it is: what takes risk away always is."""
        if step.act is Act.BLOCK:
            return step.why
        if self._is_blind and step.act in RISKS:
            return "the account could not be read"
        return self._retreat.why_quiet() if step.act in RISKS else ""

    def _hold_against_the_exchange(self) -> None:
        """Look until nothing is unexplained, or it is a mismatch; what may only be late is given its time."""
        found: list[Difference] = []
        for number in range(LOOKS_AT_ONCE):
            now_utc = self._clock()
            seen = look(self._venue, self._record.book, now_utc=now_utc, anew=number > 0)
            surprises = take_in(self._record, seen, limits=self._limits, now_utc=now_utc)
            self._retreat.looked()
            found = differences(self._record.book, seen, surprises)
            if surprises.foreign_fills or surprises.risen or not found:
                break
        mismatches = self._mismatches(found)
        if mismatches:
            told = "; ".join(str(one) for one in mismatches)
            self._stopped_for_good(f"the account is not as our record says: {told}", found=mismatches)

    def _mismatches(self, found: Sequence[Difference]) -> list[Difference]:
        """Return what is no more than late only while it is not for too long."""
        now_utc = self._clock()
        late = {(one.what, one.subject) for one in found if one.is_late}
        self._late_since = {key: self._late_since.get(key, now_utc) for key in late}
        return [
            one
            for one in found
            if not one.is_late or now_utc - self._late_since[one.what, one.subject] >= self._limits.late_after
        ]

    def _stopped_for_good(self, reason: str, *, found: Sequence[Difference] = ()) -> Halt:
        if self._halt is None:
            self._halt = Halt(why=reason, at_utc=self._clock(), differences=tuple(found))
            logger.critical("HALT: %s", reason)
            self._record.note(Halted(why=reason))
        self._retreat.stand_down()
        return self._halt

    def _must_stand_down(self) -> bool:
        if self._record.broken and self._halt is None:
            self._stopped_for_good(self._record.broken)
        return self._halt is not None or self._kill.holds

    def _stand_down_if_we_must(self) -> None:
        if self._must_stand_down():
            self._retreat.stand_down()

    def _look_a_last_time(self) -> None:
        """Book what was filled until the end; where that is not possible the next start does it."""
        try:
            now_utc = self._clock()
            take_in(
                self._record,
                look(self._venue, self._record.book, now_utc=now_utc),
                limits=self._limits,
                now_utc=now_utc,
            )
        except KwxError as error:
            logger.warning("the last look at the account failed: %s", error)

    def _why_not(self) -> str:
        return self._kill.why if self._halt is None else f"halted: {self._halt.why}"

    def _new_fills(self) -> list[VenueFill]:
        fills = self._record.book.fills
        new, self._fills_told = fills[self._fills_told :], len(fills)
        return [self._told(fill) for fill in new]

    def _told(self, fill: Filled) -> VenueFill:
        return VenueFill(
            trade_id=fill.trade_id,
            order_id=fill.order_id,
            client_order_id=fill.client_order_id,
            market_ticker=fill.market_ticker,
            side=fill.side,
            ticks=fill.ticks,
            centi=fill.centi,
            fee_micros=fill.fee_micros,
            is_taker=fill.is_taker,
            at_utc=fill.at_utc,
            decision=self._record.book.orders[fill.client_order_id].decision,
        )

    def _require_started(self) -> None:
        if not self._started:
            raise Refused("nothing was reconciled yet", hint="call start first")


def _blocked(step: Step, why: str) -> Outcome:
    return replace(_kept(step), did=Did.BLOCKED, why=why)


def _kept(step: Step) -> Outcome:
    order = step.order
    return Outcome(
        did=Did.KEPT,
        market_ticker=step.market_ticker,
        client_order_id="" if order is None else order.client_order_id,
        order_id="" if order is None else order.order_id or "",
    )
