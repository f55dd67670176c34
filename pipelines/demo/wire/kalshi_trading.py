"""The exchange's endpoints where it can be traded at: which command and which private question is whose."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipelines.demo.venue import TurnedDown
from pipelines.demo.wire.answers import Answer, Ask, Vendor
from pipelines.demo.wire.kalshi_orders import OrderGroups, Orders, Trading
from pipelines.demo.wire.kalshi_pages import not_found, refused
from pipelines.demo.wire.kalshi_portfolio import Portfolio
from pipelines.demo.wire.limits import Limits

Handler = Callable[..., Answer]


class KalshiTrading:
    """Commands and private questions over one venue; every other question goes on to the public endpoints."""

    def __init__(self, trading: Trading, *, limits: Limits, public: Vendor) -> None:
        self._public = public
        paths = _paths(Orders(trading=trading), OrderGroups(trading=trading), Portfolio(trading=trading, limits=limits))
        self._routes = [(*_split(route), handler) for route, handler in paths.items()]

    def answer(self, ask: Ask) -> Answer:
        """Answer one question, or carry one command out."""
        parts = ask.parts[2:]
        for method, pattern, handler in self._routes:
            if method == ask.method and _fits(pattern, parts):
                said = [part for word, part in zip(pattern, parts, strict=True) if word == "*"]
                return _in_its_words(handler, ask, said)
        if ask.method == "GET":
            return self._public(ask)
        raise not_found("endpoint")


def _paths(orders: Orders, groups: OrderGroups, portfolio: Portfolio) -> Mapping[str, Handler]:
    """Return handlers by method and path, the more particular first; a star is handed to its handler."""
    return {
        "POST portfolio/events/orders": orders.create,
        "POST portfolio/events/orders/batched": orders.create_batch,
        "POST portfolio/events/orders/*/amend": orders.amend,
        "POST portfolio/events/orders/*/decrease": orders.decrease,
        "DELETE portfolio/events/orders": orders.cancel_all,
        "DELETE portfolio/events/orders/batched": orders.cancel_batch,
        "DELETE portfolio/events/orders/*": orders.cancel,
        "POST portfolio/order_groups/create": groups.create,
        "GET portfolio/order_groups": groups.all,
        "GET portfolio/order_groups/*": groups.one,
        "DELETE portfolio/order_groups/*": groups.delete,
        "PUT portfolio/order_groups/*/limit": groups.limit,
        "PUT portfolio/order_groups/*/trigger": groups.trigger,
        "PUT portfolio/order_groups/*/reset": groups.reset,
        "GET portfolio/orders": portfolio.orders,
        "GET portfolio/orders/queue_positions": portfolio.queue_positions,
        "GET portfolio/orders/*": portfolio.order,
        "GET portfolio/orders/*/queue_position": portfolio.queue_position,
        "GET portfolio/fills": portfolio.fills,
        "GET portfolio/positions": portfolio.positions,
        "GET portfolio/settlements": portfolio.settlements,
        "GET portfolio/balance": portfolio.balance,
        "GET exchange/user_data_timestamp": portfolio.as_of,
        "GET exchange/status": portfolio.status,
        "GET account/limits": portfolio.account_limits,
    }


def _split(route: str) -> tuple[str, tuple[str, ...]]:
    method, _, path = route.partition(" ")
    return method, tuple(path.split("/"))


def _fits(pattern: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    return len(pattern) == len(parts) and all(word in ("*", part) for word, part in zip(pattern, parts, strict=True))


def _in_its_words(handler: Handler, ask: Ask, said: list[str]) -> Answer:
    try:
        return handler(ask, *said)
    except TurnedDown as turned_down:
        raise refused(turned_down.status, turned_down.code, turned_down.details) from turned_down
