"""The order group that all new orders belong to, and the way back: everything cancelled, and quiet after it."""

from __future__ import annotations

from datetime import datetime, timedelta

from kwx.exec.venue.contract import Venue
from kwx.exec.venue.entries import Grouped
from kwx.exec.venue.record import Record
from kwx.exec.venue.standing_down import StoodDown, stand_down
from kwx.exec.venue.wanted import Limits
from warehouse.clock import Clock

QUIET = timedelta(minutes=1)
"""A cancel of all orders also hits what is placed within the next minute: so long nothing is."""


class Retreat:
    """The order groups of one process, and whether all was cancelled."""

    def __init__(self, venue: Venue, record: Record, limits: Limits, clock: Clock) -> None:
        self._venue = venue
        self._record = record
        self._limits = limits
        self._clock = clock
        self._groups: list[str] = []
        self._group_is_live = False
        self._stood: StoodDown | None = None
        self._has_looked_since = False
        self._quiet_until_utc: datetime | None = None

    def group(self) -> str:
        """Return the order group of new orders, another one after the last was triggered."""
        if not self._group_is_live:
            self._groups.append(self._venue.create_group(limit_centi=self._limits.group_limit_centi))
            self._group_is_live = True
            self._record.require(Grouped(order_group_id=self._groups[-1]))
        return self._groups[-1]

    def looked(self) -> None:
        """Note that the account was read: orders that rest now were not cancelled."""
        self._has_looked_since = True

    def stand_down(self, *, anew: bool = False) -> StoodDown:
        """Cancel everything; once it was seen that nothing rests, again only where an order of ours turned up after it.

        An order of which nobody knew may come into the book late.
        """
        turned_up = self._has_looked_since and any(not order.is_unknown for order in self._record.book.open_orders)
        if self._stood is not None and self._stood.is_clear and not turned_up and not anew:
            return self._stood
        self._stood = stand_down(self._venue, groups=self._groups)
        self._group_is_live = self._has_looked_since = False
        self._quiet_until_utc = self._clock() + QUIET
        return self._stood

    def why_quiet(self) -> str:
        """Return why nothing new is placed just now; once the quiet is over, a new retreat may come."""
        if self._quiet_until_utc is not None and self._clock() < self._quiet_until_utc:
            return "all orders were cancelled a moment ago, and what is placed so soon after is cancelled with them"
        self._stood = None
        return ""
