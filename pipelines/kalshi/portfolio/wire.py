"""Answers of the order and portfolio endpoints field by field; what is not declared is passed over."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from pipelines.kalshi.portfolio.records import MarketResult, Status

YesNo = Literal["yes", "no"]
BidAsk = Literal["bid", "ask"]
_Count = Annotated[int, msgspec.Meta(ge=0)]


class ErrorItem(msgspec.Struct):
    """Why one item of a batch was refused."""

    code: str = ""
    message: str = ""
    details: Any = None


class PlacedItem(msgspec.Struct):
    """The answer to a new or amended order; of a batch it may be an error instead."""

    order_id: str | None = None
    client_order_id: str | None = None
    fill_count: str | None = None
    remaining_count: str | None = None
    average_fill_price: str | None = None
    average_fee_paid: str | None = None
    ts_ms: _Count | None = None
    error: ErrorItem | str | None = None


class PlacedItems(msgspec.Struct):
    """The answers to a batch of new orders."""

    orders: list[PlacedItem]


class ReducedItem(msgspec.Struct):
    """The answer to a cancel or a decrease; of a batch it may be an error instead."""

    order_id: str | None = None
    client_order_id: str | None = None
    reduced_by: str | None = None
    remaining_count: str | None = None
    ts_ms: _Count | None = None
    error: ErrorItem | str | None = None


class ReducedItems(msgspec.Struct):
    """The answers to a batch of cancels."""

    orders: list[ReducedItem]


class OrderItem(msgspec.Struct):
    """An order in a listing."""

    order_id: str
    ticker: str
    status: Status
    yes_price_dollars: str
    fill_count_fp: str
    remaining_count_fp: str
    initial_count_fp: str
    client_order_id: str | None = None
    outcome_side: YesNo | None = None
    book_side: BidAsk | None = None
    taker_fees_dollars: str | None = None
    maker_fees_dollars: str | None = None
    expiration_time: str | int | None = None
    created_time: str | None = None
    last_update_time: str | None = None
    order_group_id: str | None = None


class OrdersPage(msgspec.Struct):
    """A page of orders."""

    orders: list[OrderItem]


class OneOrder(msgspec.Struct):
    """One order."""

    order: OrderItem


class FillItem(msgspec.Struct):
    """A fill in a listing."""

    trade_id: str
    order_id: str
    yes_price_dollars: str
    count_fp: str
    is_taker: bool
    fee_cost: str
    created_time: str
    ticker: str | None = None
    market_ticker: str | None = None
    outcome_side: YesNo | None = None
    book_side: BidAsk | None = None


class FillsPage(msgspec.Struct):
    """A page of fills."""

    fills: list[FillItem]


class PositionItem(msgspec.Struct):
    """What is held of one market."""

    ticker: str
    position_fp: str
    total_traded_dollars: str = "0"
    market_exposure_dollars: str = "0"
    realized_pnl_dollars: str = "0"
    fees_paid_dollars: str = "0"
    last_updated_ts: str | int | None = None


class EventPositionItem(msgspec.Struct):
    """What is held of one event."""

    event_ticker: str
    total_cost_dollars: str = "0"
    event_exposure_dollars: str = "0"
    realized_pnl_dollars: str = "0"
    fees_paid_dollars: str = "0"


class PositionsPage(msgspec.Struct):
    """A page of positions."""

    market_positions: list[PositionItem]
    event_positions: list[EventPositionItem] | None = None


class ShardBalance(msgspec.Struct):
    """The money on one shard."""

    exchange_index: int
    balance: str


class BalanceBody(msgspec.Struct):
    """The balance; the cents are cut off, so the dollars count."""

    balance_dollars: str
    portfolio_value: int | None = None
    updated_ts: int | None = None
    balance_breakdown: list[ShardBalance] | None = None


class SettlementItem(msgspec.Struct):
    """What one market paid."""

    ticker: str
    market_result: MarketResult
    yes_count_fp: str
    yes_total_cost_dollars: str
    no_count_fp: str
    no_total_cost_dollars: str
    revenue: int
    settled_time: str
    event_ticker: str | None = None
    fee_cost: str = "0"
    value: int | None = None


class SettlementsPage(msgspec.Struct):
    """A page of settlements."""

    settlements: list[SettlementItem]


class QueueItem(msgspec.Struct):
    """How much rests before one order."""

    order_id: str
    market_ticker: str
    queue_position_fp: str


class QueueBody(msgspec.Struct):
    """How much rests before each order."""

    queue_positions: list[QueueItem] | None = None


class OneQueuePosition(msgspec.Struct):
    """How much rests before an order that was asked for."""

    queue_position_fp: str


class GroupMade(msgspec.Struct):
    """The name of a new group."""

    order_group_id: str


class GroupItem(msgspec.Struct):
    """A group in a listing."""

    id: str
    contracts_limit_fp: str | None = None
    is_auto_cancel_enabled: bool | None = None


class GroupsPage(msgspec.Struct):
    """The groups of an account."""

    order_groups: list[GroupItem] | None = None


class OneGroup(msgspec.Struct):
    """One group and its orders; it does not say its own name."""

    orders: list[str] | None = None
    contracts_limit_fp: str | None = None
    is_auto_cancel_enabled: bool | None = None


class BucketBody(msgspec.Struct):
    """One token bucket of a key."""

    refill_rate: float
    bucket_capacity: float


class LimitsBody(msgspec.Struct):
    """The buckets of a key."""

    read: BucketBody
    write: BucketBody
    usage_tier: str = ""


class AsOf(msgspec.Struct):
    """Up to which instant portfolio reads are complete."""

    as_of_time: str
