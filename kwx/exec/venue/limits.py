"""What no order may pass, whatever the step says: looked at before each is sent, by all that may become of it."""

from __future__ import annotations

from kwx.exec.venue.book_of_orders import Book
from kwx.exec.venue.own_order import OwnOrder
from kwx.exec.venue.wanted import Limits


def over_limit(book: Book, limits: Limits, order: OwnOrder, *, instead_of: OwnOrder | None = None) -> str:
    """Return which limit an order would pass, empty where it passes none; `instead_of` is what it would replace."""
    if order.left_centi > limits.max_order_centi:
        return f"{order.left_centi} hundredths in one order are more than {limits.max_order_centi}"
    if instead_of is None and len(book.open_orders) >= limits.max_open_orders:
        return f"{limits.max_open_orders} orders are open already"
    others = [one for one in book.live_in(order.market_ticker) if one is not instead_of]
    held = book.account.of(order.market_ticker).position_centi
    reach = order.side * held + sum(_may_fill(one) for one in (*others, order) if one.side == order.side)
    if reach > limits.max_position_centi:
        return f"{reach} hundredths of {order.market_ticker} are more than {limits.max_position_centi}"
    gross = gross_micros(book, but=order.market_ticker)
    gross += book.account.of(order.market_ticker).worst_loss_micros([*others, order])
    if reach > 0 and gross > limits.max_gross_micros:
        return f"{gross} micros could be lost in all, more than {limits.max_gross_micros}"
    return ""


def gross_micros(book: Book, *, but: str = "") -> int:
    """Return the most that all markets but one can lose, whatever of their orders is filled and however they settle."""
    live = {order.market_ticker for order in book.live_orders}
    markets = (live | set(book.account.holdings)) - book.settled.keys() - {but}
    return sum(book.account.of(ticker).worst_loss_micros(book.live_in(ticker)) for ticker in markets)


def _may_fill(order: OwnOrder) -> int:
    return order.left_centi + order.late_centi
