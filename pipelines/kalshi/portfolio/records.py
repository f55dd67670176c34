"""What an account has and does, in exact integers: orders, fills, positions, money. A side is +1 (buys yes) or −1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from warehouse.errors import Usage
from warehouse.market.money import TICKS_PER_DOLLAR

Status = Literal["resting", "canceled", "executed"]
InForce = Literal["good_till_canceled", "immediate_or_cancel", "fill_or_kill"]
SelfTrade = Literal["taker_at_cross", "maker"]
MarketResult = Literal["yes", "no", "scalar", "void", "all_no", "all_yes"]
GroupEvent = Literal["created", "triggered", "reset", "deleted", "limit_updated"]

EXCHANGE_INDEX = 0
"""The shard on which weather is traded; an order that names it costs one bucket's tokens, not all."""


@dataclass(frozen=True, kw_only=True)
class NewOrder:
    """An order before it is sent. By default it rests until it expires and never takes.

    A price is always of yes. What takes at once (immediate_or_cancel, fill_or_kill) neither rests nor expires.
    """

    client_order_id: str
    market_ticker: str
    side: int
    price_ticks: int
    centi: int
    in_force: InForce = "good_till_canceled"
    post_only: bool = True
    expires_utc: datetime | None = None
    order_group_id: str | None = None
    self_trade: SelfTrade = "taker_at_cross"
    cancel_on_pause: bool = True
    reduce_only: bool = False

    def __post_init__(self) -> None:
        _require_side(self.side)
        _require_price(self.price_ticks)
        if self.centi <= 0:
            raise Usage(f"an order of {self.centi} hundredths of a contract is none")
        if self.in_force != "good_till_canceled" and (self.post_only or self.expires_utc is not None):
            raise Usage(f"{self.in_force} neither rests nor expires", hint="post_only=False, expires_utc=None")


@dataclass(frozen=True, kw_only=True)
class Amendment:
    """What an order that rests is to become. `total_centi` counts what was filled already.

    Without `expires_utc` its end stays as it is; a change of the end alone keeps its place in the queue.
    """

    order_id: str
    client_order_id: str
    market_ticker: str
    side: int
    price_ticks: int
    total_centi: int
    expires_utc: datetime | None = None

    def __post_init__(self) -> None:
        _require_side(self.side)
        _require_price(self.price_ticks)
        if self.total_centi <= 0:
            raise Usage(f"an order of {self.total_centi} hundredths of a contract is none", hint="cancel it instead")


@dataclass(frozen=True, kw_only=True)
class Placed:
    """The exchange's answer to a new or amended order: what was filled at once, and what rests of it."""

    order_id: str
    client_order_id: str
    filled_centi: int
    remaining_centi: int
    average_price_micros: int | None
    average_fee_micros: int | None
    at_utc: datetime


@dataclass(frozen=True, kw_only=True)
class Reduced:
    """The exchange's answer to a cancel or a decrease: how much is gone, how much rests; it says one of both."""

    order_id: str
    client_order_id: str
    reduced_centi: int | None
    remaining_centi: int | None
    at_utc: datetime | None


@dataclass(frozen=True, kw_only=True)
class Order:
    """An order as the exchange has it."""

    order_id: str
    client_order_id: str
    market_ticker: str
    side: int
    price_ticks: int
    status: Status
    filled_centi: int
    remaining_centi: int
    initial_centi: int
    taker_fees_micros: int
    maker_fees_micros: int
    expires_utc: datetime | None
    created_utc: datetime | None
    updated_utc: datetime | None
    order_group_id: str | None


@dataclass(frozen=True, kw_only=True)
class Fill:
    """One execution of one of our orders. `client_order_id` is said by the stream alone, and not always."""

    trade_id: str
    order_id: str
    market_ticker: str
    side: int
    price_ticks: int
    centi: int
    fee_micros: int
    is_taker: bool
    at_utc: datetime
    client_order_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Position:
    """What is held of one market: contracts of yes, sold ones with a minus."""

    market_ticker: str
    position_centi: int
    traded_micros: int
    exposure_micros: int
    realized_micros: int
    fees_micros: int
    updated_utc: datetime | None


@dataclass(frozen=True, kw_only=True)
class EventPosition:
    """What is held of one event, in money."""

    event_ticker: str
    cost_micros: int
    exposure_micros: int
    realized_micros: int
    fees_micros: int


@dataclass(frozen=True, kw_only=True)
class Positions:
    """Everything that is held."""

    markets: tuple[Position, ...]
    events: tuple[EventPosition, ...]


@dataclass(frozen=True, kw_only=True)
class Balance:
    """The money that can be spent, and by shard: weather is paid for from the first."""

    cash_micros: int
    portfolio_micros: int | None
    by_shard_micros: Mapping[int, int] = field(default_factory=dict)
    updated_utc: datetime | None = None

    @property
    def spendable_micros(self) -> int:
        """What can be spent on weather."""
        return self.by_shard_micros.get(EXCHANGE_INDEX, self.cash_micros)


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """What a market paid in the end, for all that was held of it."""

    market_ticker: str
    event_ticker: str | None
    result: MarketResult
    yes_centi: int
    yes_cost_micros: int
    no_centi: int
    no_cost_micros: int
    revenue_micros: int
    fee_micros: int
    value_micros: int | None
    settled_utc: datetime


@dataclass(frozen=True, kw_only=True)
class QueuePosition:
    """How many contracts rest before an order of ours."""

    order_id: str
    market_ticker: str
    ahead_centi: int


@dataclass(frozen=True, kw_only=True)
class OrderGroup:
    """Orders that are cancelled together once more than a limit of contracts is matched within 15 seconds.

    `auto_cancels` is the exchange's own flag, as it says it; `order_ids` are told of one group alone, not in listings.
    """

    order_group_id: str
    limit_centi: int | None
    auto_cancels: bool | None
    order_ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AccountLimits:
    """What a key may ask and have done: tokens a second, and how many at once."""

    tier: str
    read_tokens_per_second: float
    read_burst_tokens: float
    write_tokens_per_second: float
    write_burst_tokens: float


def _require_side(side: int) -> None:
    if side not in {1, -1}:
        raise Usage(f"the side {side!r} is none", hint="+1 buys yes, −1 sells it")


def _require_price(ticks: int) -> None:
    if not 0 < ticks < TICKS_PER_DOLLAR:
        raise Usage(f"{ticks} ticks are no price at which an order stands", hint=f"1 … {TICKS_PER_DOLLAR - 1}, of yes")
