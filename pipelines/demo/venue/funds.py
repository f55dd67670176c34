"""Whether an account can pay for an order beside all those that rest already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipelines.demo.venue.account import Account
from pipelines.demo.venue.collateral import Claim, most_fee_micros, spoken_for_micros
from pipelines.demo.venue.market import Listing, Market
from pipelines.demo.venue.orders import Order, Wanted
from pipelines.demo.venue.refusals import TurnedDown
from pipelines.demo.venue.timers import Now
from warehouse.market.fees import FeeRule

FeeRuleAt = Callable[[Listing, int], FeeRule]
"""Takes a market and an instant, and returns what its fills pay then."""


@dataclass(frozen=True, kw_only=True)
class Funds:
    """The account's cash, and what its open orders could make of it."""

    account: Account
    open: Mapping[str, Order]
    markets: Mapping[str, Market]
    present: Now
    fee_rule_at: FeeRuleAt

    def rule_of(self, ticker: str) -> FeeRule:
        """Return what a fill of a market pays now."""
        return self.fee_rule_at(self.markets[ticker].listing, self.present.us)

    def require(self, wanted: Wanted, centi: int, *, instead_of: Order | None = None) -> None:
        """Refuse what could cost more than there is; an order that makes nothing worse is always let in."""
        claim = Claim(wanted.side, wanted.ticks, centi)
        others = [order for order in self.open.values() if order is not instead_of]
        before = self._needed_micros(list(self.open.values()), {})
        after = self._needed_micros(others, {wanted.ticker: [claim]})
        after += self._most_fee_micros(wanted.ticker, claim, is_taker=not wanted.post_only)
        if after > max(before, self.account.cash_micros):
            raise TurnedDown(
                "available_balance_too_low",
                f"orders could cost {after} millionths of a dollar, the balance is {self.account.cash_micros}",
            )

    def _needed_micros(self, orders: list[Order], claims: dict[str, list[Claim]]) -> int:
        fees_micros = 0
        for order in orders:
            ticker, claim = order.wanted.ticker, Claim(order.wanted.side, order.wanted.ticks, order.left_centi)
            claims.setdefault(ticker, []).append(claim)
            fees_micros += self._most_fee_micros(ticker, claim, is_taker=False)
        held = self.account.position_centi
        return fees_micros + sum(spoken_for_micros(held(ticker), mine) for ticker, mine in claims.items())

    def _most_fee_micros(self, ticker: str, claim: Claim, *, is_taker: bool) -> int:
        step_micros = self.account.step_micros
        return most_fee_micros(self.rule_of(ticker), claim, step_micros=step_micros, is_taker=is_taker)
