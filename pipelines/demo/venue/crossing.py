"""How an incoming order goes through a book: lot by lot, each dealt with before the next is looked at."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.demo.venue.book import Book
from pipelines.demo.venue.orders import Order
from pipelines.demo.venue.words import SelfTrade, Side

OnMatch = Callable[[Order | None, int, int], None]
"""Takes the order that rested (None is nobody's), the price and the count."""


def cross(
    book: Book,
    *,
    side: Side,
    limit_ticks: int,
    centi: int,
    order: Order | None,
    on_match: OnMatch,
    goes_past: Callable[[Order], bool],
) -> int:
    """Trade an incoming order as far as its limit reaches, and return what is left of it.

    `order` is None where nobody's comes. Where two of the account meet, `goes_past` either takes the resting one out of
    the book and says so, or the incoming one stops. It stops too when a match ended it.
    """
    left_centi = centi
    while left_centi > 0 and (lot := book.meets(side, limit_ticks)) is not None:
        if order is not None and lot.order is not None:
            if not goes_past(lot.order):
                break
            continue
        traded_centi, resting, ticks = min(left_centi, lot.centi), lot.order, lot.ticks
        left_centi -= traded_centi
        book.reduce(lot, traded_centi, by=order)
        on_match(resting, ticks, traded_centi)
        if order is not None and not order.is_open:
            break
    return left_centi


def fillable_centi(book: Book, *, side: Side, limit_ticks: int, self_trade: SelfTrade) -> int:
    """Return how much an order of the account could take at once; its own lots are gone past, or end the way."""
    reached_centi = 0
    for ticks in _reached(book, side, limit_ticks):
        for lot in book.queue(side.other, ticks):
            if lot.order is None:
                reached_centi += lot.centi
            elif self_trade is SelfTrade.TAKER:
                return reached_centi
    return reached_centi


def _reached(book: Book, side: Side, limit_ticks: int) -> list[int]:
    """Return the prices of the other side within a limit, the best first."""
    levels = book.levels(side.other)
    return [ticks for ticks, _ in reversed(levels) if side.reaches(limit_ticks, ticks)]
