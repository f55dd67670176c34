"""A new order: held against the limits, written down, sent once, and what became of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from kwx.exec.venue.book_of_orders import PREFIX
from kwx.exec.venue.contract import Venue
from kwx.exec.venue.entries import Accepted, Intent, Rejected, Unsure
from kwx.exec.venue.limits import over_limit
from kwx.exec.venue.own_order import OwnOrder
from kwx.exec.venue.record import Record
from kwx.exec.venue.told import Did, Outcome
from kwx.exec.venue.wanted import Desired, Limits, Take
from pipelines.kalshi.portfolio.records import NewOrder
from warehouse.clock import Clock
from warehouse.errors import Refused, Usage, VendorDown, VendorError, VendorRefused

logger = logging.getLogger(__name__)

NewId = Callable[[], str]
"""Gives the text of a UUID that was never given before."""


@dataclass(frozen=True, kw_only=True)
class Placer:
    """Places orders. `group` gives the order group that they belong to; `stopped` why nothing is sent any more."""

    venue: Venue
    record: Record
    limits: Limits
    clock: Clock
    new_id: NewId
    group: Callable[[], str]
    stopped: Callable[[], str]

    def place(self, wish: Desired | Take) -> Outcome:
        """Place one order: one that rests until it ends by itself, or one that takes at once."""
        if why := self._blocked(wish):
            return Outcome(did=Did.BLOCKED, market_ticker=wish.market_ticker, why=why)
        try:
            group = self.group()
        except VendorError as error:
            why = f"there is no order group for it: {error}"
            return Outcome(did=Did.BLOCKED, market_ticker=wish.market_ticker, why=why)
        if why := self.stopped():  # while a group was waited for
            return Outcome(did=Did.BLOCKED, market_ticker=wish.market_ticker, why=why)
        order = self._order_of(wish)
        if why := over_limit(self.record.book, self.limits, order):
            logger.error("an order in %s was not sent: %s", wish.market_ticker, why)
            return Outcome(did=Did.OVER_LIMIT, market_ticker=wish.market_ticker, why=why)
        self._write_down(order, wish, group)
        return self._send(order, group)

    def _blocked(self, wish: Desired | Take) -> str:
        """Return why nothing may be sent in a market: one order rests in it at a time, and all of them are known."""
        there = self.record.book.open_in(wish.market_ticker)
        if any(order.is_unknown for order in there):
            return "what became of an earlier order in this market is not known"
        return "an earlier order still rests in this market" if there and isinstance(wish, Desired) else ""

    def _order_of(self, wish: Desired | Take) -> OwnOrder:
        now_utc, name = self.clock(), PREFIX + self.new_id()
        if name in self.record.book.orders:
            raise Refused(f"the source of ids gave {name} twice", hint="an id names one order for ever")
        rests = isinstance(wish, Desired)
        return OwnOrder(
            client_order_id=name,
            market_ticker=wish.market_ticker,
            side=wish.side,
            ticks=wish.ticks if isinstance(wish, Desired) else wish.limit_ticks,
            centi=wish.centi,
            most_centi=wish.centi,
            takes=not rests,
            sent_utc=now_utc,
            expires_utc=ends_utc(now_utc, self.limits) if rests else None,
        )

    def _write_down(self, order: OwnOrder, wish: Desired | Take, group: str) -> None:
        self.record.require(
            Intent(
                client_order_id=order.client_order_id,
                market_ticker=order.market_ticker,
                side=order.side,
                ticks=order.ticks,
                centi=order.centi,
                takes=order.takes,
                decision=wish.decision,
                expires_utc=order.expires_utc,
                order_group_id=group,
            )
        )

    def _send(self, order: OwnOrder, group: str) -> Outcome:
        name, ticker = order.client_order_id, order.market_ticker
        try:
            placed = self.venue.create(_on_the_wire(order, group))
        except (VendorRefused, VendorDown, Usage) as error:
            code = error.code if isinstance(error, VendorRefused) else ""
            self.record.note(Rejected(client_order_id=name, why=str(error), code=code))
            if isinstance(error, Usage):
                raise
            logger.warning("order %s in %s was not placed: %s", name, ticker, error)
            return Outcome(did=Did.REFUSED, market_ticker=ticker, client_order_id=name, code=code, why=str(error))
        except VendorError as error:
            self.record.note(Unsure(client_order_id=name, why=str(error)))
            logger.error("nobody knows what became of order %s in %s: %s", name, ticker, error)
            return Outcome(did=Did.AMBIGUOUS, market_ticker=ticker, client_order_id=name, why=str(error))
        self.record.note(
            Accepted(
                client_order_id=name,
                order_id=placed.order_id,
                filled_centi=placed.filled_centi,
                remaining_centi=placed.remaining_centi,
            )
        )
        return Outcome(
            did=Did.TAKEN if order.takes else Did.PLACED,
            market_ticker=ticker,
            client_order_id=name,
            order_id=placed.order_id,
            filled_centi=placed.filled_centi,
        )


def ends_utc(now_utc: datetime, limits: Limits) -> datetime:
    """Return when an order ends that is placed or renewed now, in whole seconds as the exchange counts."""
    return (now_utc + limits.order_life + timedelta(seconds=1)).replace(microsecond=0)


def _on_the_wire(order: OwnOrder, group: str) -> NewOrder:
    return NewOrder(
        client_order_id=order.client_order_id,
        market_ticker=order.market_ticker,
        side=order.side,
        price_ticks=order.ticks,
        centi=order.centi,
        in_force="immediate_or_cancel" if order.takes else "good_till_canceled",
        post_only=not order.takes,
        expires_utc=order.expires_utc,
        order_group_id=group,
    )
