"""The least that turns the orders that rest into those that are wanted: keep, renew, decrease, amend, or cancel.

Pure. Where something in a market is not known, nothing in it is made larger or dearer: what differs from the wish is
cancelled, and nothing takes its place yet. What takes risk away comes first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from kwx.exec.venue.book_of_orders import Book
from kwx.exec.venue.own_order import OwnOrder
from kwx.exec.venue.wanted import Desired, Limits, Take
from warehouse.errors import Usage

CALLED_OFF = "no order is wanted there any more"


class Act(IntEnum):
    """What is to be done, in the order in which it is."""

    CANCEL = 0
    DECREASE = 1
    KEEP = 2
    BLOCK = 3
    TAKE = 4
    AMEND = 5
    CREATE = 6
    RENEW = 7


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to be done: to an order, for a wish, or both."""

    act: Act
    market_ticker: str
    order: OwnOrder | None = None
    desired: Desired | None = None
    take: Take | None = None
    why: str = ""


def steps_of(
    book: Book, desired: Sequence[Desired], takes: Sequence[Take], *, limits: Limits, now_utc: datetime
) -> list[Step]:  # fmt: skip
    """Return what is to be done, what takes risk away first."""
    wishes = {wish.market_ticker: wish for wish in desired}
    _require_one_each(desired, takes)
    resting: dict[str, list[OwnOrder]] = {}
    for order in book.open_orders:
        resting.setdefault(order.market_ticker, []).append(order)
    steps = [Step(act=Act.TAKE, market_ticker=take.market_ticker, take=take) for take in takes]
    for ticker in sorted(wishes.keys() | resting.keys()):
        steps += _in_market(ticker, resting.get(ticker, []), wishes.get(ticker), limits=limits, now_utc=now_utc)
    blocked = {ticker for ticker, orders in resting.items() if any(order.is_unknown for order in orders)}
    return sorted((_blocked(step, blocked) for step in steps), key=lambda step: (step.act, step.market_ticker))


def _in_market(
    ticker: str, orders: Sequence[OwnOrder], wish: Desired | None, *, limits: Limits, now_utc: datetime
) -> list[Step]:  # fmt: skip
    known = [order for order in orders if order.order_id is not None and not order.is_unknown]
    if wish is None:
        return [Step(act=Act.CANCEL, market_ticker=ticker, order=order) for order in known]
    best = min(known, key=lambda order: _distance(order, wish), default=None)
    extra = [Step(act=Act.CANCEL, market_ticker=ticker, order=order) for order in known if order is not best]
    if best is None or best.side != wish.side:
        gone = [] if best is None else [Step(act=Act.CANCEL, market_ticker=ticker, order=best)]
        return [*extra, *gone, Step(act=Act.CREATE, market_ticker=ticker, desired=wish)]
    act = _change(best, wish, limits=limits, now_utc=now_utc)
    return [*extra, Step(act=act, market_ticker=ticker, order=best, desired=wish)]


def _change(order: OwnOrder, wish: Desired, *, limits: Limits, now_utc: datetime) -> Act:
    if order.ticks != wish.ticks or order.left_centi < wish.centi or order.is_changing:
        return Act.AMEND
    if order.left_centi > wish.centi:
        return Act.DECREASE
    ends_soon = order.expires_utc is not None and order.expires_utc - now_utc < limits.order_life / 2
    return Act.RENEW if ends_soon else Act.KEEP


def _blocked(step: Step, blocked: set[str]) -> Step:
    """Return a step as it may be done where something is not known: what adds risk is not."""
    if step.market_ticker not in blocked or step.act in {Act.CANCEL, Act.DECREASE, Act.KEEP}:
        return step
    why = "what became of an earlier order in this market is not known"
    if step.act is Act.AMEND:
        return Step(act=Act.CANCEL, market_ticker=step.market_ticker, order=step.order, why=why)
    return Step(
        act=Act.BLOCK, market_ticker=step.market_ticker, order=step.order, desired=step.desired, take=step.take, why=why
    )


def called_off(step: Step) -> Step:
    """Return a step in a market in which no order is wanted any more: what rests goes, and nothing comes."""
    if step.act in {Act.TAKE, Act.BLOCK, Act.CANCEL}:
        return step
    act = Act.BLOCK if step.order is None else Act.CANCEL
    return Step(act=act, market_ticker=step.market_ticker, order=step.order, desired=step.desired, why=CALLED_OFF)


def _distance(order: OwnOrder, wish: Desired) -> tuple[bool, int, int]:
    return (order.side != wish.side, abs(order.ticks - wish.ticks), abs(order.left_centi - wish.centi))


def _require_one_each(desired: Sequence[Desired], takes: Sequence[Take]) -> None:
    for tickers in ([wish.market_ticker for wish in desired], [take.market_ticker for take in takes]):
        twice = next((ticker for ticker, times in Counter(tickers).items() if times > 1), None)
        if twice is not None:
            raise Usage(f"{twice} is wished for twice", hint="one order rests in a market")
