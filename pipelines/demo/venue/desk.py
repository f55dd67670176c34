"""Where commands come in: what is refused is refused here, and what is taken in goes to the floor."""

from __future__ import annotations

from dataclasses import replace

from pipelines.demo.venue.floor import CANCEL_ALL_US, Floor
from pipelines.demo.venue.funds import Funds
from pipelines.demo.venue.groups import Groups
from pipelines.demo.venue.log import Log
from pipelines.demo.venue.market import Market
from pipelines.demo.venue.notices import Notice
from pipelines.demo.venue.orders import Amended, Order, Wanted
from pipelines.demo.venue.refusals import TurnedDown, inactive, invalid_order, invalid_size, not_found, paused
from pipelines.demo.venue.rules import require_fillable, require_same, require_shrinking, require_sound
from pipelines.demo.venue.words import Reason


class Desk:
    """The order entry of one account."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._funds = Funds(
            account=floor.account,
            open=floor.open,
            markets=floor.markets,
            present=floor.present,
            fee_rule_at=floor.fee_rule_at,
        )
        self._names_used: set[str] = set()

    @property
    def orders(self) -> dict[str, Order]:
        """Every order that was ever taken in, by its id."""
        return self._floor.orders

    @property
    def open(self) -> dict[str, Order]:
        """The orders that can still trade."""
        return self._floor.open

    @property
    def groups(self) -> Groups:
        """The account's order groups."""
        return self._floor.groups

    @property
    def notices(self) -> Log[Notice]:
        """What the account was told."""
        return self._floor.notices.log

    def create(self, wanted: Wanted) -> Order:
        """Take an order in and let it trade; what is left of it rests, or is gone if it does not wait."""
        market = self._market(wanted.ticker)
        require_sound(wanted, market, self._floor.present.us)
        self._require_new_name(wanted.client_order_id)
        self._require_trading(market)
        self.groups.require_open(wanted.group_id)
        self._funds.require(wanted, wanted.centi)
        require_fillable(wanted, market)
        self._names_used.add(wanted.client_order_id)
        return self._floor.take_in(wanted)

    def cancel(self, order_id: str) -> int:
        """Cancel an order, and return what was left of it."""
        order = self._open_order(order_id)
        left_centi = order.left_centi
        self._floor.cancel(order, Reason.DECREASE)
        return left_centi

    def cancel_all(self) -> None:
        """Cancel every order, and whatever is placed within the next minute."""
        self._floor.cancels_until_us = self._floor.present.us + CANCEL_ALL_US
        self._floor.cancel_all(list(self.open.values()), Reason.DECREASE)

    def decrease(self, order_id: str, *, by_centi: int | None = None, to_centi: int | None = None) -> Order:
        """Let less of an order rest; it keeps its place."""
        order = self._open_order(order_id)
        if (by_centi is None) == (to_centi is None):
            raise invalid_order("exactly one of reduce_by and reduce_to must be supplied")
        left_centi = order.left_centi - (by_centi or 0) if to_centi is None else to_centi
        require_shrinking(order, left_centi)
        self._shrink(order, left_centi, Reason.DECREASE)
        return order

    def amend(self, order_id: str, amended: Amended) -> Order:
        """Change price, total count or end of an order; only a lower count or another end keeps its place."""
        order = self._open_order(order_id)
        self._require_trading(self._floor.market_of(order))
        require_same(order, amended)
        wanted = self._amended(order, amended)
        left_centi = amended.centi - order.filled_centi
        if left_centi < 0:
            raise invalid_size("count is below what is filled already")
        self._funds.require(wanted, left_centi, instead_of=order)
        self._names_used.add(wanted.client_order_id)
        keeps_place = wanted.ticks == order.wanted.ticks and left_centi <= order.left_centi
        order.wanted, order.initial_centi = wanted, amended.centi
        self._floor.plan_expiry(order)
        if keeps_place:
            self._shrink(order, left_centi, Reason.AMEND)
        else:
            self._floor.come_again(order, left_centi)
        return order

    def queue_centi(self, order: Order) -> int:
        """Return how many contracts must trade before a resting order does: at better prices, and before it."""
        market = self._floor.market_of(order)
        lot = market.lots[order.order_id]
        return market.book.better_centi(lot) + market.book.ahead_centi(lot)

    def _shrink(self, order: Order, left_centi: int, reason: Reason) -> None:
        if left_centi == 0:
            self._floor.cancel(order, reason)
        else:
            self._floor.shrink(order, left_centi, reason)

    def _market(self, ticker: str) -> Market:
        if ticker not in self._floor.markets:
            raise not_found("market")
        return self._floor.markets[ticker]

    def _open_order(self, order_id: str) -> Order:
        """Return an order that can still be changed; a market that is closed refuses before that is asked."""
        order = self.orders.get(order_id)
        if order is None:
            raise not_found("order")
        if not self._floor.market_of(order).is_trading:
            raise inactive(order.wanted.ticker)
        if not order.is_open:
            raise not_found("resting order")
        return order

    def _require_trading(self, market: Market) -> None:
        if not market.is_trading:
            raise inactive(market.listing.ticker)
        if self._floor.is_paused:
            raise paused()

    def _require_new_name(self, client_order_id: str | None) -> None:
        if client_order_id and client_order_id in self._names_used:
            raise TurnedDown("order_already_exists", "client_order_id was used before", status=409)

    def _amended(self, order: Order, amended: Amended) -> Wanted:
        """Return what an order wants after a change, if that is sound."""
        name = amended.new_client_order_id
        if name != order.wanted.client_order_id:
            self._require_new_name(name)
        wanted = replace(
            order.wanted,
            ticks=amended.ticks,
            centi=amended.centi,
            client_order_id=order.wanted.client_order_id if name is None else name,
            expires_us=order.wanted.expires_us if amended.expires_us is None else (amended.expires_us or None),
        )
        require_sound(wanted, self._floor.market_of(order), self._floor.present.us)
        return wanted
