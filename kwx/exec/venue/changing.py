"""A change of an order that rests: written down, sent, and what became of it.

A change that was refused or not heard is looked at once, because a cancel that fails may mean that the order is gone.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from kwx.exec.venue.contract import Venue
from kwx.exec.venue.entries import Changing, Seen, Status, What
from kwx.exec.venue.limits import over_limit
from kwx.exec.venue.own_order import OwnOrder
from kwx.exec.venue.placing import ends_utc
from kwx.exec.venue.record import Record
from kwx.exec.venue.sighting import note_order
from kwx.exec.venue.told import Did, Outcome
from kwx.exec.venue.wanted import Desired, Limits
from pipelines.kalshi.portfolio.records import Amendment
from warehouse.clock import Clock
from warehouse.errors import KwxError, Unheard, VendorError, VendorRefused

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Changer:
    """Changes orders that rest."""

    venue: Venue
    record: Record
    limits: Limits
    clock: Clock

    def cancel(self, order: OwnOrder, *, why: str = "") -> Outcome:
        """Cancel an order; what is known of its fills is told."""
        was_changing = order.is_changing
        self.record.note(_change(order, "cancel", total_centi=order.centi))
        try:
            reduced = self.venue.cancel(_id(order), market_ticker=order.market_ticker)
        except VendorError as error:
            return self._after_failure(order, error)
        if was_changing or reduced.reduced_centi is None:
            self._look_at(order)
        filled = order.told_centi if reduced.reduced_centi is None else order.centi - reduced.reduced_centi
        if order.is_open:
            self._note(order, status="canceled", filled_centi=order.told_centi if was_changing else filled)
        return _outcome(Did.CANCELLED, order, why=why)

    def decrease(self, order: OwnOrder, wish: Desired) -> Outcome:
        """Make an order smaller by what it is larger than wished: so its whole is known whatever is filled."""
        by_centi = order.left_centi - wish.centi
        total = order.centi - by_centi
        self.record.note(_change(order, "decrease", total_centi=total, wish=wish))
        try:
            reduced = self.venue.decrease(_id(order), market_ticker=order.market_ticker, by_centi=by_centi)
        except VendorError as error:
            return self._after_failure(order, error)
        self._note_rest(order, total, reduced.remaining_centi)
        return _outcome(Did.DECREASED, order)

    def amend(self, order: OwnOrder, wish: Desired) -> Outcome:
        """Give an order the price and size that are wished, and a new end; what is refused is cancelled."""
        total = max(order.filled_centi, order.told_centi) + wish.centi
        wanted = replace(order, ticks=wish.ticks, centi=total)
        why = over_limit(self.record.book, self.limits, wanted, instead_of=order)
        if why:
            logger.error("order %s in %s was not changed: %s", order.client_order_id, order.market_ticker, why)
            self.cancel(order, why=why)
            return _outcome(Did.OVER_LIMIT, order, why=why)
        outcome = self._send(order, wish, total, Did.AMENDED)
        if outcome.did is Did.REFUSED and order.is_open:
            return self.cancel(order, why=f"its change was refused: {outcome.why}")
        return outcome

    def renew(self, order: OwnOrder, wish: Desired) -> Outcome:
        """Put off the end of an order; it keeps its place in the queue."""
        return self._send(order, wish, order.centi, Did.RENEWED)

    def _send(self, order: OwnOrder, wish: Desired, total_centi: int, did: Did) -> Outcome:
        change = Amendment(
            order_id=_id(order),
            client_order_id=order.client_order_id,
            market_ticker=order.market_ticker,
            side=order.side,
            price_ticks=wish.ticks,
            total_centi=total_centi,
            expires_utc=ends_utc(self.clock(), self.limits),
        )
        self.record.require(
            Changing(
                client_order_id=order.client_order_id,
                what="amend",
                ticks=change.price_ticks,
                total_centi=total_centi,
                expires_utc=change.expires_utc,
                decision=wish.decision,
            )
        )
        try:
            placed = self.venue.amend(change)
        except VendorError as error:
            return self._after_failure(order, error)
        self._note_rest(order, total_centi, placed.remaining_centi, change=change)
        return _outcome(did, order)

    def _after_failure(self, order: OwnOrder, error: VendorError) -> Outcome:
        """Look at an order after a change of it failed, and say how it is."""
        logger.warning("a change of order %s in %s failed: %s", order.client_order_id, order.market_ticker, error)
        is_seen = self._look_at(order)
        code = error.code if isinstance(error, VendorRefused) else ""
        if is_seen and not order.is_open:
            return _outcome(Did.CANCELLED, order, why=str(error), code=code)
        is_known = is_seen and not isinstance(error, Unheard)
        return _outcome(Did.REFUSED if is_known else Did.AMBIGUOUS, order, why=str(error), code=code)

    def _look_at(self, order: OwnOrder) -> bool:
        """Read one order back; false where that is not possible, and nothing more is known of it."""
        try:
            note_order(self.record, order, self.venue.order(_id(order)))
        except KwxError as error:
            logger.warning("order %s cannot be read back: %s", order.client_order_id, error)
            return False
        return True

    def _note_rest(
        self, order: OwnOrder, total_centi: int, remaining_centi: int | None, *, change: Amendment | None = None
    ) -> None:
        """Note an order of which the whole and the rest are known; of one that does not rest, ask how it ended."""
        if not remaining_centi:
            self._look_at(order)
            return
        filled = max(0, total_centi - remaining_centi)
        self._note(order, status="resting", filled_centi=filled, remaining_centi=remaining_centi, change=change)

    def _note(
        self,
        order: OwnOrder,
        *,
        status: Status,
        filled_centi: int,
        remaining_centi: int = 0,
        change: Amendment | None = None,
    ) -> None:
        self.record.note(
            Seen(
                client_order_id=order.client_order_id,
                order_id=_id(order),
                status=status,
                ticks=order.ticks if change is None else change.price_ticks,
                filled_centi=max(0, filled_centi),
                remaining_centi=remaining_centi,
                expires_utc=order.expires_utc if change is None else change.expires_utc,
            )
        )


def _id(order: OwnOrder) -> str:
    assert order.order_id is not None, "only an order that the exchange has named is changed"
    return order.order_id


def _change(order: OwnOrder, what: What, *, total_centi: int, wish: Desired | None = None) -> Changing:
    return Changing(
        client_order_id=order.client_order_id,
        what=what,
        ticks=order.ticks,
        total_centi=total_centi,
        expires_utc=order.expires_utc,
        decision=None if wish is None else wish.decision,
    )


def _outcome(did: Did, order: OwnOrder, *, why: str = "", code: str = "") -> Outcome:
    return Outcome(
        did=did,
        market_ticker=order.market_ticker,
        client_order_id=order.client_order_id,
        order_id=order.order_id or "",
        filled_centi=max(order.filled_centi, order.told_centi),
        code=code,
        why=why,
    )
