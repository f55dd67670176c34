"""Baselines: for each evaluation of a day the curve that its future is measured from, and why that one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from kwx.hazard.known.evidence import Evidence
from kwx.hazard.known.levels import leads_minutes, levels
from kwx.hazard.known.timeline import Forecasts, Timelines, no_timelines, timelines_of
from kwx.hazard.law import Baseline, Law
from kwx.hazard.question import STEPS, Floats, Ints
from warehouse.errors import Refused


@dataclass(frozen=True, kw_only=True, eq=False)
class Outlook:
    """The curves of one day and which of them each of its S evaluations stands on.

    curves_f: [C, 289]; only curves that some evaluation stands on, each once.
    curve: [S]. baseline: [S] the kind of that curve. why: [S] in a few words, e.g. "timeline vc 2026-11-03 00Z".
    level_f: [S] the level of the day so far over that curve, as known then, forgetting at the law's half-life;
        NaN where no report is known.
    lead_minutes: [S] from the step of the last report to the warmest later step of that curve.
    """

    curves_f: Floats
    curve: Ints
    baseline: tuple[Baseline, ...]
    why: tuple[str, ...]
    level_f: Floats
    lead_minutes: Floats


def outlook_of(
    evidence: Evidence,
    forecasts: pl.DataFrame | Forecasts,
    laws: Mapping[Baseline, Law],
    baseline: Baseline | None = None,
) -> Outlook:
    """Return the curves of a day: the best that was known at each evaluation, or those of one baseline.

    The best is the forecast, where there is a law for it and it was known; then the typical day; then no curve at all,
    which is a level of 0. The forecast gives way to them also where it was asked for. A baseline without a law is
    refused. `forecasts` are the rows of the day, in any order.
    """
    if baseline is not None and baseline not in laws:
        raise _no_law(evidence, f"for the baseline {baseline.value}")
    spare = _spare(laws, baseline)
    told = _told(evidence, Forecasts(forecasts) if isinstance(forecasts, pl.DataFrame) else forecasts, laws, baseline)
    is_told = told.curve >= 0
    if spare is None and not is_told.all():
        first = evidence.ts_utc[int(np.argmin(is_told))]
        raise _no_law(
            evidence, f"to stand in for the forecast at {first:%Y-%m-%d %H:%MZ} ({told.why[is_told.argmin()]})"
        )
    curves_f = told.curves_f
    if spare is not None and not is_told.all():
        curves_f = np.vstack([curves_f, _spare_curve_f(evidence, laws[spare])])
    curve = np.where(is_told, told.curve, len(told.curves_f))
    stood = tuple(Baseline.TIMELINE if use or spare is None else spare for use in is_told.tolist())
    said = _spare_words(laws, spare)
    return Outlook(
        curves_f=curves_f,
        curve=curve,
        baseline=stood,
        why=tuple(why if use else said.format(why) for use, why in zip(is_told.tolist(), told.why, strict=True)),
        level_f=_levels(evidence, curves_f, curve, stood, laws),
        lead_minutes=leads_minutes(curves_f, curve, evidence.step),
    )


def _spare(laws: Mapping[Baseline, Law], baseline: Baseline | None) -> Baseline | None:
    """Return the baseline that always stands, for where the forecast does not."""
    if baseline in {Baseline.TEMPLATE, Baseline.HOLD_LAST}:
        return baseline
    return next((kind for kind in (Baseline.TEMPLATE, Baseline.HOLD_LAST) if kind in laws), None)


def _spare_curve_f(evidence: Evidence, law: Law) -> Floats:
    if law.baseline is Baseline.TEMPLATE:
        return law.template_f(evidence.day.event_date)
    return np.zeros(STEPS + 1)


def _spare_words(laws: Mapping[Baseline, Law], spare: Baseline | None) -> str:
    """Return what is said of the baseline that stands in, with a place for the reason."""
    lacking = ", no law for the template" if spare is Baseline.HOLD_LAST and Baseline.TEMPLATE not in laws else ""
    return f"{spare}: {{}}{lacking}"


def _told(
    evidence: Evidence, forecasts: Forecasts, laws: Mapping[Baseline, Law], baseline: Baseline | None
) -> Timelines:
    """Return the forecast curves that may be used."""
    law = laws.get(Baseline.TIMELINE)
    if baseline not in {None, Baseline.TIMELINE}:
        return no_timelines(evidence, "asked for")
    if law is None or law.forecast_source is None:
        return no_timelines(evidence, "no law for the timeline")
    typical = laws.get(Baseline.TEMPLATE)
    template_f = None if typical is None else typical.template_f(evidence.day.event_date)
    return timelines_of(evidence, forecasts, law.forecast_source, template_f=template_f)


def _levels(
    evidence: Evidence, curves_f: Floats, curve: Ints, stood: tuple[Baseline, ...], laws: Mapping[Baseline, Law]
) -> Floats:
    """Return the level over each evaluation's curve, forgetting as its own law does."""
    level_f = np.full(len(evidence), np.nan)
    for kind in dict.fromkeys(stood):
        ours = np.array([other is kind for other in stood])
        repeats = np.full(len(curves_f), kind is Baseline.TEMPLATE)
        of_kind = levels(evidence, curves_f, curve, laws[kind].half_life_minutes, repeats=repeats)
        level_f[ours] = of_kind[ours]
    return level_f


def _no_law(evidence: Evidence, purpose: str) -> Refused:
    return Refused(
        f"{evidence.day.city.key} {evidence.day.event_date}: there is no fitted law {purpose}",
        hint=f"fit one with: kwx hazard fit-params --city {evidence.day.city.key}",
    )
