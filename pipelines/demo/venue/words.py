"""The words of orders, as the exchange writes them."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Side(IntEnum):
    """A side of the book of yes; the number is the sign of what a fill does to a position."""

    BID = 1
    ASK = -1

    @property
    def other(self) -> Side:
        """The side that this one trades with."""
        return Side(-self)

    @property
    def word(self) -> str:
        """The exchange's word: bid or ask."""
        return self.name.lower()

    def reaches(self, limit_ticks: int, ticks: int) -> bool:
        """Tell whether an order of this side and limit trades at a price."""
        return ticks <= limit_ticks if self is Side.BID else ticks >= limit_ticks


class TimeInForce(StrEnum):
    """How long an order waits."""

    GOOD_TILL_CANCELED = "good_till_canceled"
    IMMEDIATE_OR_CANCEL = "immediate_or_cancel"
    FILL_OR_KILL = "fill_or_kill"


class SelfTrade(StrEnum):
    """Which order yields where two of one account would trade: the one that comes, or the one that rests."""

    TAKER = "taker_at_cross"
    MAKER = "maker"


class Status(StrEnum):
    """Where an order stands."""

    RESTING = "resting"
    CANCELED = "canceled"
    EXECUTED = "executed"


class Reason(StrEnum):
    """What last changed an order; a cancel of its owner is a decrease to nothing."""

    DECREASE = "Decrease"
    AMEND = "Amend"
    SELF_TRADE = "SelfTradeCancel"
    EXPIRY = "ExpiryCancel"
    CLOSE = "CloseCancel"
    HALT = "HaltCancel"
    TRADE = "Trade"
    POST_ONLY = "PostOnlyCrossCancel"
    REDUCE_ONLY = "ReduceOnlyCancel"


class GroupEvent(StrEnum):
    """What became of an order group."""

    CREATED = "created"
    TRIGGERED = "triggered"
    RESET = "reset"
    DELETED = "deleted"
    LIMIT_UPDATED = "limit_updated"
