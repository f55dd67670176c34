"""Positions and money that our own fills explain, in integers: hundredths of a contract times ticks are micros.

A contract of yes costs its price. One that is sold without being held is a contract of no: it brings its price and
binds a dollar until it is bought back or settled. So cash is what was there, less purchases, plus sales, less fees,
plus settlements, less a dollar for every contract that is sold short.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kwx.exec.venue.own_order import OwnOrder
from warehouse.market.money import TICKS_PER_DOLLAR


@dataclass(kw_only=True)
class Holding:
    """What fills made of one market: contracts of yes (sold ones with a minus), and money in and out, fees included.

    paid_centi: the position that the market paid, None before it did.
    """

    position_centi: int = 0
    flow_micros: int = 0
    fees_micros: int = 0
    paid_centi: int | None = None

    @property
    def bound_micros(self) -> int:
        """A dollar for each contract that is sold short."""
        return _bound_micros(self.position_centi)

    def fill(self, *, side: int, ticks: int, centi: int, fee_micros: int) -> None:
        """Book one fill; one that is told after the market paid was part of what it paid."""
        if self.paid_centi is None:
            self.position_centi += side * centi
        else:
            before, self.paid_centi = self.paid_centi, self.paid_centi + side * centi
            self.flow_micros -= _bound_micros(self.paid_centi) - _bound_micros(before)
        self.flow_micros -= side * centi * ticks + fee_micros
        self.fees_micros += fee_micros

    def settle(self, revenue_micros: int) -> None:
        """Book what the market paid; what was bound is free again, as part of it or lost."""
        self.flow_micros += revenue_micros - self.bound_micros
        self.paid_centi, self.position_centi = self.position_centi, 0

    def worst_loss_micros(self, orders: Iterable[OwnOrder]) -> int:
        """Return the most that the market can lose: at either outcome, whichever of the orders are filled."""
        loss_at_no = -self.flow_micros
        loss_at_yes = -self.flow_micros - self.position_centi * TICKS_PER_DOLLAR
        for order in orders:
            if order.side > 0:
                loss_at_no += order.risk_micros
            else:
                loss_at_yes += order.risk_micros
        return max(0, loss_at_no, loss_at_yes)


def _bound_micros(position_centi: int) -> int:
    return max(0, -position_centi) * TICKS_PER_DOLLAR


@dataclass(kw_only=True)
class Account:
    """All markets together. `opening_micros` is None until the account was first seen."""

    opening_micros: int | None = None
    holdings: dict[str, Holding] = field(default_factory=dict)

    def of(self, market_ticker: str) -> Holding:
        """Return what is held of a market, made empty if need be."""
        return self.holdings.setdefault(market_ticker, Holding())

    @property
    def positions_centi(self) -> dict[str, int]:
        """What is held of each market, nothing left out but nothing."""
        return {ticker: one.position_centi for ticker, one in self.holdings.items() if one.position_centi}

    @property
    def cash_micros(self) -> int:
        """What is left to spend, a dollar bound for each contract that is sold short."""
        return self._unbound_micros - sum(one.bound_micros for one in self.holdings.values())

    def cash_may_be(self, orders: Iterable[OwnOrder]) -> frozenset[int]:
        """Return every amount that the exchange may call our cash, for it does not publish two of its rules.

        Of the brackets of an event that are sold short only the largest need be bound, since one at most pays; and
        what an order that rests would cost may be set aside or not.
        """
        each = sum(one.bound_micros for one in self.holdings.values())
        largest = sum(self._bound_by_event().values())
        aside = sum(order.risk_micros for order in orders)
        return frozenset(self._unbound_micros - bound - kept for bound in (each, largest) for kept in (0, aside))

    @property
    def _unbound_micros(self) -> int:
        return (self.opening_micros or 0) + sum(one.flow_micros for one in self.holdings.values())

    def _bound_by_event(self) -> Mapping[str, int]:
        largest: dict[str, int] = {}
        for ticker, one in self.holdings.items():
            event = ticker.rpartition("-")[0]
            largest[event] = max(largest.get(event, 0), one.bound_micros)
        return largest
