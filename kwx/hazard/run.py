"""Running days: what was known of each, a fit that ended before its eve, an engine; out come chances of each degree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from kwx.hazard.fits import Fit, fits_of, require_fit
from kwx.hazard.known.days import DayData, read_days
from kwx.hazard.known.evidence import Evidence, evidence_at, evidence_of
from kwx.hazard.known.outlook import Outlook, outlook_of
from kwx.hazard.law import Baseline
from kwx.hazard.outcome import Distribution, distributions
from kwx.hazard.question import Engine, Floats
from warehouse.lake.store import Snapshot
from warehouse.market.cities import CITIES

NEGLIGIBLE = 1e-7
"""A degree that is no more likely than this is left out, and the others are made to sum to one again."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DayRun:
    """One day as an engine saw it; `quality` is, by evaluation, which baseline and why, then what was amiss."""

    data: DayData
    fit: Fit
    evidence: Evidence
    outlook: Outlook
    distribution: Distribution
    quality: tuple[str, ...]

    @property
    def running_max_f(self) -> Floats:
        """[S] the running maximum: the highest report of the day known by then, held within what is known of it."""
        known = self.evidence.reports_known
        ours = (self.evidence.reports_step >= 0) & (known < len(self.evidence))
        highest_f = np.full(len(self.evidence), -np.inf)
        np.maximum.at(highest_f, known[ours], self.evidence.reports_f[ours])
        highest_f = np.maximum.accumulate(highest_f)
        held_f = np.clip(highest_f, self.evidence.record_lo_f - 0.5, self.evidence.record_hi_f + 0.5)
        there = np.array([kind is not None for kind in self.evidence.record_kind])
        return np.where(there, held_f, np.nan)


def run_days(days: Sequence[DayData], fit: Fit, engine: Engine, *, baseline: Baseline | None = None) -> list[DayRun]:
    """Run days of one city under one fit, all at once, from each evaluation's best baseline or from the one said."""
    return _run(days, [evidence_of(one.day, one.obs) for one in days], fit, engine, baseline)


def run_evaluation(data: DayData, fit: Fit, engine: Engine, number: int, *, baseline: Baseline | None = None) -> DayRun:
    """Run one evaluation of a day by itself: what is asked of the engine does not depend on any other evaluation.

    It says what the whole day's run says of that evaluation, but for what the lattice rounds otherwise in company.
    """
    return _run([data], [evidence_at(data.day, data.heard, np.array([number]))], fit, engine, baseline)[0]


def _run(
    days: Sequence[DayData], seen: Sequence[Evidence], fit: Fit, engine: Engine, baseline: Baseline | None
) -> list[DayRun]:
    outlooks = [outlook_of(evidence, one.told, fit.laws, baseline) for one, evidence in zip(days, seen, strict=True)]
    answered = distributions(list(zip(seen, outlooks, strict=True)), fit.laws, engine)
    return [
        DayRun(
            data=one,
            fit=fit,
            evidence=evidence,
            outlook=outlook,
            distribution=without_the_negligible(distribution),
            quality=_quality(evidence, outlook, fit),
        )
        for one, evidence, outlook, distribution in zip(days, seen, outlooks, answered, strict=True)
    ]


def run_dates(
    snapshot: Snapshot, city: str, dates: Sequence[date], engine: Engine, *, baseline: Baseline | None = None
) -> list[DayRun]:
    """Run event dates of one city, those that share a fit at once; a date before whose eve no fit ended is refused."""
    fits = fits_of(snapshot, city)
    wanted = set(dates)
    groups: dict[int, list[DayData]] = {}
    for day in read_days(snapshot, CITIES[city], min(dates), max(dates)):
        if day.day.event_date in wanted:
            fit = require_fit(fits, city, day.day.event_date)
            groups.setdefault(fits.index(fit), []).append(day)
    return [run for place, days in groups.items() for run in run_days(days, fits[place], engine, baseline=baseline)]


def without_the_negligible(distribution: Distribution) -> Distribution:
    """Leave out degrees with next to no chance."""
    p = np.where(distribution.p > NEGLIGIBLE, distribution.p, 0.0)
    return replace(distribution, p=p / p.sum(axis=1, keepdims=True))


def _quality(evidence: Evidence, outlook: Outlook, fit: Fit) -> tuple[str, ...]:
    return tuple(
        "; ".join(part for part in (why, amiss, fit.note) if part)
        for why, amiss in zip(outlook.why, evidence.quality, strict=True)
    )
