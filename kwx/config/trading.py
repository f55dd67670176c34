"""Every setting of trading: what may be risked, how orders are placed and filled, and how columns are made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from kwx.config.fields import Cents, PositiveShare, RiskParams, Section, Share, Some, city_key
from kwx.config.signal_fields import SignalFields

if TYPE_CHECKING:
    from kwx.config.file import Configuration
    from kwx.config.said import SaidIn

Sizing = Literal["ladder", "single"]
FeeRounding = Literal["tick", "cent"]
MakerFee = Literal["published", "with_maker_fees"]


def _in_hundredths(number: float) -> float:
    if Decimal(str(number)) % Decimal("0.01"):
        raise ValueError(f"{number} is finer than a hundredth")
    return number


def _require_order(low: Section, least: str, high: Section, most: str) -> None:
    lower, upper = getattr(low, least), getattr(high, most)
    if lower > upper:
        raise ValueError(f"{least} {lower:g} is above {most} {upper:g}")


Money = Annotated[float, Field(gt=0, le=1_000_000_000)]
Steps = Annotated[float, Field(gt=0, le=100), AfterValidator(_in_hundredths)]
"""Cents in whole ticks: a hundredth of a cent each."""
Order = Annotated[float, Field(ge=0.01, le=10_000), AfterValidator(_in_hundredths)]
"""Contracts that one order may be of; the arithmetic of fees holds up to the most."""
Volume = Annotated[float, Field(ge=0, le=1_000_000), AfterValidator(_in_hundredths)]
Minutes = Annotated[int, Field(ge=1, le=2_880)]

OF_THE_ACCOUNT = (
    "bankroll_dollars", "sizing", "max_gross_share", "max_daily_loss_share", "guard_minutes", "fee_rounding",
    "maker_fee",
)  # fmt: skip
"""Settings of `trade` that are one for all cities: there is one account, and a run reads its minutes one way."""

MOST_GROSS_SHARE = 0.5
EVENT_DATES_AT_ONCE = 2


class TradeFields(Section):
    """How a strategy's columns become orders; money in dollars and cents of a contract, limits as shares of bankroll.

    sizing: Kelly for the whole ladder of an event, or for each bracket alone. min_score, p_low … p_high and
    min_volume_20m: what a bracket must show to be opened. maker_thresh_cents, taker_thresh_cents: the least edge after
    fees of an order that rests, and after slippage too of one that takes. improve_steps: how many price steps an order
    betters the best quote. max_*: of one bracket, of the losses of an event date (a city's, all cities'), of all that
    it can lose by what is opened (closing one leg of a hedge may make the rest riskier), of one order, and of what is
    taken where no size is shown. From reduce_at_share of a loss limit
    on positions only become smaller. max_age_minutes, reprice_cents: how long and how far off an order may rest.
    max_hold_minutes, flat_minutes: when positions are closed by taking (after so long, so near the close); null is
    never. no_new_minutes: nothing is opened so near the close. guard_minutes: nothing is opened or rests so near a
    report that moves prices, 0 is no guard. fill_share: of a minute's volume, for the fill models A and B.
    queue_ahead_contracts: what is ahead of an order where no size is shown. fee_rounding: of a direct member (tick) or
    a broker's (cent). maker_fee: as published, or as if makers paid a quarter of a taker's fee.

    Two event dates are open at once, so one may not use more than half of the bankroll: no money is lent.
    """

    bankroll_dollars: Money = 10_000.0
    sizing: Sizing = "ladder"
    min_score: Annotated[float, Field(ge=0, le=1_000)] = 0.0
    p_low: Share = 0.05
    p_high: Share = 0.95
    min_volume_20m_contracts: Volume = 0.0
    maker_thresh_cents: Cents = 1.0
    taker_thresh_cents: Cents = 2.0
    improve_steps: Annotated[int, Field(ge=0, le=99)] = 0
    max_position_contracts: Order = 500.0
    max_gross_share: PositiveShare = MOST_GROSS_SHARE
    max_daily_loss_city_share: PositiveShare = 0.05
    max_daily_loss_share: PositiveShare = 0.10
    reduce_at_share: PositiveShare = 0.8
    lot_contracts: Order = 1.0
    max_order_contracts: Order = 200.0
    max_take_contracts: Order = 100.0
    max_age_minutes: Minutes = 60
    reprice_cents: Steps = 1.0
    max_hold_minutes: Minutes | None = None
    flat_minutes: Minutes | None = None
    no_new_minutes: Some = 30
    guard_minutes: Annotated[int, Field(ge=0, le=60)] = 2
    fill_share: PositiveShare = 0.25
    queue_ahead_contracts: Volume = 500.0
    fee_rounding: FeeRounding = "tick"
    maker_fee: MakerFee = "published"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.p_low >= self.p_high:
            raise ValueError(f"p_low {self.p_low:g} is not below p_high {self.p_high:g}")
        for least, most in (
            ("lot_contracts", "max_order_contracts"),
            ("lot_contracts", "max_take_contracts"),
            ("max_order_contracts", "max_position_contracts"),
            ("max_daily_loss_city_share", "max_daily_loss_share"),
        ):
            _require_order(self, least, self, most)
        if self.flat_minutes is not None and self.flat_minutes > self.no_new_minutes:
            raise ValueError(
                f"flat_minutes {self.flat_minutes} are more than no_new_minutes {self.no_new_minutes}: what was just "
                "opened would be closed"
            )
        if self.max_gross_share > MOST_GROSS_SHARE:
            raise ValueError(
                f"max_gross_share {self.max_gross_share:g} is above {MOST_GROSS_SHARE:g}: {EVENT_DATES_AT_ONCE} event "
                "dates are open at once and would use more than the bankroll"
            )
        return self


class TradeConfig(Section):
    """All that one city is traded with; the file says it for a city, never for a type of bracket."""

    city: str
    risk: RiskParams = RiskParams()
    trade: TradeFields = TradeFields()
    signals: SignalFields = SignalFields()

    @field_validator("city")
    @classmethod
    def _is_known(cls, key: str) -> str:
        return city_key(key)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _require_order(self.risk, "tau_close_cents", self.risk, "tau_open_cents")
        _require_order(self.risk, "max_bankroll_pct_city_day_side", self.trade, "max_gross_share")
        slip = self.risk.slip_per_leg_cents
        if Decimal(str(slip)) % Decimal("0.01"):
            raise ValueError(f"slip_per_leg_cents {slip} is finer than a tick, a hundredth of a cent")
        return self


def trading_of(
    configuration: Configuration, cities: Iterable[str], *, profile: str | None = None,
    said: Mapping[str, Any] | None = None, beside: SaidIn | None = None,
) -> dict[str, TradeConfig]:  # fmt: skip
    """Return what each city is traded with, in their order; what is said beside the file holds for all of them."""
    return {key: configuration.trading(key, profile=profile, said=said, beside=beside) for key in cities}


def trading_sha256(configs: Mapping[str, TradeConfig]) -> str:
    """Return one hash of all settings of all cities, whatever their order."""
    plain = {key: configs[key].model_dump(mode="json") for key in sorted(configs)}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
