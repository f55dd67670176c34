"""A venue over a demo world: books in price-time priority in which its makers and takers meet one account's orders.

Nothing here reads a clock, a file or a network: whoever drives it says what time it is.
"""

from __future__ import annotations

from pipelines.demo.venue.account import Account, Fill, Holding, Settlement
from pipelines.demo.venue.orders import Amended, Order, Wanted
from pipelines.demo.venue.refusals import TurnedDown
from pipelines.demo.venue.venue import Venue
from pipelines.demo.venue.words import GroupEvent, Reason, SelfTrade, Side, Status, TimeInForce

__all__ = [
    "Account",
    "Amended",
    "Fill",
    "GroupEvent",
    "Holding",
    "Order",
    "Reason",
    "SelfTrade",
    "Settlement",
    "Side",
    "Status",
    "TimeInForce",
    "TurnedDown",
    "Venue",
    "Wanted",
]
