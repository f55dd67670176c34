"""The answers to a batch, one for each of its items: what it says, its refusal, or that nobody knows."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.asking.responses import Response
from pipelines.kalshi.portfolio import reading, wire
from pipelines.kalshi.portfolio.records import Placed, Reduced
from warehouse.errors import Ambiguous, Unheard, Unparsable, VendorError

LOOK = "look for it among the orders; never send it again under another id before"


def ambiguous(why: str, client_order_ids: tuple[str, ...]) -> Ambiguous:
    """Return the error of orders of which nobody knows."""
    return Ambiguous(f"{why}; orders {' '.join(client_order_ids)}", client_order_ids=client_order_ids, hint=LOOK)


def each_placed(response: Response, client_order_ids: Sequence[str]) -> list[Placed | VendorError]:
    """Return the answer to each new order; where they cannot be told apart, all are ambiguous."""
    try:
        items = reading.decoded(response.body, wire.PlacedItems, what="the answer to a batch of orders").orders
        _require_as_many(items, client_order_ids)
    except Unparsable as error:
        return [ambiguous(str(error), (name,)) for name in client_order_ids]
    return [_placed(item, name) for item, name in zip(items, client_order_ids, strict=True)]


def each_reduced(response: Response, order_ids: Sequence[str]) -> list[Reduced | VendorError]:
    """Return the answer to each cancel."""
    try:
        items = reading.decoded(response.body, wire.ReducedItems, what="the answer to a batch of cancels").orders
        _require_as_many(items, order_ids)
    except Unparsable as error:
        return [Unheard(str(error)) for _ in order_ids]
    return [_reduced(item, name) for item, name in zip(items, order_ids, strict=True)]


def _placed(item: wire.PlacedItem, client_order_id: str) -> Placed | VendorError:
    if item.error is not None:
        return reading.refusal_of(item.error, what=f"order {client_order_id}")
    try:
        return reading.placed(item, client_order_id=client_order_id)
    except Unparsable as error:
        return ambiguous(str(error), (client_order_id,))


def _reduced(item: wire.ReducedItem, order_id: str) -> Reduced | VendorError:
    if item.error is not None:
        return reading.refusal_of(item.error, what=f"order {order_id}")
    try:
        return reading.reduced(item, order_id=order_id)
    except Unparsable as error:
        return Unheard(str(error))


def _require_as_many(items: Sequence[object], wanted: Sequence[str]) -> None:
    if len(items) != len(wanted):
        raise Unparsable(f"a batch of {len(wanted)} was answered with {len(items)} items")
