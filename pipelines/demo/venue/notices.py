"""What the account is told, in the order in which it is told; of a fill perhaps late."""

from __future__ import annotations

from typing import NamedTuple

from pipelines.demo.venue.account import Fill, Holding
from pipelines.demo.venue.log import Log
from pipelines.demo.venue.orders import Order
from pipelines.demo.venue.timers import Now, Rank, Timers
from pipelines.demo.venue.words import GroupEvent


class GroupNotice(NamedTuple):
    """Something became of a group."""

    group_id: str
    event: GroupEvent
    limit_centi: int


class Notice(NamedTuple):
    """One thing that the account is told, as it was then; a group has no market."""

    at_us: int
    ticker: str
    about: Fill | Order | Holding | GroupNotice


class Notices:
    """Everything that was told so far."""

    def __init__(self, *, now: Now, timers: Timers) -> None:
        self.log: Log[Notice] = Log()
        self._now, self._timers = now, timers

    def of_fill(self, fill: Fill) -> None:
        """Tell of a fill when its time has come."""
        if fill.told_us <= self._now.us:
            self._tell(fill.ticker, fill)
        else:
            self._timers.at(fill.told_us, Rank.TELL, lambda: self._tell(fill.ticker, fill))

    def of_order(self, order: Order) -> None:
        """Tell how an order stands."""
        self._tell(order.wanted.ticker, order.seen())

    def of_position(self, holding: Holding) -> None:
        """Tell what is held of a market."""
        self._tell(holding.listing.ticker, holding.seen())

    def of_group(self, group_id: str, event: GroupEvent, limit_centi: int) -> None:
        """Tell what became of a group."""
        self._tell("", GroupNotice(group_id, event, limit_centi))

    def _tell(self, ticker: str, about: Fill | Order | Holding | GroupNotice) -> None:
        self.log.append(Notice(self._now.us, ticker, about))
