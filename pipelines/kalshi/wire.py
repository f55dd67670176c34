"""The stream's frames field by field, of every era: current `_fp` strings, the mixed months, legacy cents.

What is not declared is ignored, or known and unused; what is declared has its type or the frame does not decode.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec

from warehouse.errors import Unparsable

Level = tuple[str | int, str | int]
"""Price and count: dollar text with text or a whole number, or legacy cents with a whole number."""

_YesNo = Literal["yes", "no"]
_BidAsk = Literal["bid", "ask"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 4_102_444_800_000  # the year 2100: what is later counts in another unit
_Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Millis = Annotated[int, msgspec.Meta(ge=0, lt=_LAST_MS)]

UNUSED = {
    "orderbook_snapshot": {"market_id", "yes", "no", "yes_dollars", "no_dollars"},
    "orderbook_delta": {"market_id", "client_order_id", "subaccount"},
    "trade": {"no_price", "is_block_trade", "market_id", "price", "exchange_index"},
    "fill": {"exchange_index", "side", "action", "purchased_side", "subaccount", "no_price_dollars"},
    "user_order": {
        *("user_id", "side", "action", "type", "is_yes", "no_price_dollars", "exchange_index", "subaccount_number"),
        *("taker_fill_cost_dollars", "maker_fill_cost_dollars", "self_trade_prevention_type"),
        *("cancel_order_on_pause", "post_only", "reduce_only"),
    },
    "market_position": {"volume_fp", "user_id", "subaccount", "exchange_index"},
    "order_group_updates": {"ts_ms", "subaccount", "exchange_index"},
}
"""Fields that are known and have no use here."""


class DeltaMsg(msgspec.Struct, gc=False):
    """What an orderbook_delta says."""

    market_ticker: str
    side: _YesNo
    price_dollars: str | None = None
    delta_fp: str | None = None
    price: int | None = None
    delta: int | None = None
    ts_ms: _Millis | None = None
    ts: str | int | None = None


class DeltaFrame(msgspec.Struct, gc=False, tag_field="type", tag="orderbook_delta"):
    """A change of one level."""

    sid: _Number
    seq: _Number
    msg: DeltaMsg
    sending_ts_ms: _Millis | None = None


class SnapshotMsg(msgspec.Struct):
    """What an orderbook_snapshot says; a side that is empty is absent."""

    market_ticker: str
    yes_dollars_fp: list[Level] | None = None
    no_dollars_fp: list[Level] | None = None
    yes_dollars: list[Level] | None = None
    no_dollars: list[Level] | None = None
    yes: list[Level] | None = None
    no: list[Level] | None = None
    ts_ms: _Millis | None = None
    ts: str | int | None = None


class SnapshotFrame(msgspec.Struct, tag_field="type", tag="orderbook_snapshot"):
    """A whole book; `id` is there where it answers a command."""

    sid: _Number
    seq: _Number
    msg: SnapshotMsg
    id: int | None = None
    sending_ts_ms: _Millis | None = None


class TradeMsg(msgspec.Struct, gc=False):
    """What a trade says."""

    trade_id: str
    market_ticker: str
    yes_price_dollars: str | None = None
    no_price_dollars: str | None = None
    yes_price: int | None = None
    count_fp: str | None = None
    count: int | None = None
    taker_outcome_side: _YesNo | None = None
    taker_side: _YesNo | None = None
    taker_book_side: Literal["bid", "ask"] | None = None
    is_block_trade: bool = False
    ts_ms: _Millis | None = None
    ts: str | int | None = None


class TradeFrame(msgspec.Struct, tag_field="type", tag="trade"):
    """One trade."""

    sid: _Number
    msg: TradeMsg
    seq: _Number | None = None
    sending_ts_ms: _Millis | None = None


class FillMsg(msgspec.Struct):
    """What a fill of ours says."""

    trade_id: str
    order_id: str
    market_ticker: str
    is_taker: bool
    yes_price_dollars: str
    count_fp: str
    fee_cost: str
    client_order_id: str | None = None
    outcome_side: _YesNo | None = None
    book_side: _BidAsk | None = None
    post_position_fp: str | None = None
    ts_ms: _Millis | None = None
    ts: str | int | None = None


class FillFrame(msgspec.Struct, tag_field="type", tag="fill"):
    """One fill of ours."""

    sid: _Number
    msg: FillMsg
    seq: _Number | None = None
    sending_ts_ms: _Millis | None = None


class UserOrderMsg(msgspec.Struct):
    """What an order of ours is now."""

    order_id: str
    ticker: str
    status: Literal["resting", "canceled", "executed"]
    yes_price_dollars: str
    fill_count_fp: str
    remaining_count_fp: str
    initial_count_fp: str
    client_order_id: str | None = None
    outcome_side: _YesNo | None = None
    book_side: _BidAsk | None = None
    taker_fees_dollars: str | None = None
    maker_fees_dollars: str | None = None
    order_group_id: str | None = None
    created_ts_ms: _Millis | None = None
    last_updated_ts_ms: _Millis | None = None
    expiration_ts_ms: _Millis | None = None
    last_update_reason: str | None = None


class UserOrderFrame(msgspec.Struct, tag_field="type", tag="user_order"):
    """One order of ours."""

    sid: _Number
    msg: UserOrderMsg
    seq: _Number | None = None
    sending_ts_ms: _Millis | None = None


class MarketPositionMsg(msgspec.Struct):
    """What we hold of a market now."""

    market_ticker: str
    position_fp: str
    position_cost_dollars: str = "0"
    realized_pnl_dollars: str = "0"
    fees_paid_dollars: str = "0"


class MarketPositionFrame(msgspec.Struct, tag_field="type", tag="market_position"):
    """One position of ours."""

    sid: _Number
    msg: MarketPositionMsg
    seq: _Number | None = None
    sending_ts_ms: _Millis | None = None


class GroupUpdateMsg(msgspec.Struct):
    """What became of an order group."""

    order_group_id: str
    event_type: Literal["created", "triggered", "reset", "deleted", "limit_updated"]
    contracts_limit_fp: str | None = None


class GroupUpdateFrame(msgspec.Struct, tag_field="type", tag="order_group_updates"):
    """One order group of ours."""

    sid: _Number
    msg: GroupUpdateMsg
    seq: _Number | None = None
    sending_ts_ms: _Millis | None = None


class SubscribedMsg(msgspec.Struct):
    """Which subscription a command made."""

    channel: str
    sid: _Number


class SubscribedFrame(msgspec.Struct, tag_field="type", tag="subscribed"):
    """A subscription began."""

    msg: SubscribedMsg
    id: int | None = None
    sending_ts_ms: _Millis | None = None


class OkFrame(msgspec.Struct, tag_field="type", tag="ok"):
    """A command was carried out."""

    id: int | None = None
    sid: _Number | None = None
    seq: _Number | None = None
    msg: Any = None
    sending_ts_ms: _Millis | None = None


class UnsubscribedFrame(msgspec.Struct, tag_field="type", tag="unsubscribed"):
    """A subscription ended."""

    id: int | None = None
    sid: _Number | None = None
    seq: _Number | None = None
    msg: Any = None
    sending_ts_ms: _Millis | None = None


class ErrorMsg(msgspec.Struct):
    """What went wrong."""

    code: int = 0
    msg: str = ""


class ErrorFrame(msgspec.Struct, tag_field="type", tag="error"):
    """A command or a subscription failed."""

    msg: ErrorMsg
    id: int | None = None
    sid: _Number | None = None
    seq: _Number | None = None
    sending_ts_ms: _Millis | None = None


OwnFrame = FillFrame | UserOrderFrame | MarketPositionFrame | GroupUpdateFrame
ReplyFrame = SubscribedFrame | OkFrame | UnsubscribedFrame | ErrorFrame
Frame = DeltaFrame | SnapshotFrame | TradeFrame | OwnFrame | ReplyFrame

PASSED_OVER = frozenset({"ticker", "market_lifecycle_v2", "event_lifecycle", "event_fee_update"})
"""Kinds that are known and have no use here; they take numbers all the same."""

KINDS = {str(kind.__struct_config__.tag): kind for kind in Frame.__args__}


class Loose(msgspec.Struct):
    """A frame of which nothing is expected."""

    type: Any = None
    sid: Any = None
    seq: Any = None
    msg: Any = None


decode = msgspec.json.Decoder(Frame).decode
decode_loosely = msgspec.json.Decoder(Loose).decode
_decode_all = msgspec.json.Decoder(dict[str, Any]).decode


def unknown_fields(said: Frame, raw: bytes | str) -> list[str]:
    """Return the names of fields that are neither declared nor known."""
    everything = _decode_all(raw)
    kind = str(everything.get("type"))
    foreign = set(everything) - {"type", "id", "sid", "seq", "msg", "sending_ts_ms"}
    msg = everything.get("msg")
    told = getattr(said, "msg", None)
    if isinstance(told, msgspec.Struct) and isinstance(msg, dict):
        declared = {field.name for field in msgspec.structs.fields(told)}
        foreign |= {f"msg.{name}" for name in set(msg) - declared - UNUSED.get(kind, set())}
    return sorted(foreign)


def stamp_ms(ts: str | int | None) -> int | None:
    """Return an instant of the older form in milliseconds: whole seconds, or text with a zone."""
    if ts is None:
        return None
    if isinstance(ts, int):
        if not 0 <= ts * 1000 < _LAST_MS:
            raise Unparsable(f"ts {ts!r} is not in seconds")
        return ts * 1000
    try:
        instant = datetime.fromisoformat(ts)
        ms = (instant.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        raise Unparsable(f"ts {ts[:40]!r} is not an instant") from None
    if instant.tzinfo is None:
        raise Unparsable(f"ts {ts!r} has no time zone")
    if not 0 <= ms < _LAST_MS:
        raise Unparsable(f"ts {ts!r} is of another century")
    return ms
