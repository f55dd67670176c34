"""What a step says of each bracket and minute: small whole numbers inside the arrays, words outside of them."""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """A number that has a word."""

    @property
    def word(self) -> str:
        """The word by which tables and reports know it."""
        return self.name.lower()


class Gate(Code):
    """Why nothing was done in a minute; of several reasons the first in this order.

    Up to NO_EDGE nothing was wanted. From STALE on the strategy wanted to trade and was stopped.
    """

    NONE = 0
    """Something was done, or what was wanted is held or waits in the book already."""
    CLOSED = 1
    """The market does not trade."""
    NO_QUOTE = 2
    """One side of the book is empty or unknown."""
    NO_PROBABILITY = 3
    """The strategy has no fair probability."""
    NO_EDGE = 4
    """No side is worth the threshold after fees."""
    STALE = 5
    """Quotes or weather are not fresh. Before it comes CLOCK."""
    SCORE = 6
    """The score is below its threshold."""
    PROBABILITY_RANGE = 7
    """The fused probability lies outside the range that is traded."""
    VOLUME = 8
    """Too little was traded in the last 20 minutes."""
    SPREAD = 9
    """The spread is too wide."""
    RELEASE = 10
    """A report that moves prices is due."""
    NEAR_CLOSE = 11
    """The market closes too soon for new risk."""
    REDUCING = 12
    """The day's loss allows only what makes positions smaller."""
    HALTED = 13
    """The day's loss has stopped trading."""
    POSITION = 14
    """The bracket's position is at its limit."""
    SIDE = 15
    """The side of the city's day has used its share of the bankroll."""
    GROSS = 16
    """All that can be lost on the day is at its limit."""
    DEPTH = 17
    """Nothing is shown that could be taken."""
    LOT = 18
    """The size is smaller than one lot."""
    LADDER = 19
    """A bracket of the event has no probability, so that the ladder cannot be sized."""
    KELLY = 20
    """Beside the rest of the ladder Kelly wants none of it, for all its edge."""
    CLOCK = 21
    """Our clock is not the exchange's: nobody knows of which minute what is seen is."""


class Verb(Code):
    """What was done to a bracket's order in a minute."""

    NONE = 0
    PLACE = 1
    CANCEL = 2
    AMEND = 3
    """The order was replaced at another price, or made smaller."""
    EXIT = 4
    """An order was placed that makes a position smaller."""
    TAKE = 5
    """The other side of the book was taken."""


class Mode(Code):
    """How far a city's day may trade."""

    ACTIVE = 0
    REDUCING = 1
    HALTED = 2


FIRST_BLOCKED = Gate.STALE
"""From here on a gate stopped what was wanted."""
