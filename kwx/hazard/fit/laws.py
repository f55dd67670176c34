"""Fitting the laws of one city's air to its past days: residual, typical day, day bias, station, for each baseline.

Only days that are over speak, with labels that were known when the fit was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from kwx.hazard.fit.bias import BUCKETS, Stood, best_half_life, filled, first_guess, rows_of, spread_over_range
from kwx.hazard.fit.bias import with_half_life as at_half_life
from kwx.hazard.fit.likelihood import GAIN, BiasFit, fit_biases, labels_likelihood
from kwx.hazard.fit.past import LEAST_DAYS, LEAST_HOURS, NotEnoughData, PastDay, past_days, training_days
from kwx.hazard.fit.residual import ResidualLaw, Residuals, residual_law
from kwx.hazard.fit.station import record_law, station_offset
from kwx.hazard.fit.template import templates_of
from kwx.hazard.known.days import DayData
from kwx.hazard.known.evidence import EVE_HOURS
from kwx.hazard.known.outlook import Outlook, outlook_of
from kwx.hazard.law import HOURS, LEADS, NO_REPORT, WHOLE_YEAR, Baseline, DayBias, Law, hour_label
from kwx.hazard.question import STEPS, Engine

__all__ = ["LEAST_DAYS", "LEAST_HOURS", "NotEnoughData", "fit_laws", "training_days"]

MOST_DAYS = 120
"""So many days, spread over the range, are asked of the engine."""

_FORGETTING_RHOS = (0.995, 0.99, 0.98, 0.97, 0.95)
_RHO_APART = 0.003
_PREFERRED_SOURCE = "vc"
_NOON = timedelta(hours=12)
_LEAST_HOURS_TOLD = 5
_WARM = slice(EVE_HOURS + 120, EVE_HOURS + 193)


@dataclass(frozen=True, kw_only=True)
class _Fitting:
    """What all baselines share."""

    days: Sequence[PastDay]
    blank: Law
    sigma_by_lead: bool
    engine: Engine
    shared: Mapping[str, Any] = field(default_factory=dict)


def fit_laws(
    days: Sequence[DayData],
    *,
    city: str,
    fitted_utc: datetime,
    snapshot: int,
    until: date | None = None,
    min_days: int = LEAST_DAYS,
    sigma_by_lead: bool = False,
    engine: Engine | None = None,
) -> dict[Baseline, Law]:
    """Return the laws of a city fitted to all of some days; a timeline law only where enough of them were forecast.

    Days without a label, or whose label was not known at `fitted_utc`, and those with few reports are left out; too few
    that remain are refused. `until` is the last day that may have been seen, also where it had no label: the laws serve
    only what comes after it.
    """
    last = max((data.day.event_date for data in days), default=fitted_utc.date())
    until = last if until is None else until
    past = past_days(training_days(days, until=until, fitted_utc=fitted_utc), city=city, least_days=min_days)
    fitting = _fitting(past, until, city, fitted_utc, snapshot, sigma_by_lead=sigma_by_lead, engine=engine)
    flat = {WHOLE_YEAR: np.zeros(STEPS + 1)}
    hold_last = _fit(fitting, replace(fitting.blank, baseline=Baseline.HOLD_LAST, templates_f=flat), {})
    template = _fit_template(fitting)
    laws = {Baseline.TEMPLATE: template, Baseline.HOLD_LAST: hold_last}
    timeline = _fit_timeline(fitting, template, min_days)
    return {Baseline.TIMELINE: timeline, **laws} if timeline is not None else laws


def _fitting(
    past: Sequence[PastDay],
    until: date,
    city: str,
    fitted_utc: datetime,
    snapshot: int,
    *,
    sigma_by_lead: bool,
    engine: Engine | None,
) -> _Fitting:
    """Fit what is no matter of the baseline: station offset and records."""
    if engine is None:
        from kwx.hazard.engines.lattice import Lattice

        engine = Lattice()
    offset_f, full_days = station_offset(past)
    records, told = record_law(past)
    blank = Law(
        city=city,
        baseline=Baseline.TEMPLATE,
        forecast_source=None,
        rho=0.98,
        sigma_f={hour_label(hours): 0.35 for hours in HOURS},
        templates_f={},
        half_life_minutes=0.0,
        biases={label: DayBias(0.0, 0.0, 1.0) for label in BUCKETS},
        tail_dof=None,
        station_offset_f=offset_f,
        records=records,
        fitted_utc=fitted_utc,
        since=past[0].event_date,
        until=until,
        days=len(past),
        snapshot=snapshot,
    )
    shared = {
        "record_days": {kind.value: count for kind, count in told.items()},
        "station_offset_days": full_days,
        "notes": [] if full_days else ["no day with 250 five-minute reports: station offset taken as 0"],
    }
    return _Fitting(days=past, blank=blank, sigma_by_lead=sigma_by_lead, engine=engine, shared=shared)


def _fit_template(fitting: _Fitting) -> Law:
    air_f = np.stack([day.air_f for day in fitting.days])
    templates_f = templates_of(air_f, [day.event_date for day in fitting.days])
    return _fit(fitting, replace(fitting.blank, baseline=Baseline.TEMPLATE, templates_f=templates_f), {})


def _fit_timeline(fitting: _Fitting, template: Law, least_days: int) -> Law | None:
    """Fit the law of the forecasts of one source; None where too few days had a curve that could be used."""
    source = forecast_source(fitting.days, least_days)
    if source is None:
        return None
    law = replace(
        fitting.blank,
        baseline=Baseline.TIMELINE,
        forecast_source=source,
        templates_f={WHOLE_YEAR: template.templates_f[WHOLE_YEAR]},
    )
    usable = [day for day in fitting.days if _is_told(_outlook(day, law, {Baseline.TEMPLATE: template}))]
    if len(usable) < least_days:
        return None
    law = replace(law, since=usable[0].event_date, until=fitting.blank.until, days=len(usable))
    return _fit(replace(fitting, days=usable), law, {Baseline.TEMPLATE: template})


def forecast_source(days: Sequence[PastDay], least_days: int) -> str | None:
    """Return whose forecasts told enough days before their noon: Visual Crossing's, else the source of most days."""
    told: dict[str, int] = {}
    for day in days:
        noon_utc = day.evidence.day.start_utc + _NOON
        known = day.forecasts.filter(pl.col("temp_f").is_not_null(), pl.col("known_utc") <= noon_utc)
        hours = known.group_by("source").agg(pl.col("valid_utc").n_unique())
        for source, count in hours.iter_rows():
            told[source] = told.get(source, 0) + (count >= _LEAST_HOURS_TOLD)
    enough = sorted(source for source, count in told.items() if count >= least_days)
    if _PREFERRED_SOURCE in enough:
        return _PREFERRED_SOURCE
    return max(enough, key=lambda source: told[source], default=None)


