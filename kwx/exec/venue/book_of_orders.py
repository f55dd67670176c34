"""All orders of ours, their fills, and the account that follows from them: what the entries of the journal add up to.

The same `note` is called when an entry is written and when a journal is read again, so that a restart knows what the
process before it knew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import singledispatchmethod

from kwx.exec.venue.account import Account
from kwx.exec.venue.entries import (
    Absent,
    Accepted,
    Adopted,
    Changing,
    Entry,
    Filled,
    Grouped,
    Halted,
    Intent,
    Numbered,
    Opened,
    Rejected,
    Seen,
    Settled,
    Unsure,
)
from kwx.exec.venue.own_order import NEVER_IN_THE_BOOK, OwnOrder, Standing
from pipelines.kalshi.portfolio.records import Order
from warehouse.errors import FileBroken

PREFIX = "kwx-"
"""How every client order id of ours begins."""

_STANDING_OF = {"canceled": Standing.CANCELLED, "executed": Standing.FILLED}


class Book:
    """The orders by client order id, the fills in the order of their coming, and the account."""

    def __init__(self, entries: Iterable[Numbered] = ()) -> None:
        self.orders: dict[str, OwnOrder] = {}
        self.fills: list[Filled] = []
        self.account = Account()
        self.groups: list[str] = []
        self.settled: dict[str, Settled] = {}
        self.opened_utc: datetime | None = None
        self.changed_utc: datetime | None = None
        self._fill_keys: set[tuple[str, str]] = set()
        self._by_order_id: dict[str, OwnOrder] = {}
        self._live: dict[str, OwnOrder] = {}
        for numbered in entries:
            self.note(numbered.entry, at_utc=numbered.at_utc)

    @property
    def open_orders(self) -> list[OwnOrder]:
        """Every order that may rest."""
        return [order for order in self._live.values() if order.is_open]

    def open_in(self, market_ticker: str) -> list[OwnOrder]:
        """Return the orders of a market that may rest."""
        return [order for order in self.open_orders if order.market_ticker == market_ticker]

    def of_order_id(self, order_id: str) -> OwnOrder | None:
        """Return the order that the exchange calls so."""
        return self._by_order_id.get(order_id)

    def has_fill(self, trade_id: str, order_id: str) -> bool:
        """Tell whether a fill is booked: one trade can fill two orders of ours, but no order twice."""
        return (trade_id, order_id) in self._fill_keys

    @property
    def live_orders(self) -> list[OwnOrder]:
        """Every order that may rest, or of which the exchange says that more was filled than we have fills of."""
        return list(self._live.values())

    def live_in(self, market_ticker: str) -> list[OwnOrder]:
        """Return the live orders of a market."""
        return [order for order in self._live.values() if order.market_ticker == market_ticker]

    def note(self, entry: Entry, *, at_utc: datetime) -> None:
        """Take in one entry."""
        self.changed_utc = at_utc
        self._take(entry, at_utc)
        touched = self.orders.get(getattr(entry, "client_order_id", ""))
        if touched is not None:
            touched.changed_utc = at_utc
        for order in [touched] if touched is not None else self.live_orders:
            if order.is_open or order.late_centi:
                self._live[order.client_order_id] = order
            else:
                self._live.pop(order.client_order_id, None)

    @singledispatchmethod
    def _take(self, entry: object, at_utc: datetime) -> None:
        raise AssertionError(f"{entry} is no entry of a journal")

    @_take.register
    def _opened(self, entry: Opened, at_utc: datetime) -> None:
        self.account.opening_micros = entry.cash_micros
        self.opened_utc = at_utc

    @_take.register
    def _grouped(self, entry: Grouped, at_utc: datetime) -> None:
        self.groups.append(entry.order_group_id)

    @_take.register
    def _halted(self, entry: Halted, at_utc: datetime) -> None:
        """Change nothing: it is told for people."""

    @_take.register
    def _intent(self, entry: Intent, at_utc: datetime) -> None:
        self.orders[entry.client_order_id] = OwnOrder(
            client_order_id=entry.client_order_id,
            market_ticker=entry.market_ticker,
            side=entry.side,
            ticks=entry.ticks,
            centi=entry.centi,
            most_centi=entry.centi,
            takes=entry.takes,
            sent_utc=at_utc,
            decision=entry.decision,
            expires_utc=entry.expires_utc,
        )

    @_take.register
    def _accepted(self, entry: Accepted, at_utc: datetime) -> None:
        order = self._order(entry.client_order_id)
        self._name(order, entry.order_id)
        order.told_centi = max(order.told_centi, entry.filled_centi)
        order.standing = Standing.RESTING
        if entry.remaining_centi == 0 or order.takes:
            order.end(Standing.FILLED if order.told_centi >= order.centi else Standing.CANCELLED)

    @_take.register
    def _rejected(self, entry: Rejected, at_utc: datetime) -> None:
        self._order(entry.client_order_id).end(Standing.REJECTED, entry.why)

    @_take.register
    def _unsure(self, entry: Unsure, at_utc: datetime) -> None:
        order = self._order(entry.client_order_id)
        order.standing, order.why = Standing.AMBIGUOUS, entry.why

    @_take.register
    def _absent(self, entry: Absent, at_utc: datetime) -> None:
        self._order(entry.client_order_id).end(Standing.ABSENT, f"not found in {entry.looks} looks")

    @_take.register
    def _changing(self, entry: Changing, at_utc: datetime) -> None:
        order = self._order(entry.client_order_id)
        order.is_changing = True
        # Until the answer is known the larger of both sizes counts, at the price that risks more.
        order.centi = max(order.centi, entry.total_centi)
        order.most_centi = max(order.most_centi, entry.total_centi)
        order.ticks = max(order.side * order.ticks, order.side * entry.ticks) * order.side
        order.decision = entry.decision or order.decision

    @_take.register
    def _seen(self, entry: Seen, at_utc: datetime) -> None:
        order = self._order(entry.client_order_id)
        self._name(order, entry.order_id)
        order.told_centi = max(order.told_centi, entry.filled_centi)
        if not order.is_open and order.standing not in NEVER_IN_THE_BOOK:
            return
        order.ticks, order.is_changing, order.looks = entry.ticks, False, 0
        order.expires_utc = entry.expires_utc or order.expires_utc
        order.standing = _STANDING_OF.get(entry.status, Standing.RESTING)
        order.centi = entry.filled_centi + entry.remaining_centi

    @_take.register
    def _adopted(self, entry: Adopted, at_utc: datetime) -> None:
        self.orders[entry.client_order_id] = order = OwnOrder(
            client_order_id=entry.client_order_id,
            market_ticker=entry.market_ticker,
            side=entry.side,
            ticks=entry.ticks,
            centi=entry.filled_centi + entry.remaining_centi,
            most_centi=entry.filled_centi + entry.remaining_centi,
            takes=False,
            sent_utc=at_utc,
            expires_utc=entry.expires_utc,
            standing=Standing.RESTING,
            told_centi=entry.filled_centi,
        )
        self._name(order, entry.order_id)

    @_take.register
    def _filled(self, entry: Filled, at_utc: datetime) -> None:
        if self.has_fill(entry.trade_id, entry.order_id):
            return
        self._fill_keys.add((entry.trade_id, entry.order_id))
        self.fills.append(entry)
        order = self._order(entry.client_order_id)
        if order.order_id is None:
            self._name(order, entry.order_id)
        order.filled_centi += entry.centi
        order.fees_micros += entry.fee_micros
        if order.filled_centi >= order.centi:
            order.end(Standing.FILLED)
        holding = self.account.of(entry.market_ticker)
        holding.fill(side=entry.side, ticks=entry.ticks, centi=entry.centi, fee_micros=entry.fee_micros)

    @_take.register
    def _settled(self, entry: Settled, at_utc: datetime) -> None:
        if entry.market_ticker in self.settled:
            return
        self.settled[entry.market_ticker] = entry
        self.account.of(entry.market_ticker).settle(entry.revenue_micros)
        for order in self.open_in(entry.market_ticker):
            order.end(Standing.CANCELLED, "the market is settled")

    def _name(self, order: OwnOrder, order_id: str) -> None:
        order.order_id = order_id
        self._by_order_id[order_id] = order

    def _order(self, client_order_id: str) -> OwnOrder:
        order = self.orders.get(client_order_id)
        if order is None:
            raise FileBroken(
                f"the journal tells of order {client_order_id} before it was intended",
                hint="look at the account, then move the journal away",
            )
        return order


def is_named_like_ours(order: Order, groups: Sequence[str]) -> bool:
    """Tell whether an order bears our mark: the beginning of its client order id, or one of our groups."""
    return order.client_order_id.startswith(PREFIX) or order.order_group_id in groups
