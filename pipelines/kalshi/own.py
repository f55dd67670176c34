"""What the stream says of our own account: fills, orders, positions and order groups, as exact values.

These frames come on private channels, of all markets. Only those of order groups are numbered; whatever else is missed
on them nobody can see, so the account is asked as well.
"""

from __future__ import annotations

import msgspec

from pipelines.kalshi import wire
from pipelines.kalshi.portfolio.amounts import instant_of_millis, micros
from pipelines.kalshi.portfolio.reading import side_of
from pipelines.kalshi.portfolio.records import Fill, GroupEvent, Order, Position
from warehouse.errors import Unparsable
from warehouse.market.money import count_centi, price_ticks

PRIVATE_CHANNELS = ("fill", "user_orders", "market_positions", "order_group_updates")


class OwnFill(msgspec.Struct, frozen=True):
    """One of our orders was filled; `position_centi` is what is held after it."""

    sid: int
    seq: int | None
    fill: Fill
    position_centi: int | None = None
    sending_ts_ms: int | None = None


class OwnOrder(msgspec.Struct, frozen=True):
    """One of our orders is now so; `reason` is the exchange's word for why it changed."""

    sid: int
    seq: int | None
    order: Order
    reason: str = ""
    sending_ts_ms: int | None = None


class OwnPosition(msgspec.Struct, frozen=True):
    """What we hold of a market is now so."""

    sid: int
    seq: int | None
    position: Position
    sending_ts_ms: int | None = None


class OwnGroup(msgspec.Struct, frozen=True):
    """Something became of one of our order groups."""

    sid: int
    seq: int | None
    order_group_id: str
    event: GroupEvent
    limit_centi: int | None = None
    sending_ts_ms: int | None = None


Own = OwnFill | OwnOrder | OwnPosition | OwnGroup


def read_own(said: wire.OwnFrame) -> Own:
    """Return what one private frame says."""
    if isinstance(said, wire.FillFrame):
        return OwnFill(said.sid, said.seq, _fill(said.msg), _held(said.msg), said.sending_ts_ms)
    if isinstance(said, wire.UserOrderFrame):
        return OwnOrder(said.sid, said.seq, _order(said.msg), said.msg.last_update_reason or "", said.sending_ts_ms)
    if isinstance(said, wire.MarketPositionFrame):
        return OwnPosition(said.sid, said.seq, _position(said.msg), said.sending_ts_ms)
    msg = said.msg
    limit = None if msg.contracts_limit_fp is None else count_centi(msg.contracts_limit_fp)
    return OwnGroup(said.sid, said.seq, msg.order_group_id, msg.event_type, limit, said.sending_ts_ms)


def _fill(msg: wire.FillMsg) -> Fill:
    millis = msg.ts_ms if msg.ts_ms is not None else wire.stamp_ms(msg.ts)
    centi = count_centi(msg.count_fp)
    if millis is None or centi <= 0 or not msg.trade_id:
        raise Unparsable("a fill without an instant, a name or a count is none")
    return Fill(
        trade_id=msg.trade_id,
        order_id=msg.order_id,
        market_ticker=msg.market_ticker,
        side=side_of(msg.book_side, msg.outcome_side, what=f"fill {msg.trade_id}"),
        price_ticks=price_ticks(msg.yes_price_dollars),
        centi=centi,
        fee_micros=micros(msg.fee_cost),
        is_taker=msg.is_taker,
        at_utc=instant_of_millis(millis),
        client_order_id=msg.client_order_id or None,
    )


def _held(msg: wire.FillMsg) -> int | None:
    return None if msg.post_position_fp is None else count_centi(msg.post_position_fp)


def _order(msg: wire.UserOrderMsg) -> Order:
    return Order(
        order_id=msg.order_id,
        client_order_id=msg.client_order_id or "",
        market_ticker=msg.ticker,
        side=side_of(msg.book_side, msg.outcome_side, what=f"order {msg.order_id}"),
        price_ticks=price_ticks(msg.yes_price_dollars),
        status=msg.status,
        filled_centi=count_centi(msg.fill_count_fp),
        remaining_centi=count_centi(msg.remaining_count_fp),
        initial_centi=count_centi(msg.initial_count_fp),
        taker_fees_micros=micros(msg.taker_fees_dollars or "0"),
        maker_fees_micros=micros(msg.maker_fees_dollars or "0"),
        expires_utc=None if not msg.expiration_ts_ms else instant_of_millis(msg.expiration_ts_ms),
        created_utc=None if msg.created_ts_ms is None else instant_of_millis(msg.created_ts_ms),
        updated_utc=None if msg.last_updated_ts_ms is None else instant_of_millis(msg.last_updated_ts_ms),
        order_group_id=msg.order_group_id or None,
    )


def _position(msg: wire.MarketPositionMsg) -> Position:
    return Position(
        market_ticker=msg.market_ticker,
        position_centi=count_centi(msg.position_fp),
        traded_micros=0,
        exposure_micros=micros(msg.position_cost_dollars),
        realized_micros=micros(msg.realized_pnl_dollars),
        fees_micros=micros(msg.fees_paid_dollars),
        updated_utc=None,
    )
