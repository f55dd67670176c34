"""What the step wants of the exchange, by whose decision, and what it can never have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from warehouse.errors import Usage
from warehouse.market.money import TICKS_PER_DOLLAR


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The key of a row of `decisions`: there is no order without one."""

    run_id: str
    ts_utc: datetime
    market_ticker: str


@dataclass(frozen=True, kw_only=True)
class Desired:
    """The one order that is to rest in a market: `centi` is what is to be left of it, at a price of yes."""

    market_ticker: str
    side: int
    ticks: int
    centi: int
    decision: Decision

    def __post_init__(self) -> None:
        require_sound(self.market_ticker, self.side, self.ticks, self.centi, self.decision)


@dataclass(frozen=True, kw_only=True)
class Take:
    """What is to be taken at once, at this price of yes or a better one; what is not there is not waited for."""

    market_ticker: str
    side: int
    limit_ticks: int
    centi: int
    decision: Decision

    def __post_init__(self) -> None:
        require_sound(self.market_ticker, self.side, self.limit_ticks, self.centi, self.decision)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What no order may pass, whatever the step says, and how long the exchange is waited for.

    max_*: of one market's position either way, of one order, of all that can be lost by what is held and open, of
    orders open at once. `group_limit_centi`: contracts matched within 15 seconds that have the exchange cancel all.
    `order_life`: after so long an order ends by itself unless it is renewed; should this machine die, nothing of it
    rests for longer. `absent_after` and `looks_to_absent`: an order that may have been sent and is not found counts as
    never accepted after so long and so many looks. `late_after`: a fill that an order tells of, or a read that is
    behind, may be late by so much before it is a mismatch.
    """

    max_position_centi: int
    max_order_centi: int
    max_gross_micros: int
    max_open_orders: int
    group_limit_centi: int
    order_life: timedelta = timedelta(minutes=2)
    absent_after: timedelta = timedelta(seconds=60)
    looks_to_absent: int = 3
    late_after: timedelta = timedelta(seconds=120)

    def __post_init__(self) -> None:
        most = (self.max_position_centi, self.max_order_centi, self.max_gross_micros, self.max_open_orders)
        if min(*most, self.group_limit_centi, self.looks_to_absent) <= 0:
            raise Usage(f"{self} lets nothing through", hint="every limit is above zero")
        if min(self.order_life, self.absent_after, self.late_after) <= timedelta(0):
            raise Usage("a time that the exchange is waited for is above zero")


def require_sound(market_ticker: str, side: int, ticks: int, centi: int, decision: Decision) -> None:
    """Refuse what no order can be, and an order of another market's decision."""
    if decision.market_ticker != market_ticker:
        raise Usage(f"an order in {market_ticker} of a decision on {decision.market_ticker}")
    if decision.ts_utc.utcoffset() != timedelta(0):
        raise Usage(f"the decision on {market_ticker} was made at {decision.ts_utc}, which is not in UTC")
    if side not in {1, -1} or not 0 < ticks < TICKS_PER_DOLLAR or centi <= 0:
        raise Usage(f"{side:+} {centi} hundredths at {ticks} ticks are no order in {market_ticker}")
