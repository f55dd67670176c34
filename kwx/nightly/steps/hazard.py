"""`hazard`: the distributions of the night's days, where they are not made of what the lake holds now."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from kwx.hazard.backfill import Backfilled, backfill
from kwx.hazard.fits import fit_before, fits_of
from kwx.hazard.plan import Wish
from kwx.nightly.night import Night
from kwx.nightly.step import Done, Due, Step, due, not_due, rows_of
from pipelines.publishing import OnProgress
from warehouse.lake.tables import FORECASTS, MARKETS, OBS


def _served(night: Night) -> dict[str, list[date]]:
    """Return by city the days of which something is known and that a law may serve."""
    snapshot, found = night.snapshot(), {}
    for city, days in night.days_with(OBS.name, FORECASTS.name, MARKETS.name, since=night.since(STEP)).items():
        fits = fits_of(snapshot, city)
        if served := [day for day in days if fit_before(fits, day) is not None]:
            found[city] = served
    return found


def _due(night: Night) -> Due:
    served = _served(night)
    if served:
        days = sum(map(len, served.values()))
        return due(f"{days} days of {len(served)} cities have a law; those made of older data are made again")
    newest = [fit.until for city in night.cities for fit in fits_of(night.snapshot(), city)]
    if not newest:
        return not_due("no law of any city is fitted yet: hazard-fit makes it, once there are days enough")
    return not_due(f"the laws end on {max(newest)}; the first day that they may serve is {_first_served(max(newest))}")


def _first_served(until: date) -> date:
    return until + timedelta(days=2)


def _do(night: Night, on_progress: OnProgress) -> Done:
    served = _served(night)
    wish = Wish(
        cities=tuple(served), since=min(min(days) for days in served.values()),
        until=max(max(days) for days in served.values()), skips=True,
    )  # fmt: skip
    return _told(
        backfill(wish, night.lake.paths.root, workers=night.workers, clock=night.fit_clock, on_progress=on_progress)
    )


def _told(done: Backfilled) -> Done:
    states = Counter(day.state for day in done.days)
    notes = [f"{day.city} {day.event_date}: {'; '.join(day.notes)}" for day in done.days if day.notes]
    return Done(rows=rows_of(done.built), notes=(*done.notes, *notes), figures=dict(sorted(states.items())))


STEP = Step(
    name="hazard",
    meaning="turns the weather of each day into bracket probabilities",
    reads=("obs", "forecasts", "markets", "mc_params"),
    writes=("pmf_degrees", "pmf_minute"),
    due=_due,
    do=_do,
)
