"""`hazard-fit`: the law of each city's air, fitted again once the newest one is old; the first time a walk of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from kwx.hazard.fit.past import LEAST_DAYS
from kwx.hazard.fit.walk import Fitted, Walk, fit_params
from kwx.hazard.fits import fits_of
from kwx.nightly.night import Night
from kwx.nightly.step import Done, Due, Kind, Line, Step, due, is_lack, not_due, rows_of
from pipelines.publishing import OnProgress
from warehouse.errors import KwxError
from warehouse.lake.tables import OBS

FIRST_WINDOW_DAYS = 8
"""Of a lake without any law, the first is of so few days; those after it see more."""


def _newest(night: Night) -> Mapping[str, date | None]:
    """Return the last day that the newest fit of each city saw; None where there is none."""
    snapshot = night.snapshot()
    return {city: max((fit.until for fit in fits_of(snapshot, city)), default=None) for city in night.cities}


def _reported(night: Night) -> dict[str, list[date]]:
    """Return by city the days with reports up to the night's."""
    found: dict[str, list[date]] = {}
    for place in night.snapshot().partitions(OBS.name):
        if place.event_date is not None and place.event_date <= night.event_date and place.city in night.cities:
            found.setdefault(place.city, []).append(place.event_date)
    return found


def _old(night: Night) -> list[str]:
    """Return the cities whose newest law is old, or missing, and that have days enough for one."""
    every, reported = night.settings.refit.hazard_days, _reported(night)
    if every is None:
        return []
    due_before = night.event_date - timedelta(days=every - 1)
    return [
        city
        for city, newest in _newest(night).items()
        if len(reported.get(city, ())) >= LEAST_DAYS and (newest is None or newest < due_before)
    ]


def lacks_a_law(night: Night) -> bool:
    """Tell whether a city has no law yet, and days enough for one."""
    newest = _newest(night)
    return any(newest[city] is None for city in _old(night))


def _due(night: Night) -> Due:
    every, newest = night.settings.refit.hazard_days, _newest(night)
    if every is None:
        return not_due("nightly.refit.hazard_days is null")
    if old := _old(night):
        bare = sum(newest[city] is None for city in old)
        return due(f"{len(old)} cities: {bare} have no law, the laws of {len(old) - bare} are {every} days old or more")
    known = [day for day in newest.values() if day is not None]
    if not known:
        return not_due(f"no city has {LEAST_DAYS} days with reports")
    return not_due(f"the laws see days up to {min(known)}; they are fitted again {every} days after that")


def _do(night: Night, on_progress: OnProgress) -> Done:
    """Fit the cities without a law where there are some, else those whose law is old: a night publishes one of them."""
    newest, old = _newest(night), _old(night)
    bare = tuple(city for city in old if newest[city] is None)
    walk = _first_walk(night, bare) if bare else _next_fit(night, tuple(old))
    return told_of(
        fit_params(walk, night.lake.paths.root, workers=night.workers, clock=night.fit_clock, on_progress=on_progress)
    )


def _first_walk(night: Night, cities: tuple[str, ...]) -> Walk:
    """Return a walk that gives past days a law too, each of as many days as there were, up to a window."""
    every = night.settings.refit.hazard_days
    days = [day for city in cities for day in _reported(night)[city]]
    window = min(night.settings.refit.hazard_window_days, max(FIRST_WINDOW_DAYS, len(set(days)) // 2))
    return Walk(cities=cities, until=night.event_date, every_days=every, window_days=window)


def _next_fit(night: Night, cities: tuple[str, ...]) -> Walk:
    since = night.event_date - timedelta(days=night.settings.refit.hazard_window_days - 1)
    return Walk(cities=cities, since=since, until=night.event_date)


def told_of(done: Fitted) -> Done:
    """Tell of every city that could not be fitted; one that lacks days is none of the others' business."""
    broken = [city for city, error in done.unfitted.items() if not is_lack(error)]
    lines = [
        Line(kind=Kind.UNFITTED, words=f"no law could be fitted: {_named(city, error)}", hint=error.hint)
        for city, error in done.unfitted.items()
    ]
    return Done(
        rows=rows_of(done.built), lines=lines, notes=(*done.notes, *done.refused),
        figures={"laws": len(done.laws), "added": done.added, "unfitted": len(done.unfitted)},
        short=f"no law could be fitted of {', '.join(broken)}" if broken else "",
        hint=done.unfitted[broken[0]].hint if broken else "",
    )  # fmt: skip


def _named(city: str, error: KwxError) -> str:
    return str(error) if city in str(error) else f"{city}: {error}"


STEP = Step(
    name="hazard-fit",
    meaning="fits the law of each city's air again",
    reads=("obs", "forecasts", "settlements", "mc_params"),
    writes=("mc_params",),
    due=_due,
    do=_do,
)
