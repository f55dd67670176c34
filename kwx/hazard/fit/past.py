"""Past days as the fit sees them: what was known at each evaluation, the air on the grid, and the label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import numpy as np
import polars as pl

from kwx.hazard.known.days import DayData
from kwx.hazard.known.evidence import Evidence, evidence_of
from kwx.hazard.question import GRID_MINUTES, STEPS, Floats
from warehouse.errors import Refused

LEAST_DAYS = 7
LEAST_HOURS = 12
_STEPS_PER_HOUR = 60 // GRID_MINUTES


class NotEnoughData(Refused):
    """Fewer past days than a law can be fitted to."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PastDay:
    """One day that is over: its evidence, its forecasts, its label."""

    evidence: Evidence
    forecasts: pl.DataFrame
    label_f: int

    @property
    def event_date(self) -> date:
        """The date of the day."""
        return self.evidence.day.event_date

    @cached_property
    def air_f(self) -> Floats:
        """[289] the mean of the sound reports at each step of the day; NaN where there is none."""
        step = self.evidence.reports_step
        ours = (step >= 0) & (self.evidence.reports_known < len(self.evidence))
        count = np.bincount(step[ours], minlength=STEPS + 1)
        total_f = np.bincount(step[ours], weights=self.evidence.reports_f[ours], minlength=STEPS + 1)
        return np.where(count > 0, total_f / np.maximum(count, 1), np.nan)

    @property
    def hours(self) -> int:
        """In how many hours of the day there was a report."""
        known = ~np.isnan(self.air_f[:STEPS])
        return int(known.reshape(-1, _STEPS_PER_HOUR).any(axis=1).sum())


def training_days(days: Sequence[DayData], *, until: date, fitted_utc: datetime) -> list[DayData]:
    """Return the days up to `until` whose label was known when the fit was made; nothing later may be learnt from."""
    return [
        data
        for data in days
        if data.day.event_date <= until
        and data.label_f is not None
        and (data.label_known_utc is None or data.label_known_utc <= fitted_utc)
    ]


def past_days(days: Sequence[DayData], *, city: str, least_days: int = LEAST_DAYS) -> list[PastDay]:
    """Return the days that say enough, in the order of their dates, or refuse when they are too few."""
    labelled = sorted((data for data in days if data.label_f is not None), key=lambda data: data.day.event_date)
    past = [
        PastDay(evidence=evidence_of(data.day, data.obs), forecasts=data.forecasts, label_f=data.label_f)
        for data in labelled
        if data.label_f is not None
    ]
    enough = [day for day in past if day.hours >= LEAST_HOURS]
    if len(enough) < least_days:
        raise NotEnoughData(
            f"{city}: a fit needs {least_days} days with a label and reports in at least {LEAST_HOURS} hours; "
            f"there are {len(enough)} of {len(days)}",
            hint="fit a longer range, or ingest obs and settlements of earlier days first",
        )
    return enough
