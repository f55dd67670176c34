"""What the account has: cash, positions and what they cost, fills and settlements, in integer micros and hundredths.

Yes and no of one market net. A contract of yes is paid with its price, one of no with a dollar less that price; what
closes is paid out at once. So at any time cash is the start, plus what was realised, less the cost of what is held and
less the fees.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pipelines.demo.venue.market import Listing
from pipelines.demo.venue.orders import Order
from pipelines.demo.venue.words import Side
from warehouse.market.fees import FeeRule, fill_fee
from warehouse.market.money import TICKS_PER_DOLLAR


@dataclass(frozen=True, kw_only=True)
class Fill:
    """One trade of the account; `told_us` is when it is told of it, which may be late."""

    trade_id: str
    order_id: str
    client_order_id: str
    ticker: str
    side: Side
    ticks: int
    centi: int
    is_taker: bool
    fee_micros: int
    at_us: int
    told_us: int
    position_centi: int


@dataclass(kw_only=True, eq=False)
class Holding:
    """What the account holds of one market, below zero of no, and all that it ever did there."""

    listing: Listing
    position_centi: int = 0
    cost_micros: int = 0
    realized_micros: int = 0
    fees_micros: int = 0
    yes_centi: int = 0
    yes_cost_micros: int = 0
    no_centi: int = 0
    no_cost_micros: int = 0
    updated_us: int = 0
    is_settled: bool = False

    @property
    def traded_micros(self) -> int:
        """What all contracts cost that were ever bought."""
        return self.yes_cost_micros + self.no_cost_micros

    @property
    def traded_centi(self) -> int:
        """How many contracts were ever bought."""
        return self.yes_centi + self.no_centi

    def seen(self) -> Holding:
        """Return it as it is now."""
        return replace(self)

    def trade(self, side: Side, ticks: int, centi: int) -> int:
        """Buy yes, or no, and return what that does to cash before fees."""
        price_ticks = ticks if side is Side.BID else TICKS_PER_DOLLAR - ticks
        if side is Side.BID:
            self.yes_centi, self.yes_cost_micros = self.yes_centi + centi, self.yes_cost_micros + centi * price_ticks
        else:
            self.no_centi, self.no_cost_micros = self.no_centi + centi, self.no_cost_micros + centi * price_ticks
        held = max(0, -side * self.position_centi)
        closing = min(held, centi)
        proceeds = self._close(closing, TICKS_PER_DOLLAR - price_ticks, held) if closing else 0
        cost = (centi - closing) * price_ticks
        self.cost_micros += cost
        self.position_centi += side * centi
        return proceeds - cost

    def settle(self) -> int:
        """Let what is held be paid, and return it."""
        value = self.listing.value_ticks if self.position_centi > 0 else TICKS_PER_DOLLAR - self.listing.value_ticks
        held = abs(self.position_centi)
        payout = self._close(held, value, held) if held else 0
        self.position_centi, self.is_settled = 0, True
        return payout

    def _close(self, centi: int, price_ticks: int, held_centi: int) -> int:
        """Give up contracts at a price for their share of the cost, rounded down: what rounding leaves goes last."""
        cost = self.cost_micros * centi // held_centi
        self.cost_micros -= cost
        self.realized_micros += centi * price_ticks - cost
        return centi * price_ticks


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """What one market paid in the end; counts and costs are of everything that was bought of yes and of no."""

    listing: Listing
    yes_centi: int
    yes_cost_micros: int
    no_centi: int
    no_cost_micros: int
    revenue_micros: int
    fees_micros: int
    at_us: int


@dataclass(kw_only=True, eq=False)
class Account:
    """One account. `step_micros` is what its balance is rounded to."""

    start_cash_micros: int
    step_micros: int
    cash_micros: int = field(init=False)
    holdings: dict[str, Holding] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cash_micros = self.start_cash_micros

    @property
    def positions(self) -> dict[str, int]:
        """What is held, in hundredths by market, below zero of no."""
        return {ticker: one.position_centi for ticker, one in self.holdings.items() if one.position_centi}

    @property
    def is_balanced(self) -> bool:
        """Whether cash is what start, gains, costs and fees leave of it."""
        held = self.holdings.values()
        gained = sum(one.realized_micros - one.cost_micros - one.fees_micros for one in held)
        return self.cash_micros == self.start_cash_micros + gained

    def position_centi(self, ticker: str) -> int:
        """Return what is held of a market."""
        return self.holdings[ticker].position_centi if ticker in self.holdings else 0

    def trade(self, order: Order, listing: Listing, rule: FeeRule, *, ticks: int, centi: int, is_taker: bool) -> int:
        """Book one fill of an order on account, holding and order; return its fee in micros."""
        side = order.wanted.side
        fee = fill_fee(
            rule.taker_num if is_taker else rule.maker_num,
            ticks=ticks,
            signed_centi=side * centi,
            step_micros=self.step_micros,
            carry_micros=order.carry_micros,
        )
        holding = self.holdings.setdefault(listing.ticker, Holding(listing=listing))
        self.cash_micros += holding.trade(side, ticks, centi) - fee.net_micros
        holding.fees_micros += fee.net_micros
        _book(order, ticks=ticks, centi=centi, fee_micros=fee.net_micros, is_taker=is_taker)
        order.carry_micros = fee.carry_micros
        return fee.net_micros

    def settle(self, ticker: str, at_us: int) -> None:
        """Let a market pay; one at which the account never traded leaves no row."""
        holding = self.holdings.get(ticker)
        if holding is None:
            return
        revenue = holding.settle()
        self.cash_micros += revenue
        holding.updated_us = at_us
        self.settlements.append(
            Settlement(
                listing=holding.listing,
                yes_centi=holding.yes_centi,
                yes_cost_micros=holding.yes_cost_micros,
                no_centi=holding.no_centi,
                no_cost_micros=holding.no_cost_micros,
                revenue_micros=revenue,
                fees_micros=holding.fees_micros,
                at_us=at_us,
            )
        )


def _book(order: Order, *, ticks: int, centi: int, fee_micros: int, is_taker: bool) -> None:
    cost = centi * (ticks if order.wanted.side is Side.BID else TICKS_PER_DOLLAR - ticks)
    order.filled_centi += centi
    order.left_centi -= centi
    if is_taker:
        order.taker_cost_micros += cost
        order.taker_fees_micros += fee_micros
    else:
        order.maker_cost_micros += cost
        order.maker_fees_micros += fee_micros
