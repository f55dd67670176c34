"""One book in price-time priority: the better price first, at one price whoever came first.

Lots belong to an order of the account, or to nobody in particular: the makers of the demo world. Every change of a
level is handed to `tell`, so that whoever adds them up has the book.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipelines.demo.venue.orders import Order
from pipelines.demo.venue.words import Side

Levels = list[tuple[int, int]]
"""Prices in ticks of yes with their sizes, the worst first."""

Tell = Callable[[Side, int, int, Order | None], None]
"""Takes side, price, signed change of the level's size, and the order of the account that caused it."""


@dataclass(slots=True, eq=False)
class Lot:
    """A place in a queue."""

    side: Side
    ticks: int
    centi: int
    order: Order | None = None


class Book:
    """Both sides of one market."""

    def __init__(self, tell: Tell = lambda side, ticks, centi, order: None) -> None:
        self._queues: dict[Side, dict[int, list[Lot]]] = {Side.BID: {}, Side.ASK: {}}
        self._tell = tell

    def best(self, side: Side) -> int | None:
        """Return the best price of a side; None where it is empty."""
        queues = self._queues[side]
        if not queues:
            return None
        return max(queues) if side is Side.BID else min(queues)

    def front(self, side: Side) -> Lot | None:
        """Return the lot that trades next."""
        best = self.best(side)
        return None if best is None else self._queues[side][best][0]

    def size_centi(self, side: Side, ticks: int) -> int:
        """Return how much rests at a price."""
        return sum(lot.centi for lot in self._queues[side].get(ticks, ()))

    def nobodys_centi(self, side: Side, ticks: int) -> int:
        """Return how much of a level belongs to no order of the account."""
        return sum(lot.centi for lot in self._queues[side].get(ticks, ()) if lot.order is None)

    def queue(self, side: Side, ticks: int) -> tuple[Lot, ...]:
        """Return the lots at a price, in their order."""
        return tuple(self._queues[side].get(ticks, ()))

    def levels(self, side: Side) -> Levels:
        """Return all levels of a side, the worst first."""
        prices = sorted(self._queues[side], reverse=side is Side.ASK)
        return [(ticks, self.size_centi(side, ticks)) for ticks in prices]

    def ahead_centi(self, lot: Lot) -> int:
        """Return how much stands before a lot at its price."""
        queue = self._queues[lot.side][lot.ticks]
        return sum(one.centi for one in queue[: queue.index(lot)])

    def better_centi(self, lot: Lot) -> int:
        """Return how much rests at better prices than a lot's."""
        prices = [
            ticks for ticks in self._queues[lot.side] if ticks != lot.ticks and lot.side.other.reaches(lot.ticks, ticks)
        ]
        return sum(self.size_centi(lot.side, ticks) for ticks in prices)

    def rest(self, side: Side, ticks: int, centi: int, order: Order | None = None) -> Lot:
        """Put a lot at the end of its queue; two of nobody's in a row are one."""
        queue = self._queues[side].setdefault(ticks, [])
        if order is None and queue and queue[-1].order is None:
            lot = queue[-1]
            lot.centi += centi
        else:
            lot = Lot(side, ticks, centi, order)
            queue.append(lot)
        self._tell(side, ticks, centi, order)
        return lot

    def reduce(self, lot: Lot, centi: int, *, by: Order | None = None) -> None:
        """Take from a lot, which keeps its place until nothing is left; `by` is the order that caused it."""
        lot.centi -= centi
        if lot.centi == 0:
            queues = self._queues[lot.side]
            queues[lot.ticks].remove(lot)
            if not queues[lot.ticks]:
                del queues[lot.ticks]
        self._tell(lot.side, lot.ticks, -centi, lot.order or by)

    def withdraw(self, side: Side, ticks: int, centi: int) -> None:
        """Take from what is nobody's at a price, whoever came last first; no more than there is."""
        for lot in [lot for lot in reversed(self._queues[side].get(ticks, ())) if lot.order is None]:
            gone = min(lot.centi, centi)
            if gone:
                self.reduce(lot, gone)
            centi -= gone

    def meets(self, side: Side, limit_ticks: int) -> Lot | None:
        """Return the lot that an incoming order trades with next; None where its limit reaches nothing."""
        lot = self.front(side.other)
        return lot if lot is not None and side.reaches(limit_ticks, lot.ticks) else None