def _fit(fitting: _Fitting, law: Law, others: Mapping[Baseline, Law]) -> Law:
    """Fit the residual, then the day bias, of one baseline."""
    persists = law.baseline is Baseline.HOLD_LAST
    stood = [(day, _outlook(day, law, others)) for day in spread_over_range(fitting.days, MOST_DAYS)]
    residuals = _residuals(fitting.days, stood, law)
    air = residual_law(residuals, by_lead=fitting.sigma_by_lead)
    notes: dict[str, dict[str, float]] = {}
    if not persists:
        air, notes["log_likelihood_by_rho"] = _likelier(fitting, law, stood, residuals, air)
        half_life, notes["unexplained_f_by_half_life"] = best_half_life(stood, law.baseline, air.rho)
        law = replace(law, half_life_minutes=half_life)
        stood = at_half_life(stood, law.baseline, half_life)
    law = replace(law, rho=air.rho, sigma_f=air.sigma_f)
    rows = rows_of(stood, law.baseline, air.rho)
    guesses = first_guess(rows, persists=persists)
    found = fit_biases(stood, law, guesses, engine=fitting.engine, persists=persists)
    biases = _calm_at_last(filled(found.biases, found.days))
    return replace(
        law,
        biases=_walking(biases) if persists else biases,
        tail_dof=found.tail_dof,
        diagnostics={**_diagnostics(fitting, air, found), "asked_days": len(stood), "rows": len(rows.day), **notes},
    )


