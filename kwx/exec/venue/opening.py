"""The start: the journal and the exchange must agree before anything is sent, or nothing is."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from kwx.exec.venue.book_of_orders import is_named_like_ours
from kwx.exec.venue.contract import Venue
from kwx.exec.venue.entries import Adopted, Opened, Unsure
from kwx.exec.venue.own_order import Standing
from kwx.exec.venue.reconcile import GONE, differences
from kwx.exec.venue.record import Record
from kwx.exec.venue.sighting import Sighting, look, take_in
from kwx.exec.venue.told import Difference
from kwx.exec.venue.wanted import Limits
from pipelines.kalshi.portfolio.records import Order
from warehouse.clock import Clock
from warehouse.errors import Refused

logger = logging.getLogger(__name__)

LOOKS_AT_ONCE = 3
"""How often the account is read before a difference is believed: no two reads are of one instant."""

_TOLD = 12


def open_account(venue: Venue, record: Record, *, limits: Limits, clock: Clock, adopt: bool) -> tuple[str, ...]:
    """Bring the record up to what the exchange says; refuse what nothing explains. Return the orders adopted."""
    _doubt_what_was_sent(record)
    seen = look(venue, record.book, now_utc=clock())
    adopted = _adopt(record, seen, adopt=adopt)
    if record.book.account.opening_micros is None:
        _require_untouched(record, seen)
        record.require(Opened(cash_micros=seen.cash_micros))
    found: list[Difference] = []
    for _ in range(LOOKS_AT_ONCE):
        surprises = take_in(record, seen, limits=limits, now_utc=clock())
        found = differences(record.book, seen, surprises)
        if not found:
            return adopted
        seen = look(venue, record.book, now_utc=clock(), anew=True)
    for one in found:
        logger.warning("at the start: %s%s", one, " (may be late)" if one.is_late else "")
    found = [one for one in found if not one.is_late or one.what == GONE]
    if not found:  # what may only be late is given its time once trading goes on
        return adopted
    raise Refused(
        f"the account is not as the journal says: {_listed(found)}",
        hint="look at the account and mend it by hand, or begin a new journal with a flat account; --adopt takes in "
        "orders that bear our mark",
    )


def _doubt_what_was_sent(record: Record) -> None:
    """Note that nobody knows of orders that a process was sending when it ended."""
    for order in record.book.open_orders:
        if order.standing is Standing.SENT:
            record.require(Unsure(client_order_id=order.client_order_id, why="the process ended while it was sent"))


def _adopt(record: Record, seen: Sighting, *, adopt: bool) -> tuple[str, ...]:
    """Take in orders that bear our mark and are in no journal, where a person says so; refuse those of others."""
    strange = [order for order in seen.resting if not _is_known(record, order)]
    foreign = [order for order in strange if not is_named_like_ours(order, record.book.groups)]
    if foreign:
        raise Refused(
            f"{len(foreign)} orders rest that are not ours: {_orders_listed(foreign)}",
            hint="cancel them by hand, or trade with a subaccount of its own; --adopt never takes in such an order",
        )
    if strange and not adopt:
        raise Refused(
            f"{len(strange)} orders rest that bear our mark and are in no journal: {_orders_listed(strange)}",
            hint="cancel them by hand, or take them in with --adopt",
        )
    for order in strange:
        record.require(
            Adopted(
                client_order_id=order.client_order_id or order.order_id,
                order_id=order.order_id,
                market_ticker=order.market_ticker,
                side=order.side,
                ticks=order.price_ticks,
                filled_centi=order.filled_centi,
                remaining_centi=order.remaining_centi,
                expires_utc=order.expires_utc,
            )
        )
    return tuple(order.order_id for order in strange)


def _require_untouched(record: Record, seen: Sighting) -> None:
    """Refuse to begin a journal on an account that holds something: nothing would explain it."""
    if seen.positions_centi:
        held = ", ".join(f"{centi} hundredths of {ticker}" for ticker, centi in sorted(seen.positions_centi.items()))
        raise Refused(
            f"the account holds positions that no journal explains: {held[:400]}",
            hint="close them or wait until they are settled, or trade with a subaccount of its own",
        )
    partly = [order for order in record.book.live_orders if order.told_centi]
    if partly:
        raise Refused(
            f"order {partly[0].order_id} was filled in part before there was a journal",
            hint="cancel it by hand: what it bought or sold cannot be told from what was there before",
        )


def _is_known(record: Record, order: Order) -> bool:
    return order.client_order_id in record.book.orders or record.book.of_order_id(order.order_id) is not None


def _listed(found: Sequence[Difference]) -> str:
    rest = f"; and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
    return "; ".join(str(one) for one in found[:_TOLD]) + rest


def _orders_listed(orders: Sequence[Order]) -> str:
    rest = f" and {len(orders) - _TOLD} more" if len(orders) > _TOLD else ""
    told = (f"{order.order_id} ({order.side:+} {order.remaining_centi} in {order.market_ticker})" for order in orders)
    return ", ".join([*told][:_TOLD]) + rest
