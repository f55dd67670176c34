"""What an order must be for the venue to take it in, before anything is asked of money or of the book."""

from __future__ import annotations

from pipelines.demo.venue.crossing import fillable_centi
from pipelines.demo.venue.market import Market
from pipelines.demo.venue.orders import Amended, Order, Wanted
from pipelines.demo.venue.refusals import TurnedDown, invalid_order, invalid_size
from pipelines.demo.venue.words import TimeInForce


def require_sound(wanted: Wanted, market: Market, now_us: int) -> None:
    """Refuse an order whose words contradict each other or the market's grid."""
    if not market.listing.is_price(wanted.ticks):
        raise invalid_order(f"price {wanted.ticks} is off the market's grid of {market.listing.step_ticks} ticks")
    if wanted.centi < 1:
        raise invalid_size("count must be positive")
    waits = wanted.time_in_force is TimeInForce.GOOD_TILL_CANCELED
    if wanted.expires_us is not None and not waits:
        raise invalid_order("expiration_time is for good_till_canceled only")
    if wanted.expires_us is not None and wanted.expires_us <= now_us:
        raise invalid_order("expiration_time must be in the future")
    if wanted.post_only and not waits:
        raise invalid_order("post_only is for good_till_canceled only")
    if wanted.reduce_only and wanted.time_in_force is not TimeInForce.IMMEDIATE_OR_CANCEL:
        raise invalid_order("reduce_only is for immediate_or_cancel only")


def require_fillable(wanted: Wanted, market: Market) -> None:
    """Refuse an order that must be filled whole at once and cannot be: no trace of it is left."""
    if wanted.time_in_force is not TimeInForce.FILL_OR_KILL:
        return
    within = fillable_centi(market.book, side=wanted.side, limit_ticks=wanted.ticks, self_trade=wanted.self_trade)
    if within < wanted.centi:
        code = "fill_or_kill_insufficient_resting_volume"
        raise TurnedDown(code, "not enough rests within the limit", status=409)


def require_same(order: Order, amended: Amended) -> None:
    """Refuse a change that names another market, side or client's id than the order has."""
    if amended.ticker != order.wanted.ticker:
        raise TurnedDown("order_ticker_mismatch", "the order is of another market")
    if amended.side is not order.wanted.side:
        raise TurnedDown("order_side_mismatch", "the order is of the other side")
    if amended.client_order_id is not None and amended.client_order_id != order.wanted.client_order_id:
        raise TurnedDown("order_id_and_client_order_id_mismatch", "the order has another client_order_id")


def require_shrinking(order: Order, left_centi: int) -> None:
    """Refuse a decrease that is none."""
    if not 0 <= left_centi < order.left_centi:
        raise invalid_size("an order can only be decreased, and to nothing at the least")
