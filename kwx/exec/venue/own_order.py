"""One order of ours and how it stands.

sent → resting | filled | cancelled | rejected, or ambiguous → one of these | absent. An intent is in the journal before
its order is sent, and nothing tells one from the other after a crash: both are `sent`. Open are those that may rest.
What has ended never opens again; fills may still come late.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kwx.exec.venue.wanted import Decision
from warehouse.market.money import TICKS_PER_DOLLAR


class Standing(StrEnum):
    """How an order stands."""

    SENT = "sent"
    AMBIGUOUS = "ambiguous"
    RESTING = "resting"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    ABSENT = "absent"


UNKNOWN = frozenset({Standing.SENT, Standing.AMBIGUOUS})
"""Nobody knows whether such an order is in the book: it counts as if it were."""

OPEN = UNKNOWN | {Standing.RESTING}
NEVER_IN_THE_BOOK = frozenset({Standing.REJECTED, Standing.ABSENT})


@dataclass(kw_only=True)
class OwnOrder:
    """An order of ours.

    `centi` is all of it, filled or not; `most_centi` the most that it ever was; `told_centi` what the exchange says is
    filled.

    `is_changing`: a change was sent and its answer is not known; the larger of both sizes counts until it is. `looks`:
    how often it was looked for and not found.
    """

    client_order_id: str
    market_ticker: str
    side: int
    ticks: int
    centi: int
    takes: bool
    sent_utc: datetime
    most_centi: int
    decision: Decision | None = None
    expires_utc: datetime | None = None
    order_id: str | None = None
    standing: Standing = Standing.SENT
    filled_centi: int = 0
    told_centi: int = 0
    fees_micros: int = 0
    is_changing: bool = False
    changed_utc: datetime | None = None
    looks: int = 0
    why: str = ""

    @property
    def is_open(self) -> bool:
        """True when it may rest."""
        return self.standing in OPEN

    @property
    def is_unknown(self) -> bool:
        """True when nobody knows whether it is in the book."""
        return self.standing in UNKNOWN

    @property
    def left_centi(self) -> int:
        """How much may still be filled."""
        return max(0, self.centi - max(self.filled_centi, self.told_centi)) if self.is_open else 0

    @property
    def late_centi(self) -> int:
        """How much the exchange says was filled of which no fill has come yet."""
        return max(0, self.told_centi - self.filled_centi)

    @property
    def risk_micros(self) -> int:
        """The most that what is left can lose by itself: its price, or what is left to a dollar."""
        each = self.ticks if self.side > 0 else TICKS_PER_DOLLAR - self.ticks
        return each * (self.left_centi + self.late_centi)

    def end(self, standing: Standing, why: str = "") -> None:
        """Let it end, unless it has ended already."""
        if self.is_open:
            self.standing, self.is_changing, self.why = standing, False, why
