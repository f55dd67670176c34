"""What is to be done at the exchange: one builder for each endpoint, with its cost and whether it may be said twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from pipelines.kalshi.calls import ROOT
from pipelines.kalshi.portfolio.amounts import contracts_text, whole_seconds
from pipelines.kalshi.portfolio.places import named, require_client_order_id
from pipelines.kalshi.portfolio.records import EXCHANGE_INDEX, Amendment, NewOrder
from pipelines.writes import Method, Write
from warehouse.errors import Usage
from warehouse.market.money import dollars_text

TOKENS = 10
"""What a write costs of the write budget, unless it is a cancel."""

CANCEL_TOKENS = 2

_EVENTS = "/portfolio/events/orders"
_GROUPS = "/portfolio/order_groups"
_T = TypeVar("_T")


def create(order: NewOrder) -> Write:
    """Place one order: never sent twice, for nobody knows whether the first one rests."""
    return _write("kalshi_create", "POST", _EVENTS, said=_order_said(order))


def create_batch(orders: Sequence[NewOrder]) -> Write:
    """Place several orders at once."""
    said = {"orders": [_order_said(order) for order in orders]}
    return _write("kalshi_create_batch", "POST", f"{_EVENTS}/batched", said=said, tokens=TOKENS * len(orders))


def cancel(order_id: str, *, market_ticker: str) -> Write:
    """Cancel one order; who cancels it twice is told the second time that it is gone."""
    query = {"market_ticker": market_ticker, "exchange_index": str(EXCHANGE_INDEX)}
    return _write(
        "kalshi_cancel", "DELETE", f"{_EVENTS}/{named(order_id)}",
        query=query, tokens=CANCEL_TOKENS, may_repeat=True, urgent=True,
    )  # fmt: skip


def cancel_batch(orders: Sequence[tuple[str, str]]) -> Write:
    """Cancel several orders at once, each named by its id and its market."""
    said = {
        "orders": [
            {"order_id": order_id, "market_ticker": ticker, "exchange_index": EXCHANGE_INDEX}
            for order_id, ticker in orders
        ]
    }
    return _write(
        "kalshi_cancel_batch", "DELETE", f"{_EVENTS}/batched",
        said=said, tokens=CANCEL_TOKENS * len(orders), may_repeat=True, urgent=True,
    )  # fmt: skip


def cancel_all() -> Write:
    """Cancel whatever rests on any shard, and what is placed within the next minute."""
    return _write("kalshi_cancel_all", "DELETE", _EVENTS, may_repeat=True, urgent=True)


def amend(change: Amendment) -> Write:
    """Change price, size or end of an order that rests; said twice it is the same order."""
    said: dict[str, Any] = {
        "ticker": change.market_ticker,
        "side": _side(change.side),
        "price": dollars_text(change.price_ticks),
        "count": contracts_text(change.total_centi),
        "client_order_id": change.client_order_id,
        "exchange_index": EXCHANGE_INDEX,
    }
    if change.expires_utc is not None:
        said["expiration_time"] = whole_seconds(change.expires_utc)
    return _write("kalshi_amend", "POST", f"{_EVENTS}/{named(change.order_id)}/amend", said=said, may_repeat=True)


def decrease(order_id: str, *, market_ticker: str, to_centi: int | None, by_centi: int | None) -> Write:
    """Make an order that rests smaller: to a size (which may be said twice) or by one (which may not)."""
    if (to_centi is None) == (by_centi is None):
        raise Usage("an order is decreased either to a size or by one", hint="say one of to_centi and by_centi")
    said: dict[str, Any] = {"market_ticker": market_ticker, "exchange_index": EXCHANGE_INDEX}
    if to_centi is not None:
        said["reduce_to"] = contracts_text(to_centi)
    if by_centi is not None:
        said["reduce_by"] = contracts_text(by_centi)
    path = f"{_EVENTS}/{named(order_id)}/decrease"
    return _write("kalshi_decrease", "POST", path, said=said, may_repeat=to_centi is not None, urgent=True)


def create_group(limit_centi: int) -> Write:
    """Make an order group. Said twice it would be two; a group without orders does no harm, but is never found."""
    said = {"contracts_limit_fp": contracts_text(limit_centi)}
    return _write("kalshi_group_create", "POST", f"{_GROUPS}/create", said=said)


def limit_group(order_group_id: str, limit_centi: int) -> Write:
    """Change how many contracts a group may match within 15 seconds."""
    said = {"contracts_limit_fp": contracts_text(limit_centi)}
    return _write("kalshi_group_limit", "PUT", f"{_GROUPS}/{named(order_group_id)}/limit", said=said, may_repeat=True)


def trigger_group(order_group_id: str) -> Write:
    """Cancel all orders of a group, and refuse new ones until it is reset."""
    path = f"{_GROUPS}/{named(order_group_id)}/trigger"
    return _write("kalshi_group_trigger", "PUT", path, said={}, may_repeat=True, urgent=True)


def reset_group(order_group_id: str) -> Write:
    """Let a group take orders again."""
    return _write("kalshi_group_reset", "PUT", f"{_GROUPS}/{named(order_group_id)}/reset", said={}, may_repeat=True)


def delete_group(order_group_id: str) -> Write:
    """End a group; its orders are cancelled."""
    return _write("kalshi_group_delete", "DELETE", f"{_GROUPS}/{named(order_group_id)}", may_repeat=True)


def batches(items: Sequence[_T], *, tokens_each: int, burst_tokens: float) -> Iterator[Sequence[_T]]:
    """Cut a batch so that each part fits into the write bucket at once."""
    most = int(burst_tokens // tokens_each)
    if most < 1:
        raise Usage(f"a write bucket of {burst_tokens:g} tokens never holds the {tokens_each} of one item")
    for first in range(0, len(items), most):
        yield items[first : first + most]


def _write(
    kind: str,
    method: Method,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    said: Mapping[str, Any] | None = None,
    tokens: int = TOKENS,
    may_repeat: bool = False,
    urgent: bool = False,
) -> Write:
    return Write(
        vendor="kalshi",
        kind=kind,
        method=method,
        path=ROOT + path,
        query=query or {},
        content=b"" if said is None else msgspec.json.encode(said),
        tokens=tokens,
        may_repeat=may_repeat,
        urgent=urgent,
    )


def _order_said(order: NewOrder) -> dict[str, Any]:
    require_client_order_id(order.client_order_id)
    said: dict[str, Any] = {
        "ticker": order.market_ticker,
        "client_order_id": order.client_order_id,
        "side": _side(order.side),
        "count": contracts_text(order.centi),
        "price": dollars_text(order.price_ticks),
        "time_in_force": order.in_force,
        "self_trade_prevention_type": order.self_trade,
        "post_only": order.post_only,
        "reduce_only": order.reduce_only,
        "cancel_order_on_pause": order.cancel_on_pause,
        "exchange_index": EXCHANGE_INDEX,
    }
    if order.expires_utc is not None:
        said["expiration_time"] = whole_seconds(order.expires_utc)
    if order.order_group_id is not None:
        said["order_group_id"] = order.order_group_id
    return said


def _side(side: int) -> str:
    return "bid" if side > 0 else "ask"
