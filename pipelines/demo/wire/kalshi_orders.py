"""The exchange's commands: orders, alone and in batches, and order groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pipelines.demo.venue import Order, TurnedDown, Venue
from pipelines.demo.venue.desk import Desk
from pipelines.demo.wire.answers import Answer, Ask, as_json
from pipelines.demo.wire.kalshi_bodies import amended_of, body_of, count_of, items_of, limit_of, text_of, wanted_of
from pipelines.demo.wire.kalshi_books import contracts
from pipelines.demo.wire.kalshi_records import placed_record, said_ms
from warehouse.clock import Clock

_NOTHING = as_json({})


@dataclass(frozen=True, kw_only=True)
class Trading:
    """A venue, the clock by which it lives, and by how much the exchange's own clock is ahead of that."""

    venue: Venue
    clock: Clock
    skew: timedelta

    def desk(self) -> AbstractContextManager[Desk]:
        """Let the venue come to the present, and hand out its desk to one thread at a time."""
        return self.venue.at(self.clock())

    @property
    def said_now(self) -> datetime:
        """What the exchange says that the time is."""
        return self.clock() + self.skew


@dataclass(frozen=True, kw_only=True)
class Orders:
    """The endpoints that change orders."""

    trading: Trading

    def create(self, ask: Ask) -> Answer:
        """Take in one order."""
        with self.trading.desk() as desk:
            return as_json(self._created(desk, body_of(ask)), status=201)

    def create_batch(self, ask: Ask) -> Answer:
        """Take in several, each with its own answer or error."""
        with self.trading.desk() as desk:
            answers = [
                _each(partial(self._created, desk, item), client_order_id=item.get("client_order_id"))
                for item in items_of(ask)
            ]
        return as_json({"orders": answers}, status=201)

    def cancel(self, ask: Ask, order_id: str) -> Answer:
        """Cancel one order."""
        with self.trading.desk() as desk:
            return as_json(self._cancelled(desk, order_id))

    def cancel_batch(self, ask: Ask) -> Answer:
        """Cancel several, each with its own answer or error."""
        with self.trading.desk() as desk:
            answers = [
                _each(partial(self._cancelled, desk, text_of(item, "order_id")), order_id=item.get("order_id"))
                for item in items_of(ask)
            ]
        return as_json({"orders": answers})

    def cancel_all(self, ask: Ask) -> Answer:
        """Cancel everything, and what comes within the next minute."""
        with self.trading.desk() as desk:
            desk.cancel_all()
        return Answer(body=b"", status=204)

    def amend(self, ask: Ask, order_id: str) -> Answer:
        """Change an order."""
        with self.trading.desk() as desk:
            order = desk.amend(order_id, amended_of(body_of(ask), skew=self.trading.skew))
            return as_json(self._placed(order))

    def decrease(self, ask: Ask, order_id: str) -> Answer:
        """Let less of an order rest."""
        said = body_of(ask)
        by, to = (count_of(said, name) if name in said else None for name in ("reduce_by", "reduce_to"))
        with self.trading.desk() as desk:
            order = desk.decrease(order_id, by_centi=by, to_centi=to)
            return as_json(
                {
                    "order_id": order.order_id,
                    "client_order_id": order.wanted.client_order_id,
                    "remaining_count": contracts(order.left_centi),
                    "ts_ms": said_ms(order.updated_us, self.trading.skew),
                }
            )

    def _created(self, desk: Desk, said: Mapping[str, Any]) -> dict[str, Any]:
        return self._placed(desk.create(wanted_of(said, skew=self.trading.skew)))

    def _placed(self, order: Order) -> dict[str, Any]:
        return placed_record(order, skew=self.trading.skew)

    def _cancelled(self, desk: Desk, order_id: str) -> dict[str, Any]:
        left_centi = desk.cancel(order_id)
        order = desk.orders[order_id]
        return {
            "order_id": order_id,
            "client_order_id": order.wanted.client_order_id,
            "reduced_by": contracts(left_centi),
            "ts_ms": said_ms(order.updated_us, self.trading.skew),
        }


@dataclass(frozen=True, kw_only=True)
class OrderGroups:
    """The endpoints of order groups."""

    trading: Trading

    def create(self, ask: Ask) -> Answer:
        """Begin a group."""
        with self.trading.desk() as desk:
            group = desk.groups.create(limit_of(body_of(ask)))
        return as_json({"order_group_id": group.group_id, "subaccount": 0, "exchange_index": 0}, status=201)

    def all(self, ask: Ask) -> Answer:
        """List the groups."""
        with self.trading.desk() as desk:
            groups = [
                {
                    "id": group.group_id,
                    "contracts_limit_fp": contracts(group.limit_centi),
                    "is_auto_cancel_enabled": True,
                    "exchange_index": 0,
                }
                for group in desk.groups.by_id.values()
            ]
        return as_json({"order_groups": groups})

    def one(self, ask: Ask, group_id: str) -> Answer:
        """Tell of one group and its open orders."""
        with self.trading.desk() as desk:
            group = desk.groups.named(group_id)
            orders = [order.order_id for order in desk.open.values() if order.wanted.group_id == group_id]
        return as_json(
            {
                "is_auto_cancel_enabled": True,
                "orders": orders,
                "contracts_limit_fp": contracts(group.limit_centi),
                "exchange_index": 0,
            }
        )

    def limit(self, ask: Ask, group_id: str) -> Answer:
        """Set another limit."""
        with self.trading.desk() as desk:
            desk.groups.limit(group_id, limit_of(body_of(ask)))
        return _NOTHING

    def trigger(self, ask: Ask, group_id: str) -> Answer:
        """End the group's orders, and let none in."""
        with self.trading.desk() as desk:
            desk.groups.trigger(group_id)
        return _NOTHING

    def reset(self, ask: Ask, group_id: str) -> Answer:
        """Let orders in again."""
        with self.trading.desk() as desk:
            desk.groups.reset(group_id)
        return _NOTHING

    def delete(self, ask: Ask, group_id: str) -> Answer:
        """End a group."""
        with self.trading.desk() as desk:
            desk.groups.delete(group_id)
        return _NOTHING


def _each(command: Callable[[], dict[str, Any]], **named: object) -> dict[str, Any]:
    """Return the answer to one item of a batch; a refused one names the order that it is of."""
    try:
        return {**command(), "error": None}
    except TurnedDown as refused:
        said = {name: value for name, value in named.items() if value is not None}
        return {**said, "error": {"code": refused.code, "message": refused.details}}
