"""What the exchange pushes to an account of itself: fills, orders, positions and order groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from pipelines.demo.venue.account import Fill, Holding
from pipelines.demo.venue.notices import GroupNotice
from pipelines.demo.venue.orders import Order
from pipelines.demo.venue.words import GroupEvent
from pipelines.demo.wire.kalshi_books import contracts
from pipelines.demo.wire.kalshi_records import (
    USER_ID,
    direction,
    dollars,
    prices,
    said_ms,
    signed_contracts,
)
from pipelines.demo.wire.kalshi_sources import Frame
from warehouse.market.money import dollars_text

ABOUT: Mapping[str, type] = {
    "fill": Fill,
    "user_orders": Order,
    "market_positions": Holding,
    "order_group_updates": GroupNotice,
}
"""What each private channel tells of."""


def frame_of(about: Fill | Order | Holding | GroupNotice, *, skew: timedelta) -> Frame:
    """Return the frame that tells of something, without number."""
    said: Mapping[type, tuple[str, Callable[..., dict[str, Any]]]] = {
        Fill: ("fill", _fill),
        Order: ("user_order", _order),
        Holding: ("market_position", _position),
        GroupNotice: ("order_group_updates", _group),
    }
    word, tell = said[type(about)]
    return {"type": word, "msg": tell(about, skew)}


def _fill(fill: Fill, skew: timedelta) -> dict[str, Any]:
    at_ms = said_ms(fill.at_us, skew)
    words = direction(fill.side)
    return {
        "trade_id": fill.trade_id,
        "order_id": fill.order_id,
        "client_order_id": fill.client_order_id,
        "market_ticker": fill.ticker,
        "exchange_index": 0,
        "is_taker": fill.is_taker,
        "yes_price_dollars": prices(fill.ticks)["yes_price_dollars"],
        "count_fp": contracts(fill.centi),
        "fee_cost": dollars(fill.fee_micros),
        **words,
        "purchased_side": words["outcome_side"],
        "post_position_fp": signed_contracts(fill.position_centi),
        "ts": at_ms // 1000,
        "ts_ms": at_ms,
        "subaccount": 0,
    }


def _order(order: Order, skew: timedelta) -> dict[str, Any]:
    wanted = order.wanted
    said = {
        "order_id": order.order_id,
        "user_id": USER_ID,
        "ticker": wanted.ticker,
        "status": str(order.status),
        **direction(wanted.side),
        "yes_price_dollars": dollars_text(wanted.ticks),
        "fill_count_fp": contracts(order.filled_centi),
        "remaining_count_fp": contracts(order.left_centi),
        "initial_count_fp": contracts(order.initial_centi),
        "taker_fees_dollars": dollars(order.taker_fees_micros),
        "maker_fees_dollars": dollars(order.maker_fees_micros),
        "client_order_id": wanted.client_order_id,
        "created_ts_ms": said_ms(order.created_us, skew),
        "last_updated_ts_ms": said_ms(order.updated_us, skew),
    }
    more = {
        "expiration_ts_ms": None if wanted.expires_us is None else said_ms(wanted.expires_us, skew),
        "order_group_id": wanted.group_id,
        "last_update_reason": None if order.reason is None else str(order.reason),
    }
    return said | {name: value for name, value in more.items() if value is not None}


def _position(holding: Holding, skew: timedelta) -> dict[str, Any]:
    del skew  # the frame has no stamp
    return {
        "market_ticker": holding.listing.ticker,
        "position_fp": signed_contracts(holding.position_centi),
        "position_cost_dollars": dollars(holding.cost_micros),
        "realized_pnl_dollars": dollars(holding.realized_micros),
        "fees_paid_dollars": dollars(holding.fees_micros),
        "volume_fp": contracts(holding.traded_centi),
    }


def _group(notice: GroupNotice, skew: timedelta) -> dict[str, Any]:
    del skew  # the frame has no stamp
    said: dict[str, Any] = {"event_type": str(notice.event), "order_group_id": notice.group_id}
    if notice.event in (GroupEvent.CREATED, GroupEvent.LIMIT_UPDATED):
        said["contracts_limit_fp"] = contracts(notice.limit_centi)
    return said
