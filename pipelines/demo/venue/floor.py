"""How an order lives: it comes to a book, trades or rests, and ends; and what each of its fills sets going."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipelines.demo.session import SECOND_US
from pipelines.demo.venue.account import Account, Fill
from pipelines.demo.venue.crossing import cross
from pipelines.demo.venue.funds import FeeRuleAt
from pipelines.demo.venue.groups import Groups
from pipelines.demo.venue.market import Market
from pipelines.demo.venue.names import Names
from pipelines.demo.venue.notices import Notices
from pipelines.demo.venue.orders import Order, Wanted
from pipelines.demo.venue.timers import Now, Rank, Timers
from pipelines.demo.venue.words import Reason, SelfTrade, Side, Status, TimeInForce

CANCEL_ALL_US = 60 * SECOND_US
"""For so long a cancel of everything goes on to hit what is placed after it."""

LateUs = Callable[[str], int]
"""Takes the id of a trade and returns by how many microseconds the account is told of it too late."""


@dataclass(kw_only=True, eq=False)
class Floor:
    """The orders of one account in all markets."""

    account: Account
    markets: dict[str, Market]
    present: Now
    timers: Timers
    names: Names
    notices: Notices
    fee_rule_at: FeeRuleAt
    late_us: LateUs
    orders: dict[str, Order] = field(default_factory=dict)
    open: dict[str, Order] = field(default_factory=dict)
    is_paused: bool = False
    cancels_until_us: int = 0

    def __post_init__(self) -> None:
        self.groups = Groups(
            now=self.present, names=self.names, notices=self.notices, cancel_orders_of=self._cancel_orders_of
        )

    def market_of(self, order: Order) -> Market:
        """Return the market of an order."""
        return self.markets[order.wanted.ticker]

    def take_in(self, wanted: Wanted) -> Order:
        """Take an order in and let it come to the book."""
        order = Order(
            order_id=self.names.next("order"),
            wanted=wanted,
            created_us=self.present.us,
            updated_us=self.present.us,
            initial_centi=wanted.centi,
            left_centi=wanted.centi,
        )
        self.orders[order.order_id] = self.open[order.order_id] = order
        self.plan_expiry(order)
        self._come(order)
        return order

    def cancel(self, order: Order, reason: Reason) -> None:
        """End an order; what is left of it leaves the book."""
        self._end(order, Status.CANCELED, reason)
        self.notices.of_order(order)

    def cancel_all(self, orders: list[Order], reason: Reason) -> None:
        """End many."""
        for order in orders:
            self.cancel(order, reason)

    def shrink(self, order: Order, left_centi: int, reason: Reason) -> None:
        """Let less of an order rest; it keeps its place."""
        market = self.market_of(order)
        lot = market.lots[order.order_id]
        if left_centi < lot.centi:
            market.book.reduce(lot, lot.centi - left_centi)
        order.left_centi, order.reason, order.updated_us = left_centi, reason, self.present.us
        self.notices.of_order(order)

    def come_again(self, order: Order, left_centi: int) -> None:
        """Let an order leave its place and come anew, as its wanted now says."""
        self._leave_book(order)
        order.left_centi, order.reason, order.updated_us = left_centi, Reason.AMEND, self.present.us
        self._come(order)

    def plan_expiry(self, order: Order) -> None:
        """Have an order end when it wants to."""
        expires_us = order.wanted.expires_us
        if expires_us is not None:
            self.timers.at(expires_us, Rank.EXPIRE, lambda: self._expire(order, expires_us))

    def matched(self, order: Order, ticks: int, centi: int, taker: Side) -> str:
        """Book that somebody of the other side took a resting order, and return the id of the trade."""
        assert taker is order.wanted.side.other, "only the other side takes"
        trade_id = self._fill(order, ticks, centi, is_taker=False)
        self.notices.of_order(order)
        return trade_id

    def _come(self, order: Order) -> None:
        if (reason := self._ends_at_once(order)) is not None:
            self._end(order, Status.CANCELED, reason)
        else:
            self._work(order)
        self.notices.of_order(order)

    def _ends_at_once(self, order: Order) -> Reason | None:
        wanted = order.wanted
        if self.present.us < self.cancels_until_us:
            return Reason.DECREASE
        if wanted.post_only and self.market_of(order).book.meets(wanted.side, wanted.ticks) is not None:
            return Reason.POST_ONLY
        if wanted.reduce_only:
            held_centi = -wanted.side * self.account.position_centi(wanted.ticker)
            order.left_centi = min(order.left_centi, max(0, held_centi))
            return Reason.REDUCE_ONLY if order.left_centi == 0 else None
        return None

    def _work(self, order: Order) -> None:
        """Let an order trade as far as its limit reaches; the rest of it waits, if it does."""
        wanted, market, met_itself = order.wanted, self.market_of(order), False

        def matched(resting: Order | None, ticks: int, centi: int) -> None:
            assert resting is None, "orders of one account go past each other"
            market.print(self._fill(order, ticks, centi, is_taker=True), ticks, centi, wanted.side)

        def goes_past(resting: Order) -> bool:
            nonlocal met_itself
            if wanted.self_trade is SelfTrade.MAKER:
                self.cancel(resting, Reason.SELF_TRADE)
                return True
            met_itself = True
            return False

        cross(
            market.book,
            side=wanted.side,
            limit_ticks=wanted.ticks,
            centi=order.left_centi,
            order=order,
            on_match=matched,
            goes_past=goes_past,
        )
        if not order.is_open:
            return
        if met_itself:
            self._end(order, Status.CANCELED, Reason.SELF_TRADE)
        elif wanted.time_in_force is not TimeInForce.GOOD_TILL_CANCELED:
            self._end(order, Status.CANCELED, order.reason)
        else:
            market.lots[order.order_id] = market.book.rest(wanted.side, wanted.ticks, order.left_centi, order)

    def _fill(self, order: Order, ticks: int, centi: int, *, is_taker: bool) -> str:
        """Book one trade of an order; the last of it ends the order, and it may end its whole group."""
        market, trade_id = self.market_of(order), self.names.next("trade")
        rule = self.fee_rule_at(market.listing, self.present.us)
        fee_micros = self.account.trade(order, market.listing, rule, ticks=ticks, centi=centi, is_taker=is_taker)
        order.reason, order.updated_us = Reason.TRADE, self.present.us
        holding = self.account.holdings[order.wanted.ticker]
        holding.updated_us = self.present.us
        fill = Fill(
            trade_id=trade_id,
            order_id=order.order_id,
            client_order_id=order.wanted.client_order_id,
            ticker=order.wanted.ticker,
            side=order.wanted.side,
            ticks=ticks,
            centi=centi,
            is_taker=is_taker,
            fee_micros=fee_micros,
            at_us=self.present.us,
            told_us=self.present.us + self.late_us(trade_id),
            position_centi=holding.position_centi,
        )
        self.account.fills.append(fill)
        self.notices.of_fill(fill)
        self.notices.of_position(holding)
        if order.left_centi == 0:
            self._end(order, Status.EXECUTED, Reason.TRADE)
        self.timers.at(market.minute_ends_us, Rank.RESTORE, lambda: self._restore(market))
        self.groups.match(order.wanted.group_id, centi)
        return trade_id

    def _restore(self, market: Market) -> None:
        """Let makers come back whom the account took."""
        if market.is_trading and not self.is_paused:
            market.follow_all()

    def _cancel_orders_of(self, group_id: str) -> None:
        self.cancel_all([one for one in self.open.values() if one.wanted.group_id == group_id], Reason.DECREASE)

    def _end(self, order: Order, status: Status, reason: Reason | None) -> None:
        self._leave_book(order)
        order.end(status, reason, self.present.us)
        del self.open[order.order_id]

    def _leave_book(self, order: Order) -> None:
        market = self.market_of(order)
        lot = market.lots.pop(order.order_id, None)
        if lot is not None and lot.centi:
            market.book.reduce(lot, lot.centi)

    def _expire(self, order: Order, expires_us: int) -> None:
        if order.is_open and order.wanted.expires_us == expires_us:
            self.cancel(order, Reason.EXPIRY)
