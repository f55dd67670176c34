"""Every setting of a training, with its default and the values that it may have; unknown names are refused."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from warehouse.errors import UnknownCity
from warehouse.market.cities import CITIES, city

Bracket = Literal["between", "greater", "less"]
FeatureSetName = Literal["baseline", "ridge_conservative", "elasticnet_rich"]
Penalty = Literal["l1", "l2", "elasticnet"]
ClassWeight = Literal["balanced"] | None
Method = Literal["isotonic", "sigmoid"]

_BEHIND_THE_GATE = tuple(key for key, record in CITIES.items() if record.vc_excluded)

Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Cents = Annotated[float, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=1)]
Some = Annotated[int, Field(ge=0)]


class Section(BaseModel):
    """Settings that belong together: each is of its own type, finite, and never changed after it was read."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class SearchSpace(Section):
    """Where the search looks: C on a log scale, the share of the l1 penalty, and how classes may be weighed."""

    C_min: Positive = 0.001
    C_max: Positive = 1000.0
    l1_ratio_min: Share = 0.0
    l1_ratio_max: Share = 1.0
    class_weight: tuple[ClassWeight, ...] = Field(default=(None, "balanced"), min_length=1, strict=False)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for least, most in (("C_min", "C_max"), ("l1_ratio_min", "l1_ratio_max")):
            if getattr(self, least) > getattr(self, most):
                raise ValueError(f"{least} {getattr(self, least):g} is above {most} {getattr(self, most):g}")
        return self


class Calibration(Section):
    """How probabilities are calibrated: by one method from `threshold` rows on, by the other on fewer.

    share: of the training dates, the last ones, whose rows calibrate. guard: only where that loses less on dates left
    out; else the model's own numbers are kept, however many rows there are.
    """

    method_large: Method = "isotonic"
    method_small: Method = "sigmoid"
    threshold: int = Field(default=1000, ge=100)
    share: float = Field(default=0.2, gt=0, lt=1)
    guard: bool = True


class RiskParams(Section):
    """What trading on the model may risk; money in cents of a contract, the bankroll as shares of 1."""

    kelly_alpha: PositiveShare = 0.25
    max_spread_cents: int = Field(default=3, ge=1, le=99)
    tau_open_cents: Cents = 1.0
    tau_close_cents: Cents = 0.5
    slip_per_leg_cents: Cents = 1.0
    max_bankroll_pct_city_day_side: PositiveShare = 0.10


class TrainConfig(Section):
    """All that one city's models of one type of bracket are trained with.

    cv_splits: of fewer than 4 no trial is cut short, since pruning waits for two folds and never meets the last one.
    pilot_dir, pilot_windows and pilot_total_test_rows say which trial runs the settings were chosen by; a card has
    them.
    """

    city: str
    bracket: Bracket
    feature_set: FeatureSetName = "elasticnet_rich"
    every_minutes: int = Field(default=5, ge=1, le=60)
    train_days: int = Field(default=90, ge=2)
    test_days: Count = 7
    step_days: Count = 7
    start_date: date | None = None
    end_date: date | None = None
    penalties: tuple[Penalty, ...] = Field(default=("elasticnet",), min_length=1, strict=False)
    trials: Count = 40
    cv_splits: int = Field(default=4, ge=2)
    search_space: SearchSpace = SearchSpace()
    calibration: Calibration = Calibration()
    blend_weight: Share = 0.7
    risk: RiskParams = RiskParams()
    use_vc_minutes: bool = True
    excluded_vc_cities: tuple[str, ...] = Field(
        default=_BEHIND_THE_GATE, strict=False,
        description=f"keys of cities ({' '.join(CITIES)}), {' '.join(_BEHIND_THE_GATE)} always among them",
    )  # fmt: skip
    seed: int = Field(default=42, ge=0, le=2**32 - 1)
    pilot_dir: str | None = None
    pilot_windows: Some | None = None
    pilot_total_test_rows: Some | None = None

    @field_validator("city")
    @classmethod
    def _is_known(cls, key: str) -> str:
        return city_key(key)

    @field_validator("excluded_vc_cities")
    @classmethod
    def _are_known(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        said = tuple(city_key(key) for key in keys)
        missing = [key for key in _BEHIND_THE_GATE if key not in said]
        if missing:
            raise ValueError(f"{' '.join(missing)} is excluded by the registry of cities; more may be said, not fewer")
        return said

    @field_validator("penalties")
    @classmethod
    def _once_each(cls, penalties: tuple[Penalty, ...]) -> tuple[Penalty, ...]:
        if len(set(penalties)) < len(penalties):
            raise ValueError(f"{' '.join(penalties)} names one of them twice")
        return penalties

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.start_date is not None and self.end_date is not None and self.end_date < self.start_date:
            raise ValueError(f"end_date {self.end_date} comes before start_date {self.start_date}")
        if self.cv_splits > self.train_days:
            raise ValueError(f"cv_splits {self.cv_splits} are more than the train_days {self.train_days}")
        return self


def city_key(word: str) -> str:
    """Return a city's key as it is stored; an alias or an unknown word is a value error that names the nearest key."""
    if word in CITIES:
        return word
    try:
        raise ValueError(f"{word!r} is an alias; write {city(word).key}")
    except UnknownCity as error:
        raise ValueError(f"{word!r} is no city: {error.hint}") from None
