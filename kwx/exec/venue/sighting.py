"""One look at the whole account, and what it adds to the record: where orders stand, fills, settlements."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from kwx.exec.venue.book_of_orders import Book
from kwx.exec.venue.contract import Venue
from kwx.exec.venue.entries import Absent, Filled, Seen, Settled
from kwx.exec.venue.own_order import NEVER_IN_THE_BOOK, OwnOrder, Standing
from kwx.exec.venue.record import Record
from kwx.exec.venue.wanted import Limits
from pipelines.kalshi.portfolio.records import Fill, Order, Settlement
from warehouse.errors import VendorRefused

logger = logging.getLogger(__name__)

OVERLAP = timedelta(hours=1)
"""How far before the last one known fills and settlements are read again: some are told late."""
KEPT_AFTER_SETTLEMENT = timedelta(days=1)
"""For so long after a market was paid a fill of it may still be told."""

_UNKNOWN = 404


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """The account as it was read: complete up to `as_of_utc` at least. `named` are orders that were read one by one."""

    as_of_utc: datetime
    resting: tuple[Order, ...]
    named: tuple[Order, ...]
    missing: tuple[str, ...]
    fills: tuple[Fill, ...]
    settlements: tuple[Settlement, ...]
    positions_centi: Mapping[str, int]
    cash_micros: int


def look(venue: Venue, book: Book, *, now_utc: datetime, anew: bool = False) -> Sighting:
    """Read the account. Positions and money come last, so that whatever explains them was read before them.

    anew: something is not explained; read from our first order in any market that is not long paid, however old what
    is missing may be. A fill told hours late is hidden behind newer ones of another date else.
    """
    oldest_utc = _first_sent_utc(book, now_utc) if anew else None
    as_of_utc = venue.user_data_utc()
    resting = tuple(venue.orders(status="resting"))
    there = {order.order_id for order in resting}
    sought = [order for order in book.open_orders if order.order_id not in there]
    named, missing = _one_by_one(venue, sought)
    filled = [fill.at_utc for fill in book.fills]
    fills = tuple(venue.fills(since_utc=_since(book, filled, now_utc, oldest_utc)))
    settled = [one.at_utc for one in book.settled.values()]
    settlements = tuple(venue.settlements(since_utc=_since(book, settled, now_utc, oldest_utc)))
    positions = {one.market_ticker: one.position_centi for one in venue.positions().markets if one.position_centi}
    return Sighting(
        as_of_utc=as_of_utc,
        resting=resting,
        named=tuple(named),
        missing=tuple(missing),
        fills=fills,
        settlements=settlements,
        positions_centi=positions,
        cash_micros=venue.balance().cash_micros,
    )


@dataclass(frozen=True, kw_only=True)
class Surprises:
    """What a look showed that our record had said cannot be: fills of foreign orders, orders that were given up."""

    foreign_fills: tuple[Fill, ...] = ()
    risen: tuple[str, ...] = ()


def take_in(record: Record, seen: Sighting, *, limits: Limits, now_utc: datetime) -> Surprises:
    """Add a look to the record."""
    book, risen = record.book, []
    for theirs in (*seen.resting, *seen.named):
        ours = book.orders.get(theirs.client_order_id) or book.of_order_id(theirs.order_id)
        if ours is None:
            continue
        if ours.standing in NEVER_IN_THE_BOOK:
            risen.append(ours.client_order_id)
        # What has ended stays so; what rests may be told as it was before a change of ours.
        is_final = ours.is_unknown or theirs.status != "resting"
        if is_final or not is_behind(ours, seen.as_of_utc, limits=limits, now_utc=now_utc):
            note_order(record, ours, theirs)
    foreign = tuple(fill for fill in seen.fills if not note_fill(record, fill))
    for settlement in seen.settlements:
        _note_settlement(record, settlement)
    _count_looks(record, seen, limits=limits, now_utc=now_utc)
    return Surprises(foreign_fills=foreign, risen=tuple(risen))


def note_order(record: Record, ours: OwnOrder, theirs: Order) -> None:
    """Write down how the exchange has an order, where that is news."""
    entry = Seen(
        client_order_id=ours.client_order_id,
        order_id=theirs.order_id,
        status=theirs.status,
        ticks=theirs.price_ticks,
        filled_centi=theirs.filled_centi,
        remaining_centi=theirs.remaining_centi if theirs.status == "resting" else 0,
        expires_utc=theirs.expires_utc,
    )
    if _is_news(ours, entry):
        record.note(entry)


def note_fill(record: Record, fill: Fill) -> bool:
    """Book a fill once; false where it is of no order of ours."""
    book = record.book
    order = book.of_order_id(fill.order_id) or book.orders.get(fill.client_order_id or "")
    if order is None:
        return False
    if not book.has_fill(fill.trade_id, fill.order_id):
        record.note(
            Filled(
                trade_id=fill.trade_id,
                order_id=fill.order_id,
                client_order_id=order.client_order_id,
                market_ticker=fill.market_ticker,
                side=fill.side,
                ticks=fill.price_ticks,
                centi=fill.centi,
                fee_micros=fill.fee_micros,
                is_taker=fill.is_taker,
                at_utc=fill.at_utc,
            )
        )
    return True


def is_behind(order: OwnOrder, as_of_utc: datetime, *, limits: Limits, now_utc: datetime) -> bool:
    """Tell whether a read may be older than what we know of an order; a clock that is off must not blind us long."""
    changed = order.changed_utc
    return changed is not None and as_of_utc < changed and now_utc - changed < limits.late_after


def _one_by_one(venue: Venue, sought: Iterable[OwnOrder]) -> tuple[list[Order], list[str]]:
    """Read orders that do not rest: by their id, or where that is not known among all orders of their market."""
    found, missing = [], []
    of_market: dict[str, list[Order]] = {}
    for order in sought:
        ticker = order.market_ticker
        if order.order_id is None and ticker not in of_market:
            of_market[ticker] = list(venue.orders(market_ticker=ticker))
        theirs = (
            next((one for one in of_market[ticker] if one.client_order_id == order.client_order_id), None)
            if order.order_id is None
            else _by_id(venue, order.order_id)
        )
        if theirs is None:
            missing.append(order.client_order_id)
        else:
            found.append(theirs)
    return found, missing


def _by_id(venue: Venue, order_id: str) -> Order | None:
    try:
        return venue.order(order_id)
    except VendorRefused as error:
        if error.status != _UNKNOWN:
            raise
        return None


def _since(book: Book, known: Iterable[datetime], now_utc: datetime, oldest_utc: datetime | None) -> datetime:
    usual_utc = max(known, default=book.opened_utc or now_utc) - OVERLAP
    return usual_utc if oldest_utc is None else min(usual_utc, oldest_utc)


def _first_sent_utc(book: Book, now_utc: datetime) -> datetime | None:
    """Return when the first order was sent in any market that is not paid yet, or was a short while ago."""
    long_paid = {name for name, paid in book.settled.items() if paid.at_utc < now_utc - KEPT_AFTER_SETTLEMENT}
    sent = [order.sent_utc for order in book.orders.values() if order.market_ticker not in long_paid]
    return min(sent) - OVERLAP if sent else None


def _is_news(ours: OwnOrder, seen: Seen) -> bool:
    if not ours.is_open and ours.standing not in NEVER_IN_THE_BOOK:
        return seen.filled_centi > ours.told_centi
    if ours.standing is not Standing.RESTING or ours.is_changing or seen.status != "resting":
        return True
    total = seen.filled_centi + seen.remaining_centi
    is_same = (ours.ticks, ours.told_centi, ours.centi) == (seen.ticks, seen.filled_centi, total)
    return not is_same or seen.expires_utc not in {None, ours.expires_utc}


def _note_settlement(record: Record, settlement: Settlement) -> None:
    """Book what a market paid, where we ever traded it."""
    book = record.book
    if settlement.market_ticker in book.account.holdings and settlement.market_ticker not in book.settled:
        record.note(
            Settled(
                market_ticker=settlement.market_ticker,
                result=settlement.result,
                revenue_micros=settlement.revenue_micros,
                at_utc=settlement.settled_utc,
            )
        )


def _count_looks(record: Record, seen: Sighting, *, limits: Limits, now_utc: datetime) -> None:
    """Count the looks in which an order that may have been sent was not found; after enough of them it never was."""
    for name in seen.missing:
        order = record.book.orders[name]
        if not order.is_unknown or seen.as_of_utc < order.sent_utc:
            continue
        order.looks += 1
        if order.looks >= limits.looks_to_absent and now_utc - order.sent_utc >= limits.absent_after:
            logger.warning("order %s was not found in %d looks: it counts as never accepted", name, order.looks)
            record.note(Absent(client_order_id=name, looks=order.looks))
