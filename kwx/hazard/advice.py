"""What to type next where a day cannot be run yet: a fit that can be made of the data that are there, then a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from kwx.hazard.fit.past import LEAST_DAYS
from kwx.hazard.fits import Fit, fit_before, fits_of
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import OBS

_EVE = timedelta(days=2)
"""A fit serves from the second day after its end, for the eve of a day is evaluated too."""


def require_fit_of(snapshot: Snapshot, fits: Sequence[Fit], city: str, event_date: date) -> Fit:
    """Return the newest fit that ended before the eve of an event date, or refuse and say which fit can be made."""
    fit = fit_before(fits, event_date)
    if fit is None:
        days = [day.event_date for day in snapshot.partitions(OBS.name) if day.city == city and day.event_date]
        raise Refused(
            f"{city}: no fit in mc_params ended before the eve of {event_date}", hint=how_to_fit(days, city, event_date)
        )
    return fit


def how_to_fit(days: Sequence[date], city: str, event_date: date) -> str:
    """Return the fit on days with reports that would serve a date, or, failing that, the earliest that can be made."""
    earliest = min(days) + timedelta(days=LEAST_DAYS - 1) if days else None
    if earliest is None or earliest > max(days):
        return (
            f"a fit needs {LEAST_DAYS} days of reports, and {len(days)} are there; more of them:"
            f" kwx ingest obs --city {city} --since … --until …"
        )
    if earliest <= event_date - _EVE:
        return f"kwx hazard fit-params --city {city} --until {min(event_date - _EVE, max(days))}"
    return (
        f"kwx hazard fit-params --city {city} --until {earliest};"
        f" the first day that such a fit can serve is {earliest + _EVE}"
    )


def how_to_run(snapshot: Snapshot, cities: Sequence[str]) -> str:
    """Return the command that makes the distributions of some cities, behind the fit where a city has none."""
    said = "".join(f" --city {city}" for city in cities)
    fitted = [city for city in cities or _cities_of(snapshot) if fits_of(snapshot, city)]
    run = f"kwx hazard backfill{said}"
    if fitted:
        return f"make them with: {run}"
    return f"fit first, then run: kwx hazard fit-params{said} --every 3 --window 8, then {run}"


def _cities_of(snapshot: Snapshot) -> list[str]:
    return list(dict.fromkeys(day.city for day in snapshot.partitions(OBS.name)))
