"""In what the exchange and our record differ. Pure: a look was added to the record before it is held against it.

A difference is late, not a mismatch yet, where a read may be behind what we know, or where an order tells of more
filled contracts than there are fills of: then positions may lie anywhere between, and money cannot be judged. A
position that is gone may have been settled a moment ago: what it paid may be told late.
"""

from __future__ import annotations

from collections.abc import Iterator

from kwx.exec.venue.book_of_orders import Book, is_named_like_ours
from kwx.exec.venue.own_order import NEVER_IN_THE_BOOK
from kwx.exec.venue.sighting import Sighting, Surprises
from kwx.exec.venue.told import Difference
from pipelines.kalshi.portfolio.records import Fill

GONE = "position that is gone"
"""It may have been settled a moment ago; at a start nothing has been a moment ago."""


def differences(book: Book, seen: Sighting, surprises: Surprises) -> list[Difference]:
    """Return every difference, those that may only be late among them."""
    is_behind = book.changed_utc is not None and seen.as_of_utc < book.changed_utc
    positions = list(_of_positions(book, seen, is_behind=is_behind))
    is_behind = is_behind or any(one.is_late for one in positions)
    return [
        *_of_orders(book, seen, surprises),
        *_of_fills(book, seen, surprises),
        *positions,
        *_of_cash(book, seen, is_behind=is_behind),
    ]


def _of_orders(book: Book, seen: Sighting, surprises: Surprises) -> Iterator[Difference]:
    for name in surprises.risen:
        yield Difference(what="order", subject=name, ours="never in the book", theirs="is or was in the book")
    for theirs in seen.resting:
        ours = book.orders.get(theirs.client_order_id) or book.of_order_id(theirs.order_id)
        told = f"rests, {theirs.remaining_centi} hundredths at {theirs.price_ticks} ticks in {theirs.market_ticker}"
        if ours is None:
            whose = "named like ours" if is_named_like_ours(theirs, book.groups) else "of somebody else"
            yield Difference(what=f"order {whose}", subject=theirs.order_id, ours="not known", theirs=told)
        elif not ours.is_open:
            ended = ours.standing.value
            yield Difference(what="order", subject=ours.client_order_id, ours=ended, theirs=told, is_late=True)
    for name in seen.missing:
        order = book.orders[name]
        if order.is_open and not order.is_unknown:
            yield Difference(what="order", subject=name, ours="rests", theirs="not known", is_late=True)


def _of_fills(book: Book, seen: Sighting, surprises: Surprises) -> Iterator[Difference]:
    for fill in surprises.foreign_fills:
        if book.opened_utc is not None and fill.at_utc >= book.opened_utc:
            yield Difference(
                what="fill of an order that is not ours", subject=fill.trade_id, ours="none", theirs=_told(fill)
            )
    for fill in seen.fills:
        order = book.of_order_id(fill.order_id)
        if order is None:
            continue
        if (order.market_ticker, order.side) != (fill.market_ticker, fill.side):
            ours = f"{order.side:+} in {order.market_ticker}"
            yield Difference(what="fill", subject=fill.trade_id, ours=ours, theirs=_told(fill))
        if order.standing in NEVER_IN_THE_BOOK:
            standing = order.standing.value
            yield Difference(what="order", subject=order.client_order_id, ours=standing, theirs=_told(fill))
        if order.filled_centi > order.most_centi:
            ours, theirs = f"{order.most_centi} hundredths at most", f"{order.filled_centi} filled"
            yield Difference(what="order", subject=order.client_order_id, ours=ours, theirs=theirs)


def _told(fill: Fill) -> str:
    return f"{fill.side:+} {fill.centi} hundredths at {fill.price_ticks} ticks in {fill.market_ticker}"


def _of_positions(book: Book, seen: Sighting, *, is_behind: bool) -> Iterator[Difference]:
    ours = book.account.positions_centi
    for ticker in sorted(ours.keys() | seen.positions_centi.keys()):
        held, told = ours.get(ticker, 0), seen.positions_centi.get(ticker, 0)
        if held == told:
            continue
        live = book.live_in(ticker)
        most = held + sum(order.late_centi for order in live if order.side > 0)
        least = held - sum(order.late_centi for order in live if order.side < 0)
        is_late = is_behind or least <= told <= most
        yield Difference(
            what=GONE if told == 0 and not is_late else "position",
            subject=ticker,
            ours=f"{held} hundredths",
            theirs=f"{told}",
            is_late=is_late or told == 0,
        )


def _of_cash(book: Book, seen: Sighting, *, is_behind: bool) -> Iterator[Difference]:
    resting = [order for order in book.open_orders if not order.is_unknown]
    if seen.cash_micros in book.account.cash_may_be(resting):
        return
    is_late = is_behind or any(order.late_centi or order.is_unknown for order in book.live_orders)
    yield Difference(
        what="cash",
        subject="of the account",
        ours=f"{book.account.cash_micros} micros",
        theirs=f"{seen.cash_micros}",
        is_late=is_late,
    )
