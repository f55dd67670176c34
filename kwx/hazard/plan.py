"""Which days are to be run: those wished for, of which something is known, and that the lake does not hold already."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from kwx.hazard.advice import require_fit_of
from kwx.hazard.fits import Fit, fit_before, fits_of
from kwx.hazard.inputs import Inputs, hashes_held
from kwx.hazard.recipe import Recipe
from warehouse.errors import Refused
from warehouse.lake.layout import LakePaths
from warehouse.lake.store import Snapshot
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import event_dates

LARGEST_TASK_DAYS = 28
SMALLEST_TASK_DAYS = 7
UNKNOWN = "nothing known"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Which days of which cities, in which way.

    again: also where they are held already. panel: pmf_minute shall show them, whoever it showed before. skips: days
    before the first fit are left out and told, also where they were said.
    """

    cities: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    recipe: Recipe = field(default_factory=Recipe)
    again: bool = False
    panel: bool = False
    skips: bool = False

    @property
    def to_panel(self) -> bool:
        """Tell whether these days go into pmf_minute, which belongs to the default recipe."""
        return self.panel or self.recipe.is_default


@dataclass(frozen=True, kw_only=True)
class RunTask:
    """Days of one city, each with the hash of what it is made of."""

    paths: LakePaths
    snapshot: int
    city: str
    days: tuple[tuple[date, str], ...]
    recipe: Recipe
    again: bool = False

    @property
    def label(self) -> str:
        """What progress says of it."""
        return f"{self.city} {self.days[0][0]} … {self.days[-1][0]}"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What became of one day: run, found finished by an earlier run, held already, or left out as nothing is known."""

    city: str
    event_date: date
    state: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be run, what became of the other days, and what is to be told."""

    tasks: list[RunTask] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def planned(snapshot: Snapshot, wish: Wish, *, workers: int) -> Plan:
    """Return what is to be run; a city that cannot be served is told, and refused if no other one can be."""
    inputs, plan = Inputs.of(snapshot), Plan()
    cities = wish.cities or tuple(city for city in CITIES if inputs.dates(city))
    refusals = []
    for city in cities:
        try:
            days = _days_of(snapshot, inputs, city, wish, plan)
        except Refused as refusal:
            refusals.append(refusal)
            plan.notes.append(f"left out: {refusal}; {refusal.hint}")
            continue
        plan.tasks.extend(_tasks(snapshot, city, days, wish, workers=workers))
    if refusals and len(refusals) == len(cities):
        raise refusals[0]
    return plan


def _tasks(
    snapshot: Snapshot, city: str, days: Sequence[tuple[date, str]], wish: Wish, *, workers: int
) -> list[RunTask]:
    """Cut a city's days into tasks of about the same size, enough of them for every worker."""
    rounds = math.ceil(len(days) / (LARGEST_TASK_DAYS * workers)) or 1
    each = max(SMALLEST_TASK_DAYS, math.ceil(len(days) / (rounds * workers)))
    return [
        RunTask(
            paths=snapshot.paths, snapshot=snapshot.number, city=city, recipe=wish.recipe, again=wish.again,
            days=tuple(days[place : place + each]),
        )
        for place in range(0, len(days), each)
    ]  # fmt: skip


def _days_of(snapshot: Snapshot, inputs: Inputs, city: str, wish: Wish, plan: Plan) -> list[tuple[date, str]]:
    """Return one city's days to be run, each with its hash; what became of the others is added to the plan."""
    known, fits = inputs.dates(city), fits_of(snapshot, city)
    first, last = wish.since or min(known, default=None), wish.until or max(known, default=None)
    if first is None or last is None or (wish.until is None and last < first):
        raise nothing_known(city, wish)
    dates = list(event_dates(first, last))
    there = [day for day in dates if day in set(known)]
    if not there:
        raise nothing_known(city, wish)
    wanted = _served(snapshot, there, fits, city, plan, may_skip=wish.skips or wish.since is None)
    held = hashes_held(
        snapshot, city, since=wanted[0], until=wanted[-1], recipe=wish.recipe, to_panel=wish.to_panel, inputs=inputs
    )
    plan.told.extend(Told(city=city, event_date=day, state=UNKNOWN) for day in dates if day not in set(known))
    days = []
    for event_date in wanted:
        sha = inputs.sha256(city, event_date, require_fit_of(snapshot, fits, city, event_date), wish.recipe)
        if held.get(event_date) == sha and not wish.again:
            plan.told.append(Told(city=city, event_date=event_date, state="held"))
        else:
            days.append((event_date, sha))
    return days


def _served(
    snapshot: Snapshot, dates: Sequence[date], fits: Sequence[Fit], city: str, plan: Plan, *, may_skip: bool
) -> list[date]:
    """Return the days that a fit may serve; those before the first fit are left out, or refused if they were said."""
    served = [day for day in dates if fit_before(fits, day) is not None]
    if not served or (len(served) < len(dates) and not may_skip):
        require_fit_of(snapshot, fits, city, dates[0])
    if len(served) < len(dates):
        end = served[0] - timedelta(days=1)
        plan.notes.append(f"{city}: {dates[0]} … {end} left out: no fit ended before their eves")
    return served


def nothing_known(city: str, wish: Wish) -> Refused:
    """Return the refusal of days of which the lake knows nothing."""
    span = f" from {wish.since or '…'} to {wish.until or '…'}" if wish.since or wish.until else ""
    return Refused(
        f"the lake knows nothing of {city}{span}: no report, no forecast, no market",
        hint=f"kwx lake status shows what there is; kwx ingest all --city {city} --since … --until … fetches it",
    )


def made_of(snapshot: Snapshot, city: str, event_date: date, recipe: Recipe) -> str:
    """Return the hash of all that a day would be made of; without data, or without a fit, it is refused."""
    inputs = Inputs.of(snapshot)
    if event_date not in inputs.dates(city):
        raise nothing_known(city, Wish(since=event_date, until=event_date))
    fit = require_fit_of(snapshot, fits_of(snapshot, city), city, event_date)
    return inputs.sha256(city, event_date, fit, recipe)


def is_held(snapshot: Snapshot, city: str, event_date: date, wish: Wish) -> bool:
    """Tell whether a snapshot holds a day made of what it holds."""
    held = hashes_held(
        snapshot, city, since=event_date, until=event_date, recipe=wish.recipe, to_panel=wish.to_panel,
        inputs=Inputs.of(snapshot),
    )  # fmt: skip
    return held.get(event_date) == made_of(snapshot, city, event_date, wish.recipe)
