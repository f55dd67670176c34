"""The fits that a lake holds, and which of them may serve an event date: one that ended before its eve."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from kwx.hazard.law import VERSION, Baseline, Law
from kwx.hazard.question import LEAST_SIGMA_F
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import MC_PARAMS, Partition


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """One fit of one city: a law for each baseline that could be fitted.

    sha256 is of the rows as stored, note what was done to them before use; "" where nothing was.
    """

    city: str
    fitted_utc: datetime
    until: date
    laws: Mapping[Baseline, Law]
    sha256: str
    note: str = ""


def fits_of(snapshot: Snapshot, city: str) -> list[Fit]:
    """Return the fits of a city, by the last day that they saw, then by when they were made."""
    groups: dict[tuple[date, datetime], list[dict[str, Any]]] = {}
    for row in snapshot.read(MC_PARAMS, Partition(city)).iter_rows(named=True):
        if row["mc_version"] == VERSION:
            groups.setdefault((row["until_date"], row["fitted_utc"]), []).append(row)
    return [_fit(city, groups[key]) for key in sorted(groups)]


def fit_before(fits: Sequence[Fit], event_date: date) -> Fit | None:
    """Return the newest fit that ended before the eve of an event date; None where there is none.

    The eve is evaluated too, so a fit that has seen it knows too much.
    """
    place = bisect_left([fit.until for fit in fits], event_date - timedelta(days=1))
    return fits[place - 1] if place else None


def require_fit(fits: Sequence[Fit], city: str, event_date: date) -> Fit:
    """Return the newest fit that ended before the eve of an event date, or refuse and say how to make one."""
    fit = fit_before(fits, event_date)
    if fit is None:
        raise Refused(
            f"{city}: no fit in mc_params ended before the eve of {event_date}",
            hint=f"kwx hazard fit-params --city {city} --until {event_date - timedelta(days=2)}",
        )
    return fit


def _fit(city: str, rows: Sequence[dict[str, Any]]) -> Fit:
    laws = [Law.of_row(city, row) for row in rows]
    for law in laws:
        if not 0 <= law.rho < 1:
            raise Refused(
                f"{city}: the {law.baseline} law fitted {law.fitted_utc:%Y-%m-%d %H:%M}Z has ρ = {law.rho:g}",
                hint=f"a residual must forget: fit again with kwx hazard fit-params --city {city}",
            )
    said = json.dumps(rows, default=str, sort_keys=True)
    still = any(min(law.sigma_f.values()) < LEAST_SIGMA_F for law in laws)
    return Fit(
        city=city,
        fitted_utc=laws[0].fitted_utc,
        until=laws[0].until,
        laws={law.baseline: _with_some_noise(law) for law in laws},
        sha256=hashlib.sha256(said.encode()).hexdigest(),
        note=f"σ raised to {LEAST_SIGMA_F:g} °F" if still else "",
    )


def _with_some_noise(law: Law) -> Law:
    """Return a law under which the air moves: of air that stands still every future would be certain."""
    return replace(law, sigma_f={label: max(sigma_f, LEAST_SIGMA_F) for label, sigma_f in law.sigma_f.items()})
