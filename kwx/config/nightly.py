"""Every setting of the nightly batch: how far back it looks, what is fitted again, what may fail, what is kept."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from kwx.config.fields import Count, Section, Some

StepName = Literal[
    "ingest", "dense", "settlements", "hazard", "fusion", "predictions", "scores", "hazard-fit", "fusion-fit",
    "calibrators", "models", "shadow", "report", "publish", "gc",
]  # fmt: skip
STEP_NAMES: tuple[StepName, ...] = get_args(StepName)
"""The steps in the order in which a night does them."""

NEVER_OPTIONAL: tuple[StepName, ...] = ("report", "publish")
"""A night that cannot say what it did has failed."""

RetrainedFamily = Literal["elasticnet", "market-clock", "tod", "hybrid"]


class RefitFields(Section):
    """What is fitted again: every so many days, on so many dates back; null for the days is never.

    hazard_days, fusion_days, models_days: how old the newest fit may become. hazard_window_days and
    fusion_window_days: the dates a fit sees. families: whose newest window is fitted; promoting it stays with people.
    """

    hazard_days: Count | None = 7
    hazard_window_days: Annotated[int, Field(ge=7)] = 60
    fusion_days: Count | None = 7
    fusion_window_days: Annotated[int, Field(ge=4)] = 60
    models_days: Count | None = 7
    families: tuple[RetrainedFamily, ...] = Field(default=("elasticnet",), strict=False)


class DriftFields(Section):
    """When probabilities have drifted: the last recent_dates are held against the limits of the dates before them.

    Limits are of the mean of so many dates: the mean of limit_dates before, give or take sigmas standard errors.
    least_dates: with fewer before, there are no limits. calibrator_days: how many dates a calibrator that is fitted
    again sees, the newest of them; least_calibrator_dates: with fewer it is not.
    """

    recent_dates: Annotated[int, Field(ge=1)] = 7
    limit_dates: Annotated[int, Field(ge=2)] = 56
    least_dates: Annotated[int, Field(ge=2)] = 10
    sigmas: Annotated[float, Field(gt=0, le=10)] = 3.0
    calibrator_days: Annotated[int, Field(ge=7)] = 120
    least_calibrator_dates: Annotated[int, Field(ge=2)] = 10


class NightlyFields(Section):
    """The batch of a night.

    late_days, settlement_days: event dates before the night's that are asked again for what came late, and for
    settlements and their corrections. ahead_days: dates after it, which trade already. optional: steps whose failure
    is told and stops nothing. keep_snapshots: of the lake. keep_reports: of nights.
    """

    late_days: Some = 3
    settlement_days: Some = 10
    ahead_days: Some = 1
    optional: tuple[StepName, ...] = Field(
        default=("hazard-fit", "fusion-fit", "calibrators", "models", "shadow", "gc"), strict=False
    )
    keep_snapshots: Count = 10
    keep_reports: Count = 90
    refit: RefitFields = RefitFields()
    drift: DriftFields = DriftFields()

    @model_validator(mode="after")
    def _may_fail(self) -> Self:
        if wrong := [name for name in self.optional if name in NEVER_OPTIONAL]:
            raise ValueError(f"{wrong[0]} cannot be optional: without it nobody learns what the night did")
        return self
