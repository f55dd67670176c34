"""Every setting of the live loop: when it looks, how old what it sees may be, what it may send, and what is watched."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kwx.config.fields import Count, PositiveShare, Section, Share, Some, city_key

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Milliseconds = Annotated[float, Field(gt=0, le=60_000)]
ShadowFill = Literal["A", "B", "queue", "taker"]
TradeMode = Literal["paper", "live"]
Compare = Literal["above", "below"]
Severity = Literal["info", "warning", "critical"]


class FeedFields(Section):
    """How often each source is asked and how old what it said may be before nothing new is risked on it, in seconds.

    Prices and trades are asked for as soon as their minute is over: candles_seconds and trades_seconds are how soon a
    failure is tried again. nowcast_seconds is what costs most of Visual Crossing's records.
    """

    listing_seconds: Seconds = 600
    candles_seconds: Seconds = 9
    trades_seconds: Seconds = 9
    vc_obs_seconds: Seconds = 300
    nowcast_seconds: Seconds = 3_600
    metar_seconds: Seconds = 60
    forecasts_seconds: Seconds = 3_600
    settlements_seconds: Seconds = 1_800
    books: bool = True
    stale_prices_seconds: Seconds = 90
    stale_weather_seconds: Seconds = 900


class BudgetFields(Section):
    """How long each stage of a tick may take, in milliseconds; a stage over its budget is told, not cut off.

    prepare_ms: when a look has taken so long, nothing more is made beforehand: the next one goes on, or the minute.
    between_ms: from the receipt of a book that moves between two minutes to the decision about the order under it.
    """

    take_in_ms: Milliseconds = 40
    think_ms: Milliseconds = 150
    decide_ms: Milliseconds = 10
    send_ms: Milliseconds = 2_000
    write_ms: Milliseconds = 50
    between_ms: Milliseconds = 10
    prepare_ms: Milliseconds = 80


class VenueFields(Section):
    """What may be sent to the exchange, beside what the step allows: a second wall that knows nothing of strategies.

    group_contracts: contracts matched in 15 s after which the exchange itself takes all of our orders out.
    order_minutes: an order that nobody renews expires after so long. ambiguous_seconds: after so long an order that the
    exchange never showed counts as never accepted.
    """

    group_contracts: Count = 2_000
    order_minutes: Annotated[int, Field(ge=1, le=60)] = 3
    ambiguous_seconds: Seconds = 30
    max_position_contracts: Count = 500
    max_order_contracts: Count = 500
    max_open_orders: Count = 100
    max_gross_dollars: Annotated[float, Field(gt=0, le=1_000_000_000)] = 10_000.0


class GoLiveFields(Section):
    """What shadow runs must show before orders are sent."""

    least_days: Count = 14
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    least_gain_dollars: float = 0.0
    most_drawdown_share: PositiveShare = 0.05
    most_brier_drift: PositiveShare = 0.02
    most_ece_drift: PositiveShare = 0.03
    least_decided_share: Share = 0.98
    most_stale_share: Share = 0.05
    most_unexplained: Some = 0


class AlertRule(Section):
    """One rule: a metric that was above or below a value for so long. command: run with the alert as its argument."""

    name: str
    metric: str
    compare: Compare = "above"
    value: float
    for_seconds: Annotated[float, Field(ge=0, le=604_800)] = 0
    severity: Severity = "warning"
    meaning: str
    command: tuple[str, ...] = Field(default=(), strict=False)


class HealthFields(Section):
    """What is told of a running loop: logs, a file, an address on this machine (0: any free port), and alerts."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 9_108
    log_megabytes: Annotated[float, Field(gt=0, le=10_000)] = 20
    log_files: Count = 5
    alerts: tuple[AlertRule, ...] = Field(default=(), strict=False)


class LiveFields(Section):
    """How a day is lived minute by minute.

    trade_mode: live must be said here and on the command line. tick_seconds: how often the loop looks. A minute is
    decided once the prices asked for settle_seconds after its end are in, and at the latest grace_seconds after it,
    then without new risk where they are not. most_skew_seconds: further from the exchange's our clock may not be, else
    nothing new is risked. fill: the model of fills in shadow.
    """

    trade_mode: TradeMode = "paper"
    tick_seconds: Seconds = 9
    settle_seconds: Annotated[float, Field(ge=0, le=30)] = 2
    grace_seconds: Annotated[float, Field(gt=0, le=55)] = 30
    most_skew_seconds: Seconds = 2
    cities: tuple[str, ...] = Field(default=(), strict=False)
    strategy: str = "fused"
    fill: ShadowFill = "queue"
    feeds: FeedFields = FeedFields()
    budgets: BudgetFields = BudgetFields()
    venue: VenueFields = VenueFields()
    golive: GoLiveFields = GoLiveFields()
    health: HealthFields = HealthFields()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for key in self.cities:
            city_key(key)
        if self.settle_seconds >= self.grace_seconds:
            raise ValueError(
                f"settle_seconds {self.settle_seconds:g} is not below grace_seconds {self.grace_seconds:g}"
            )
        return self