def _calm_at_last(biases: Mapping[str, DayBias]) -> dict[str, DayBias]:
    """Return the day biases with that of the last hour no wider than that of the hours before it.

    In the last hour the air has no time to follow a bias, so that the labels hardly tell how wide it is.
    """
    last, before = str(LEADS[0]), str(LEADS[1])
    calm = min(biases[last].sd_f, biases[before].sd_f)
    return {**biases, last: replace(biases[last], sd_f=calm)}


def _walking(biases: Mapping[str, DayBias]) -> dict[str, DayBias]:
    """Return the day biases of a high that stays: none once there is a report, for its residual hardly ever reverts."""
    return {
        label: bias if label == NO_REPORT else DayBias(mean_f=0.0, share=1.0, sd_f=0.0)
        for label, bias in biases.items()
    }


def _likelier(
    fitting: _Fitting, law: Law, stood: Sequence[Stood], residuals: Residuals, air: ResidualLaw
) -> tuple[ResidualLaw, dict[str, float]]:
    """Return the residual law that tells the labels better by forgetting faster, if there is one, and what was tried.

    Days differ in shape, cloudy ones from clear ones, and so differences go on growing with the lag as if the air never
    forgot; a high of a coming day would then be too uncertain. The labels know better.
    """

    def worth(candidate: ResidualLaw) -> float:
        trial = replace(law, rho=candidate.rho, sigma_f=candidate.sigma_f)
        guesses = first_guess(rows_of(stood, law.baseline, candidate.rho))
        return labels_likelihood(stood, trial, guesses, engine=fitting.engine)

    best, known = air, worth(air)
    tried = {f"{air.rho:.4f}": round(known, 3)}
    for rho in (rho for rho in _FORGETTING_RHOS if rho < air.rho - _RHO_APART):
        candidate = residual_law(residuals, by_lead=fitting.sigma_by_lead, rho=rho)
        likelihood = worth(candidate)
        tried[f"{rho:.4f}"] = round(likelihood, 3)
        if likelihood < known + GAIN:
            break
        best, known = candidate, likelihood
    return best, tried


def _outlook(day: PastDay, law: Law, others: Mapping[Baseline, Law]) -> Outlook:
    return outlook_of(day.evidence, day.forecasts, {**others, law.baseline: law}, law.baseline)


def _is_told(outlook: Outlook) -> bool:
    """Tell whether most of the warm hours, as they came, stood on a forecast."""
    return sum(baseline is Baseline.TIMELINE for baseline in outlook.baseline[_WARM]) > (_WARM.stop - _WARM.start) / 2


def _residuals(days: Sequence[PastDay], stood: Sequence[Stood], law: Law) -> Residuals:
    """Return the air over its curves: over the typical day of all days, over each forecast while it was in force."""
    if law.baseline is not Baseline.TIMELINE:
        value_f = np.stack([day.air_f - law.template_f(day.event_date) for day in days])
        return Residuals(value_f=value_f, starts=np.ones(value_f.shape, dtype=bool))
    values_f, starts = [], []
    for day, outlook in stood:
        told = np.array([baseline is Baseline.TIMELINE for baseline in outlook.baseline[EVE_HOURS:]])
        in_force = outlook.curve[EVE_HOURS:]
        for curve in np.unique(in_force[told]).tolist():
            values_f.append(day.air_f - outlook.curves_f[curve])
            starts.append(told & (in_force == curve))
    return Residuals(value_f=np.stack(values_f), starts=np.stack(starts))


def _diagnostics(fitting: _Fitting, air: ResidualLaw, found: BiasFit) -> dict[str, Any]:
    """Return what tells how far the fit can be trusted, ready for JSON."""
    return {
        **fitting.shared,
        "days": len(fitting.days),
        "since": fitting.days[0].event_date.isoformat(),
        "until": fitting.days[-1].event_date.isoformat(),
        "cadence_minutes": air.cadence_minutes,
        "report_noise_f": round(air.report_noise_f, 4),
        "stationary_sd_f": round(air.stationary_f, 4),
        "structure_error": round(air.fit_error, 5),
        "difference_kurtosis": round(air.kurtosis, 3),
        "bias_days": dict(found.days),
        "log_likelihood_per_day": {label: round(value, 4) for label, value in found.log_likelihood.items()},
        "tail_gain": round(found.tail_gain, 3),
        "pit_in_sample": {
            label: {"mean": round(mean, 4), "sd": round(sd, 4)} for label, (mean, sd) in found.middle.items()
        },
    }
