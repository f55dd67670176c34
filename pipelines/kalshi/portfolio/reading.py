"""What the exchange says of an account, read strictly: a word that nobody knows, or one that is missing, is refused."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import msgspec

from pipelines.kalshi.exact import instant_utc
from pipelines.kalshi.portfolio import wire
from pipelines.kalshi.portfolio.amounts import (
    instant_of_millis,
    instant_of_seconds,
    micros,
    micros_of_cents,
)
from pipelines.kalshi.portfolio.records import (
    AccountLimits,
    Balance,
    EventPosition,
    Fill,
    Order,
    OrderGroup,
    Placed,
    Position,
    Positions,
    QueuePosition,
    Reduced,
    Settlement,
)
from warehouse.errors import Unparsable, VendorRefused
from warehouse.market.money import count_centi, price_ticks

_T = TypeVar("_T")
_QUOTED = 200


def decoded(body: bytes, shape: type[_T], *, what: str) -> _T:
    """Return a body in its shape; anything else is refused with what does not fit."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.DecodeError as error:
        raise Unparsable(f"{what}: {error}", hint="the exchange may have changed; nothing was made of it") from error


def placed(item: wire.PlacedItem, *, client_order_id: str) -> Placed:
    """Read the answer to one order; it must be the answer to this one."""
    if item.order_id is None or item.fill_count is None or item.remaining_count is None or item.ts_ms is None:
        raise Unparsable(f"the answer to order {client_order_id} lacks its id, counts or instant")
    if item.client_order_id not in {None, "", client_order_id}:
        raise Unparsable(f"the answer to order {client_order_id} names {str(item.client_order_id)[:64]!r}")
    return Placed(
        order_id=item.order_id,
        client_order_id=client_order_id,
        filled_centi=_count(item.fill_count),
        remaining_centi=_count(item.remaining_count),
        average_price_micros=None if not item.average_fill_price else micros(item.average_fill_price),
        average_fee_micros=None if not item.average_fee_paid else micros(item.average_fee_paid),
        at_utc=instant_of_millis(item.ts_ms),
    )


def reduced(item: wire.ReducedItem, *, order_id: str) -> Reduced:
    """Read the answer to one cancel or decrease."""
    if item.order_id not in {None, order_id} or (item.reduced_by is None and item.remaining_count is None):
        raise Unparsable(f"the answer to a change of order {order_id} says nothing of it")
    return Reduced(
        order_id=order_id,
        client_order_id=item.client_order_id or "",
        reduced_centi=None if item.reduced_by is None else _count(item.reduced_by),
        remaining_centi=None if item.remaining_count is None else _count(item.remaining_count),
        at_utc=None if item.ts_ms is None else instant_of_millis(item.ts_ms),
    )


def refusal_of(error: wire.ErrorItem | str, *, what: str) -> VendorRefused:
    """Return the refusal of one item of a batch."""
    if isinstance(error, str):
        return VendorRefused(f"{what}: {error[:_QUOTED]}", code=error[:_QUOTED])
    words = ": ".join(str(word)[:_QUOTED] for word in (error.code, error.message, error.details) if word)
    return VendorRefused(f"{what}: {words or 'refused without a word'}", code=error.code)


def order(item: wire.OrderItem) -> Order:
    """Read one order."""
    return Order(
        order_id=item.order_id,
        client_order_id=item.client_order_id or "",
        market_ticker=item.ticker,
        side=side_of(item.book_side, item.outcome_side, what=f"order {item.order_id}"),
        price_ticks=price_ticks(item.yes_price_dollars),
        status=item.status,
        filled_centi=_count(item.fill_count_fp),
        remaining_centi=_count(item.remaining_count_fp),
        initial_centi=_count(item.initial_count_fp),
        taker_fees_micros=micros(item.taker_fees_dollars or "0"),
        maker_fees_micros=micros(item.maker_fees_dollars or "0"),
        expires_utc=_instant(item.expiration_time),
        created_utc=_instant(item.created_time),
        updated_utc=_instant(item.last_update_time),
        order_group_id=item.order_group_id or None,
    )


def fill(item: wire.FillItem) -> Fill:
    """Read one fill."""
    ticker = item.market_ticker or item.ticker
    if not item.trade_id or not item.order_id or not ticker:
        raise Unparsable("a fill without a trade, an order and a market is none")
    return Fill(
        trade_id=item.trade_id,
        order_id=item.order_id,
        market_ticker=ticker,
        side=side_of(item.book_side, item.outcome_side, what=f"fill {item.trade_id}"),
        price_ticks=price_ticks(item.yes_price_dollars),
        centi=_some(item.count_fp, what=f"fill {item.trade_id}"),
        fee_micros=micros(item.fee_cost),
        is_taker=item.is_taker,
        at_utc=instant_utc(item.created_time),
    )


