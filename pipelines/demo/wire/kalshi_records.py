"""Orders, fills, positions and settlements in the exchange's own fields: dollars and counts as text."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.demo.venue.account import Fill, Holding, Settlement
from pipelines.demo.venue.orders import Order
from pipelines.demo.venue.words import Side
from pipelines.demo.wire.answers import stamp
from pipelines.demo.wire.kalshi_books import contracts
from warehouse.market.money import TICKS_PER_DOLLAR, dollars_text

USER_ID = str(uuid.uuid5(uuid.NAMESPACE_OID, "the account of the demo venue"))
MICROS_PER_DOLLAR = 1_000_000
MICROS_PER_CENT = 10_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROS_PER_CONTRACT_AND_CENTI = 100


def dollars(micros: int) -> str:
    """Print an amount of money to the micro."""
    sign, amount = ("-" if micros < 0 else ""), abs(micros)
    return f"{sign}{amount // MICROS_PER_DOLLAR}.{amount % MICROS_PER_DOLLAR:06d}"


def balance_dollars(micros: int) -> str:
    """Print a balance, which is a whole number of ticks."""
    return dollars(micros)[:-2]


def signed_contracts(centi: int) -> str:
    """Print a position."""
    return ("-" if centi < 0 else "") + contracts(abs(centi))


def order_record(order: Order, *, skew: timedelta) -> dict[str, Any]:
    """Return an order as it is read back."""
    wanted = order.wanted
    return {
        "order_id": order.order_id,
        "user_id": USER_ID,
        "client_order_id": wanted.client_order_id,
        "ticker": wanted.ticker,
        **direction(wanted.side),
        "type": "limit",
        "status": str(order.status),
        **prices(wanted.ticks),
        "fill_count_fp": contracts(order.filled_centi),
        "remaining_count_fp": contracts(order.left_centi),
        "initial_count_fp": contracts(order.initial_centi),
        "taker_fill_cost_dollars": dollars(order.taker_cost_micros),
        "maker_fill_cost_dollars": dollars(order.maker_cost_micros),
        "taker_fees_dollars": dollars(order.taker_fees_micros),
        "maker_fees_dollars": dollars(order.maker_fees_micros),
        "expiration_time": None if wanted.expires_us is None else said_at(wanted.expires_us, skew),
        "created_time": said_at(order.created_us, skew),
        "last_update_time": said_at(order.updated_us, skew),
        "self_trade_prevention_type": str(wanted.self_trade),
        "order_group_id": wanted.group_id,
        "cancel_order_on_pause": wanted.cancel_on_pause,
        "subaccount_number": 0,
        "exchange_index": 0,
    }


def placed_record(order: Order, *, skew: timedelta, client_order_id: str | None = None) -> dict[str, Any]:
    """Return what is answered to a new or amended order; averages are of everything that it traded."""
    said: dict[str, Any] = {
        "order_id": order.order_id,
        "client_order_id": order.wanted.client_order_id if client_order_id is None else client_order_id,
        "fill_count": contracts(order.filled_centi),
        "remaining_count": contracts(order.left_centi),
    }
    if order.filled_centi:
        said |= _averages(order)
    return said | {"ts_ms": said_ms(order.updated_us, skew)}


def fill_record(fill: Fill, *, skew: timedelta) -> dict[str, Any]:
    """Return a fill as it is read back; it does not name the client's order id."""
    return {
        "fill_id": fill.trade_id,
        "trade_id": fill.trade_id,
        "order_id": fill.order_id,
        "ticker": fill.ticker,
        "market_ticker": fill.ticker,
        **direction(fill.side),
        "count_fp": contracts(fill.centi),
        **prices(fill.ticks),
        "is_taker": fill.is_taker,
        "fee_cost": dollars(fill.fee_micros),
        "created_time": said_at(fill.at_us, skew),
        "ts": said_ms(fill.at_us, skew) // 1000,
        "subaccount_number": 0,
    }


def position_record(holding: Holding, *, skew: timedelta) -> dict[str, Any]:
    """Return what is held of a market."""
    return {
        "ticker": holding.listing.ticker,
        "exchange_index": 0,
        "total_traded_dollars": dollars(holding.traded_micros),
        "position_fp": signed_contracts(holding.position_centi),
        "market_exposure_dollars": dollars(holding.cost_micros),
        "realized_pnl_dollars": dollars(holding.realized_micros),
        "fees_paid_dollars": dollars(holding.fees_micros),
        "last_updated_ts": said_at(holding.updated_us, skew),
    }


def event_position_records(holdings: Iterable[Holding]) -> list[dict[str, Any]]:
    """Return what is held of each event."""
    by_event: dict[str, list[Holding]] = {}
    for holding in holdings:
        by_event.setdefault(holding.listing.event_ticker, []).append(holding)
    return [
        {
            "event_ticker": event,
            "total_cost_dollars": dollars(sum(one.traded_micros for one in held)),
            "total_cost_shares_fp": contracts(sum(one.traded_centi for one in held)),
            "event_exposure_dollars": dollars(sum(one.cost_micros for one in held)),
            "realized_pnl_dollars": dollars(sum(one.realized_micros for one in held)),
            "fees_paid_dollars": dollars(sum(one.fees_micros for one in held)),
        }
        for event, held in by_event.items()
    ]


def settlement_record(row: Settlement, *, skew: timedelta) -> dict[str, Any]:
    """Return what a market paid; revenue and value are still whole cents."""
    return {
        "ticker": row.listing.ticker,
        "event_ticker": row.listing.event_ticker,
        "market_result": "yes" if row.listing.value_ticks else "no",
        "yes_count_fp": contracts(row.yes_centi),
        "yes_total_cost_dollars": dollars(row.yes_cost_micros),
        "no_count_fp": contracts(row.no_centi),
        "no_total_cost_dollars": dollars(row.no_cost_micros),
        "revenue": row.revenue_micros // MICROS_PER_CENT,
        "settled_time": said_at(row.at_us, skew),
        "fee_cost": dollars(row.fees_micros),
        "value": row.listing.value_ticks // 100,
    }


def direction(side: Side) -> dict[str, str]:
    """Return the words for a side, those that are going out of use too."""
    bids = side is Side.BID
    outcome = "yes" if bids else "no"
    return {"outcome_side": outcome, "book_side": side.word, "side": outcome, "action": "buy"}


def prices(ticks: int) -> Mapping[str, str]:
    """Return a price in both legs."""
    return {"yes_price_dollars": dollars_text(ticks), "no_price_dollars": dollars_text(TICKS_PER_DOLLAR - ticks)}


def said_at(at_us: int, skew: timedelta) -> str:
    """Print an instant by the exchange's own clock."""
    return stamp(_EPOCH + timedelta(microseconds=at_us) + skew)


def said_ms(at_us: int, skew: timedelta) -> int:
    """Return an instant by the exchange's own clock, in milliseconds."""
    return (at_us + skew // timedelta(microseconds=1)) // 1000


def _averages(order: Order) -> dict[str, str]:
    cost = (order.taker_cost_micros + order.maker_cost_micros) * _MICROS_PER_CONTRACT_AND_CENTI // order.filled_centi
    fees = (order.taker_fees_micros + order.maker_fees_micros) * _MICROS_PER_CONTRACT_AND_CENTI // order.filled_centi
    price = cost if order.wanted.side is Side.BID else MICROS_PER_DOLLAR - cost
    return {"average_fill_price": dollars(price), "average_fee_paid": dollars(fees)}
