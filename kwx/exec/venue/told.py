"""What is said back: what became of each wish, of the account, and why trading stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kwx.exec.venue.wanted import Decision


class Did(StrEnum):
    """What became of a wish."""

    KEPT = "kept"
    """The order rests as it is wanted."""
    RENEWED = "renewed"
    """It rests as it is wanted, and its end was put off."""
    PLACED = "placed"
    TAKEN = "taken"
    """The order that takes was accepted; its fills come with `poll`."""
    AMENDED = "amended"
    DECREASED = "decreased"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    """The exchange refused it, or it could not be sent: nothing has changed."""
    AMBIGUOUS = "ambiguous"
    """Nobody knows what became of it."""
    BLOCKED = "blocked"
    """It was not sent: killed, halted, or something in its market is not known."""
    OVER_LIMIT = "over_limit"
    """It was not sent: it would pass a limit that no order may pass."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one wish, or of an order that was not wanted any more."""

    did: Did
    market_ticker: str
    client_order_id: str = ""
    order_id: str = ""
    filled_centi: int = 0
    code: str = ""
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class VenueFill:
    """One execution of an order of ours; `decision` is none where the order was adopted."""

    trade_id: str
    order_id: str
    client_order_id: str
    market_ticker: str
    side: int
    ticks: int
    centi: int
    fee_micros: int
    is_taker: bool
    at_utc: datetime
    decision: Decision | None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing in which the exchange and the journal differ; `is_late` may still be a read that is behind."""

    what: str
    subject: str
    ours: str
    theirs: str
    is_late: bool = False

    def __str__(self) -> str:
        return f"{self.what} {self.subject}: {self.ours} by our journal, {self.theirs} at the exchange"


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """How the account stands at the start, agreed by the journal and the exchange."""

    cash_micros: int
    positions_centi: Mapping[str, int]
    resting: int
    new_fills: int
    ambiguous: tuple[str, ...]
    adopted: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Halt:
    """Trading has stopped in this process and does not begin again in it."""

    why: str
    at_utc: datetime
    differences: tuple[Difference, ...] = ()
