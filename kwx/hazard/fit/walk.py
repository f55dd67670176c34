"""Fitting cities from the lake: one fit on a range of days, or a walk of fits through it; all stored in one publish."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from kwx.hazard.fit.laws import fit_laws, training_days
from kwx.hazard.known.days import read_days
from kwx.hazard.known.evidence import EVE_HOURS
from kwx.hazard.law import Law
from pipelines.publishing import Built, OnProgress, in_pool, publish_built
from pipelines.runner import executor_of, workers_wanted
from warehouse.clock import Clock, utc_now
from warehouse.errors import KwxError, Refused
from warehouse.lake.layout import LakePaths
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import MC_PARAMS, OBS, Partition
from warehouse.lake.writer import Writer, write
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay, event_dates, walk_spans

_WAIT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Walk:
    """Which fits are made of a range of days.

    Without `every` it is one, of all of them. With it there is one every so many days, each of the `window` days that
    end there (None: of all since the first), from when the first window is full.
    """

    cities: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    every_days: int | None = None
    window_days: int | None = None
    sigma_by_lead: bool = False

    def spans(self, since: date, until: date) -> Iterator[tuple[date, date]]:
        """Yield the first and last day of each fit."""
        return walk_spans(since, until, every_days=self.every_days, window_days=self.window_days)


@dataclass(frozen=True, kw_only=True)
class FitTask:
    """One fit of one city."""

    paths: LakePaths
    snapshot: int
    city: str
    since: date
    until: date
    fitted_utc: datetime
    sigma_by_lead: bool
    last_reported: date

    @property
    def label(self) -> str:
        """What progress says of it."""
        return f"{self.city} {self.since} … {self.until}"


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What was fitted, how many of the laws were not there yet, of which spans nothing could be fitted, and notes.

    unfitted: the cities of which no span could be fitted, each with the reason.
    """

    built: Built
    laws: list[Law]
    added: int
    refused: list[str]
    notes: list[str]
    unfitted: Mapping[str, KwxError]

    def require_every_city(self) -> None:
        """Raise the reason of the first city without a fit, for those who need all of them; the others are stored."""
        for error in self.unfitted.values():
            raise error


def fit_params(
    walk: Walk,
    lake_root: Path | str | None = None,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    on_progress: OnProgress = lambda done, total, what: None,
    clock: Clock = utc_now,
    wait_seconds: float = _WAIT_SECONDS,
) -> Fitted:
    """Fit cities on days whose label was known when the fit could first be used, and add the laws to mc_params.

    A span with too few days is told, and so is a city of which no span has enough: the others are stored all the same.
    Where no city can be fitted that is raised. A fit that says the same as the newest one of its end is not stored
    again, so that nothing made of that one has to be made again.
    """
    started = time.perf_counter()
    lake = Lake(lake_root)
    tasks, unfitted = _tasks(lake.snapshot(), walk, made_utc=clock())
    with executor_of(max(1, min(workers_wanted(workers), len(tasks))), scheduler=scheduler) as pool:
        results = in_pool(fit_task, tasks, pool, "fitting", on_progress)
    laws = [law for result in results if not isinstance(result, KwxError) for law in result]
    unfitted |= _without_fit(tasks, results)
    if unfitted and not laws:
        raise next(iter(unfitted.values()))
    with write(lake, purpose="hazard fit-params", clock=clock, wait_seconds=wait_seconds) as writer:
        built, added = published(writer, laws, started=started)
    refused = [str(result) for result in results if isinstance(result, KwxError)]
    return Fitted(
        built=built, laws=laws, added=added, refused=refused, notes=_cut_short(tasks, walk), unfitted=unfitted
    )  # fmt: skip


def _without_fit(tasks: Sequence[FitTask], results: Sequence[list[Law] | KwxError]) -> dict[str, KwxError]:
    """Return by city why its last span was refused, of the cities whose spans were all refused."""
    fitted = {task.city for task, result in zip(tasks, results, strict=True) if not isinstance(result, KwxError)}
    refused = {task.city: result for task, result in zip(tasks, results, strict=True) if isinstance(result, KwxError)}
    return {city: error for city, error in refused.items() if city not in fitted}


def _cut_short(tasks: Sequence[FitTask], walk: Walk) -> list[str]:
    """Tell of each city whose reports end before the day that was said."""
    if walk.until is None:
        return []
    ends = {task.city: task.last_reported for task in tasks if task.last_reported < walk.until}
    return [f"{city}: the last day with reports is {end}; {walk.until} was said" for city, end in ends.items()]