def positions(page: wire.PositionsPage) -> Positions:
    """Read a page of positions."""
    return Positions(
        markets=tuple(_position(item) for item in page.market_positions),
        events=tuple(_event_position(item) for item in page.event_positions or ()),
    )


def balance(body: wire.BalanceBody) -> Balance:
    """Read the money of the account."""
    return Balance(
        cash_micros=micros(body.balance_dollars),
        portfolio_micros=None if body.portfolio_value is None else micros_of_cents(body.portfolio_value),
        by_shard_micros={one.exchange_index: micros(one.balance) for one in body.balance_breakdown or ()},
        updated_utc=None if body.updated_ts is None else instant_of_seconds(body.updated_ts),
    )


def settlement(item: wire.SettlementItem) -> Settlement:
    """Read what one market paid."""
    return Settlement(
        market_ticker=item.ticker,
        event_ticker=item.event_ticker,
        result=item.market_result,
        yes_centi=_count(item.yes_count_fp),
        yes_cost_micros=micros(item.yes_total_cost_dollars),
        no_centi=_count(item.no_count_fp),
        no_cost_micros=micros(item.no_total_cost_dollars),
        revenue_micros=micros_of_cents(item.revenue),
        fee_micros=micros(item.fee_cost),
        value_micros=None if item.value is None else micros_of_cents(item.value),
        settled_utc=instant_utc(item.settled_time),
    )


def queue_position(item: wire.QueueItem) -> QueuePosition:
    """Read how much rests before one order."""
    return QueuePosition(
        order_id=item.order_id, market_ticker=item.market_ticker, ahead_centi=_count(item.queue_position_fp)
    )


def group(item: wire.GroupItem | wire.OneGroup, *, order_group_id: str) -> OrderGroup:
    """Read one order group."""
    limit = item.contracts_limit_fp
    return OrderGroup(
        order_group_id=order_group_id,
        limit_centi=None if limit is None else count_centi(limit),
        auto_cancels=item.is_auto_cancel_enabled,
        order_ids=tuple(item.orders or ()) if isinstance(item, wire.OneGroup) else (),
    )


def limits(body: wire.LimitsBody) -> AccountLimits:
    """Read what a key may ask."""
    return AccountLimits(
        tier=body.usage_tier,
        read_tokens_per_second=body.read.refill_rate,
        read_burst_tokens=body.read.bucket_capacity,
        write_tokens_per_second=body.write.refill_rate,
        write_burst_tokens=body.write.bucket_capacity,
    )


def side_of(book_side: str | None, outcome_side: str | None, *, what: str) -> int:
    """Return +1 for who buys yes, −1 for who sells it; both words must mean the same, and one must be there."""
    said = {1 for word in (book_side, outcome_side) if word in {"bid", "yes"}}
    said |= {-1 for word in (book_side, outcome_side) if word in {"ask", "no"}}
    if len(said) != 1:
        raise Unparsable(f"{what} is of side {book_side!r} and {outcome_side!r}: neither buys nor sells")
    return said.pop()


def _position(item: wire.PositionItem) -> Position:
    return Position(
        market_ticker=item.ticker,
        position_centi=count_centi(item.position_fp),
        traded_micros=micros(item.total_traded_dollars),
        exposure_micros=micros(item.market_exposure_dollars),
        realized_micros=micros(item.realized_pnl_dollars),
        fees_micros=micros(item.fees_paid_dollars),
        updated_utc=_instant(item.last_updated_ts),
    )


def _event_position(item: wire.EventPositionItem) -> EventPosition:
    return EventPosition(
        event_ticker=item.event_ticker,
        cost_micros=micros(item.total_cost_dollars),
        exposure_micros=micros(item.event_exposure_dollars),
        realized_micros=micros(item.realized_pnl_dollars),
        fees_micros=micros(item.fees_paid_dollars),
    )


def _count(text: str) -> int:
    centi = count_centi(text)
    if centi < 0:
        raise Unparsable(f"{text!r} is no count: it is negative")
    return centi


def _some(text: str, *, what: str) -> int:
    centi = _count(text)
    if centi == 0:
        raise Unparsable(f"{what} is of no contract")
    return centi


def _instant(said: str | int | None) -> datetime | None:
    """Read an instant as text or as seconds; neither is none."""
    if said is None or said == "":
        return None
    return instant_of_seconds(said) if isinstance(said, int) else instant_utc(said)
