"""Orders: what is asked for, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipelines.demo.venue.words import Reason, SelfTrade, Side, Status, TimeInForce


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """An order as it is asked for: a price in ticks of yes, a count in hundredths, an end in microseconds."""

    ticker: str
    side: Side
    ticks: int
    centi: int
    client_order_id: str = ""
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCELED
    self_trade: SelfTrade = SelfTrade.TAKER
    expires_us: int | None = None
    post_only: bool = False
    reduce_only: bool = False
    cancel_on_pause: bool = False
    group_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Amended:
    """What an order is changed to: `centi` is the total, filled and resting; None keeps, an end of 0 clears."""

    ticker: str
    side: Side
    ticks: int
    centi: int
    client_order_id: str | None = None
    new_client_order_id: str | None = None
    expires_us: int | None = None


@dataclass(kw_only=True, eq=False)
class Order:
    """An order that was accepted. Costs and fees are micros, paid for fills as taker and as maker."""

    order_id: str
    wanted: Wanted
    created_us: int
    updated_us: int
    initial_centi: int
    left_centi: int
    filled_centi: int = 0
    status: Status = Status.RESTING
    reason: Reason | None = None
    taker_cost_micros: int = 0
    maker_cost_micros: int = 0
    taker_fees_micros: int = 0
    maker_fees_micros: int = 0
    carry_micros: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it can still trade."""
        return self.status is Status.RESTING

    def seen(self) -> Order:
        """Return it as it is now: a copy that later changes leave alone."""
        return replace(self)

    def end(self, status: Status, reason: Reason | None, at_us: int) -> None:
        """Let it end; what is left of it is gone."""
        self.status, self.reason, self.left_centi, self.updated_us = status, reason, 0, at_us