def _tasks(snapshot: Snapshot, walk: Walk, *, made_utc: datetime) -> tuple[list[FitTask], dict[str, KwxError]]:
    """Return the fits of a walk, and by city why there is none of it."""
    if walk.since and walk.until:
        next(event_dates(walk.since, walk.until))  # refuses a range that runs backwards
    tasks: list[FitTask] = []
    unfitted: dict[str, KwxError] = {}
    for city in walk.cities or tuple(dict.fromkeys(day.city for day in snapshot.partitions(OBS.name))):
        try:
            # Each fit has an instant of its own, a microsecond after the one before.
            tasks += _tasks_of(snapshot, walk, city, made_utc=made_utc + timedelta(microseconds=len(tasks)))
        except Refused as refusal:
            unfitted[city] = refusal
    return tasks, unfitted


def _tasks_of(snapshot: Snapshot, walk: Walk, city: str, *, made_utc: datetime) -> list[FitTask]:
    """Return the fits of a city; refuse one without reports in the range, and a range shorter than a window."""
    days = [day.event_date for day in snapshot.partitions(OBS.name) if day.city == city and day.event_date]
    ours = [day for day in days if (walk.since or day) <= day <= (walk.until or day)]
    if not ours:
        raise Refused(
            f"{city}: there are no observations to fit{_range_said(walk)}",
            hint=f"kwx ingest obs --city {city} --since … --until …",
        )
    since, until = walk.since or min(ours), min(walk.until or max(days), max(days))
    spans = list(walk.spans(since, until))
    if not spans:
        raise Refused(
            f"{city}: {since} … {until} is shorter than one window",
            hint="say an earlier --since, or a smaller --window or --every",
        )
    return [
        FitTask(
            paths=snapshot.paths, snapshot=snapshot.number, city=city, since=first, until=last,
            fitted_utc=made_utc + timedelta(microseconds=made), sigma_by_lead=walk.sigma_by_lead,
            last_reported=max(days),
        )
        for made, (first, last) in enumerate(spans)
    ]  # fmt: skip


def _range_said(walk: Walk) -> str:
    return f" from {walk.since or '…'} to {walk.until or '…'}" if walk.since or walk.until else ""


def fit_task(task: FitTask) -> list[Law] | KwxError:
    """Fit one span; what refuses it is returned, so that it does not end the other fits."""
    snapshot = Snapshot(task.paths, task.snapshot)
    days = read_days(snapshot, CITIES[task.city], task.since, task.until)
    try:
        laws = fit_laws(
            training_days(days, until=task.until, fitted_utc=_usable_utc(task)),
            city=task.city,
            fitted_utc=task.fitted_utc,
            snapshot=task.snapshot,
            until=max((data.day.event_date for data in days if data.obs.height), default=task.until),
            sigma_by_lead=task.sigma_by_lead,
        )
    except KwxError as error:
        return error
    return list(laws.values())


def _usable_utc(task: FitTask) -> datetime:
    """Return when labels had to be known: at the first evaluation served, on the eve of the second day after."""
    served = ClimateDay(CITIES[task.city], task.until + timedelta(days=2))
    return min(task.fitted_utc, served.start_utc - timedelta(hours=EVE_HOURS))


def published(writer: Writer, laws: Sequence[Law], *, started: float) -> tuple[Built, int]:
    """Add the fits that are not there yet, and publish; return how many laws were added too."""
    base = writer.lake.snapshot()
    staged, added = [], 0
    for city in dict.fromkeys(law.city for law in laws):
        partition = Partition(city)
        held = base.read(MC_PARAMS, partition).select(MC_PARAMS.schema.names())
        rows = held
        for fit in _fits_in([law for law in laws if law.city == city]):
            if not _is_there(fit, rows):
                rows = pl.concat([rows, fit])
        added += rows.height - held.height
        staged.append(writer.staging.stage(MC_PARAMS, rows, partition))
    return publish_built(writer, staged, before=base.number, started=started), added


def _fits_in(laws: Sequence[Law]) -> list[pl.DataFrame]:
    """Return the rows of each fit: its laws share the instant at which they were made."""
    instants = dict.fromkeys(law.fitted_utc for law in laws)
    return [pl.concat([law.row() for law in laws if law.fitted_utc == instant]) for instant in instants]


def _is_there(fit: pl.DataFrame, held: pl.DataFrame) -> bool:
    """Tell whether the newest fit of the same end, which is the one in use, says the same."""
    same_end = held.filter(pl.col("until_date") == fit["until_date"].max(), mc_version=fit["mc_version"][0])
    newest = same_end.filter(pl.col("fitted_utc") == pl.col("fitted_utc").max())
    said, there = (rows.drop("fitted_utc", "snapshot").sort("baseline") for rows in (fit, newest))
    return said.equals(there)
