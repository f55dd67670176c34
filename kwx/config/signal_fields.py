"""Every setting of a strategy's columns, with its default and the values it may have; unknown names are refused."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kwx.config.fields import Positive, Section

Flow = Literal["volume_20m", "volume", "clv"]
TmaxFamily = Literal["hybrid", "tod", "market_clock"]
Pool = Literal["linear", "log_odds"]
Weight = Annotated[float, Field(ge=-1000, le=1000)]
WindowMinutes = Annotated[int, Field(ge=2, le=1440)]


class SignalFields(Section):
    """How strategies turn the panel into columns; the weights are plain beginnings, not fitted to anything.

    alpha … epsilon: weights of the score's terms, see kwx.signals.score. *_minutes: trailing windows. least_minutes: of
    a window so many must be known, else the term is missing. norm_limit: how many standard deviations a scaled term
    may say. flow: what is ranked within its window. cents_per_score: what `accel` moves the price by. urgent_score: the
    least |score| that is worth the spread even below the taker's threshold; null is never. family: whose predictions
    `hybrid` trades. pool: how `elasticnet` mixes model and market; the model's share is the key blend_weight.
    """

    alpha: Weight = 1.0
    beta: Weight = 1.0
    gamma: Weight = 1.0
    delta: Weight = 0.1
    epsilon: Weight = 1.0
    ras_minutes: WindowMinutes = 60
    velocity_minutes: WindowMinutes = 60
    flow_minutes: WindowMinutes = 240
    least_minutes: WindowMinutes = 20
    norm_limit: Positive = 10.0
    flow: Flow = "volume_20m"
    cents_per_score: Annotated[float, Field(ge=0, le=100)] = 1.0
    urgent_score: Positive | None = None
    family: TmaxFamily = "hybrid"
    pool: Pool = "linear"

    @model_validator(mode="after")
    def _windows_hold_enough(self) -> Self:
        for window in ("ras_minutes", "velocity_minutes", "flow_minutes"):
            if getattr(self, window) < self.least_minutes:
                raise ValueError(f"{window} {getattr(self, window)} is below least_minutes {self.least_minutes}")
        return self
