"""What the journal of orders says, entry by entry: each is a fact, and all of them in order are the whole state."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from kwx.exec.venue.wanted import Decision

Status = Literal["resting", "canceled", "executed"]
What = Literal["amend", "decrease", "cancel"]


class _Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    """One fact."""


class Opened(_Entry, frozen=True, kw_only=True, tag="opened"):
    """The account was first seen with this much cash, before any order of this journal."""

    cash_micros: int


class Grouped(_Entry, frozen=True, kw_only=True, tag="grouped"):
    """Orders from here on belong to this group."""

    order_group_id: str


class Intent(_Entry, frozen=True, kw_only=True, tag="intent"):
    """An order is about to be sent; without an answer after it, nobody knows whether it was."""

    client_order_id: str
    market_ticker: str
    side: int
    ticks: int
    centi: int
    takes: bool
    decision: Decision
    expires_utc: datetime | None = None
    order_group_id: str | None = None


class Accepted(_Entry, frozen=True, kw_only=True, tag="accepted"):
    """The exchange took an order; it says what was filled at once and what rests."""

    client_order_id: str
    order_id: str
    filled_centi: int
    remaining_centi: int


class Rejected(_Entry, frozen=True, kw_only=True, tag="rejected"):
    """An order is certainly not in the book: it was refused, or could not be sent."""

    client_order_id: str
    why: str
    code: str = ""


class Unsure(_Entry, frozen=True, kw_only=True, tag="unsure"):
    """Nobody knows whether an order is in the book."""

    client_order_id: str
    why: str


class Absent(_Entry, frozen=True, kw_only=True, tag="absent"):
    """An order was looked for often and long enough, and counts as never accepted."""

    client_order_id: str
    looks: int


class Changing(_Entry, frozen=True, kw_only=True, tag="changing"):
    """A change of an order is about to be sent; `decision` is whose it is, none where risk is only taken away."""

    client_order_id: str
    what: What
    ticks: int
    total_centi: int
    expires_utc: datetime | None = None
    decision: Decision | None = None


class Seen(_Entry, frozen=True, kw_only=True, tag="seen"):
    """An order as the exchange has it."""

    client_order_id: str
    order_id: str
    status: Status
    ticks: int
    filled_centi: int
    remaining_centi: int
    expires_utc: datetime | None = None


class Adopted(_Entry, frozen=True, kw_only=True, tag="adopted"):
    """An order that bears our name and is in no entry above: a person said that it is ours."""

    client_order_id: str
    order_id: str
    market_ticker: str
    side: int
    ticks: int
    filled_centi: int
    remaining_centi: int
    expires_utc: datetime | None = None


class Filled(_Entry, frozen=True, kw_only=True, tag="filled"):
    """One execution, with the fee as it was charged."""

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


class Settled(_Entry, frozen=True, kw_only=True, tag="settled"):
    """A market paid in the end."""

    market_ticker: str
    result: str
    revenue_micros: int
    at_utc: datetime


class Halted(_Entry, frozen=True, kw_only=True, tag="halted"):
    """Trading was stopped."""

    why: str


Entry = (
    Opened
    | Grouped
    | Intent
    | Accepted
    | Rejected
    | Unsure
    | Absent
    | Changing
    | Seen
    | Adopted
    | Filled
    | Settled
    | Halted
)


class Numbered(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with its place and the instant at which it was written."""

    n: int
    at_utc: datetime
    entry: Entry
