"""Running many days: a plan of what is not there yet, days in parallel over processes, one publish behind checks."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path

import polars as pl

from kwx.hazard.drafts import Drafts, Finished
from kwx.hazard.fits import Fit, fit_before, fits_of, require_fit
from kwx.hazard.inputs import Inputs, hashes_held
from kwx.hazard.recipe import Recipe
from kwx.hazard.rows import degrees_rows, joined_degrees, joined_minutes, minute_rows
from kwx.hazard.run import DayRun, run_dates
from pipelines.publishing import Built, OnProgress, in_pool, publish_behind_checks, rows_written, take
from pipelines.runner import executor_of, workers_wanted
from warehouse.clock import Clock, utc_now
from warehouse.errors import Refused
from warehouse.lake.layout import LakePaths
from warehouse.lake.staging import Staged, Staging
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import PMF_DEGREES, PMF_MINUTE, Partition
from warehouse.lake.writer import Writer, write
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import event_dates

LARGEST_TASK_DAYS = 28
SMALLEST_TASK_DAYS = 7
_WAIT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Which days of which cities, in which way; `again` runs them also where they are held already."""

    cities: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    recipe: Recipe = field(default_factory=Recipe)
    again: bool = False


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
class StageTask:
    """Finished days of one city, to be joined with what a snapshot holds of them."""

    task: RunTask
    base: int
    staging: Staging

    @property
    def label(self) -> str:
        """What progress says of it."""
        return self.task.label


@dataclass(frozen=True, kw_only=True)
class Told:
    """What became of one day: run, found finished by an earlier run, held already, or left out as nothing is known."""

    city: str
    event_date: date
    state: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Backfilled:
    """What a backfill did, day by day; `built` is None where there was nothing to do."""

    built: Built | None
    days: list[Told]
    notes: list[str]
    seconds: float


def backfill(
    wish: Wish,
    lake_root: Path | str | None = None,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    on_progress: OnProgress = lambda done, total, what: None,
    clock: Clock = utc_now,
    wait_seconds: float = _WAIT_SECONDS,
) -> Backfilled:
    """Run every day wished for that the lake does not hold made of what it holds now, and publish all of them at once.

    Finished days are kept until they are published, so that the next run goes on where this one was stopped.
    """
    started = time.perf_counter()
    lake = Lake(lake_root)
    snapshot = lake.snapshot()
    tasks, told, notes = _planned(snapshot, wish, workers=workers_wanted(workers))
    if not tasks:
        return Backfilled(built=None, days=told, notes=notes, seconds=time.perf_counter() - started)
    with executor_of(max(1, min(workers_wanted(workers), len(tasks))), scheduler=scheduler) as pool:
        told += [day for days in in_pool(run_task, tasks, pool, "running", on_progress) for day in days]
        with write(lake, purpose="hazard backfill", clock=clock, wait_seconds=wait_seconds) as writer:
            built = _published(writer, tasks, pool, on_progress, started=started)
    finished = [sha for task in tasks for _, sha in task.days]
    Drafts(lake.paths).remove(finished, at_utc=clock())
    told.sort(key=lambda day: (day.city, day.event_date))
    return Backfilled(built=built, days=told, notes=notes, seconds=time.perf_counter() - started)


def _published(
    writer: Writer, tasks: Sequence[RunTask], pool: Executor, on_progress: OnProgress, *, started: float
) -> Built:
    """Join the finished days with what the lake holds now, and publish them."""
    base = writer.lake.snapshot().number
    joins = [StageTask(task=task, base=base, staging=writer.staging) for task in tasks]
    staged = [one for result in in_pool(stage_task, joins, pool, "joining", on_progress) for one in result]
    on_progress(len(joins), len(joins), "publishing and checking")
    return _publish(writer, staged, tasks[0].recipe, before=base, started=started)


def _publish(writer: Writer, staged: Sequence[Staged], recipe: Recipe, *, before: int, started: float) -> Built:
    take(writer, staged)
    snapshot, checks = publish_behind_checks(writer, staged, sources={}, config={"mc_version": recipe.mc_version})
    return Built(
        snapshot=snapshot,
        written=rows_written(staged),
        checks=checks,
        seconds=time.perf_counter() - started,
        before=before,
    )


def _planned(snapshot: Snapshot, wish: Wish, *, workers: int) -> tuple[list[RunTask], list[Told], list[str]]:
    """Return what is to be run, what became of the other days, and what is to be told."""
    inputs = Inputs.of(snapshot)
    tasks, told, notes = [], [], []
    for city in wish.cities or tuple(city for city in CITIES if inputs.dates(city)):
        days, others, said = _days_of(snapshot, inputs, city, wish)
        told += others
        notes += said
        rounds = math.ceil(len(days) / (LARGEST_TASK_DAYS * workers)) or 1
        each = max(SMALLEST_TASK_DAYS, math.ceil(len(days) / (rounds * workers)))
        tasks += [
            RunTask(
                paths=snapshot.paths, snapshot=snapshot.number, city=city, recipe=wish.recipe, again=wish.again,
                days=tuple(days[place : place + each]),
            )
            for place in range(0, len(days), each)
        ]  # fmt: skip
    return tasks, told, notes


def _days_of(
    snapshot: Snapshot, inputs: Inputs, city: str, wish: Wish
) -> tuple[list[tuple[date, str]], list[Told], list[str]]:
    """Return one city's days to be run, each with its hash, then what became of the others."""
    known, fits = inputs.dates(city), fits_of(snapshot, city)
    first, last = wish.since or min(known, default=None), wish.until or max(known, default=None)
    if first is None or last is None:
        raise _nothing_known(city, wish)
    wanted, notes = _served(list(event_dates(first, last)), fits, city, may_skip=wish.since is None)
    held = hashes_held(snapshot, city, since=wanted[0], until=wanted[-1], recipe=wish.recipe)
    days, told = [], []
    for event_date in wanted:
        if event_date not in set(known):
            told.append(Told(city=city, event_date=event_date, state="nothing known"))
            continue
        sha = inputs.sha256(city, event_date, require_fit(fits, city, event_date), wish.recipe)
        if held.get(event_date) == sha and not wish.again:
            told.append(Told(city=city, event_date=event_date, state="held"))
        else:
            days.append((event_date, sha))
    return days, told, notes


def _served(dates: Sequence[date], fits: Sequence[Fit], city: str, *, may_skip: bool) -> tuple[list[date], list[str]]:
    """Return the days that a fit may serve; those before the first fit are left out, or refused if they were said."""
    served = [day for day in dates if fit_before(fits, day) is not None]
    if not served or (len(served) < len(dates) and not may_skip):
        require_fit(fits, city, dates[0])
    if len(served) == len(dates):
        return served, []
    return served, [f"{city}: {dates[0]} … left out up to {fits[0].until}, the end of the first fit"]


def _nothing_known(city: str, wish: Wish) -> Refused:
    span = f" from {wish.since or '…'} to {wish.until or '…'}" if wish.since or wish.until else ""
    return Refused(
        f"the lake knows nothing of {city}{span}: no report, no forecast, no market",
        hint=f"kwx lake status shows what there is; kwx ingest all --city {city} --since … --until … fetches it",
    )


def run_task(task: RunTask) -> list[Told]:
    """Run the days that are not finished yet, and keep them."""
    drafts = Drafts(task.paths)
    told = []
    missing = {}
    for event_date, sha in task.days:
        found = None if task.again else drafts.find(sha)
        if found is None:
            missing[event_date] = sha
        else:
            told.append(_told(task, event_date, "finished before", found.notes))
    if not missing:
        return told
    snapshot = _snapshot(task.paths, task.snapshot)
    runs = run_dates(snapshot, task.city, list(missing), task.recipe.build(), baseline=task.recipe.baseline)
    for run in runs:
        event_date = run.data.day.event_date
        day = finished(run, task.recipe, inputs_sha256=missing[event_date])
        drafts.keep(missing[event_date], day)
        told.append(_told(task, event_date, "run", day.notes))
    return told


def _told(task: RunTask, event_date: date, state: str, notes: Sequence[str]) -> Told:
    return Told(city=task.city, event_date=event_date, state=state, notes=tuple(notes))


def finished(run: DayRun, recipe: Recipe, *, inputs_sha256: str) -> Finished:
    """Return the rows of a run day, and what was refused on the way."""
    minutes, refused = minute_rows(run, mc_version=recipe.mc_version)
    degrees = degrees_rows(run, mc_version=recipe.mc_version, inputs_sha256=inputs_sha256)
    return Finished(degrees=degrees, minutes=minutes, notes=[f"no pmf_minute: {why}" for why in refused])


def stage_task(task: StageTask) -> list[Staged]:
    """Stage finished days, joined with what the snapshot holds of them."""
    drafts, base = Drafts(task.task.paths), _snapshot(task.task.paths, task.base)
    staged = []
    for event_date, sha in task.task.days:
        day = drafts.find(sha)
        if day is None:
            raise Refused(
                f"{task.task.city} {event_date}: the finished day is gone from {drafts.folder}",
                hint="run it again; do not remove that folder while a backfill runs",
            )
        staged += staged_day(day, Partition(task.task.city, event_date), base, task.staging)
    return staged


def staged_day(day: Finished, partition: Partition, base: Snapshot, staging: Staging) -> list[Staged]:
    """Stage one finished day, joined with what a snapshot holds of it."""
    degrees = joined_degrees(day.degrees, base.read(PMF_DEGREES, partition))
    staged = [staging.stage(PMF_DEGREES, degrees, partition)]
    if day.minutes.height:
        minutes = joined_minutes(day.minutes, base.read(PMF_MINUTE, partition))
        staged.append(staging.stage(PMF_MINUTE, minutes, partition))
    return staged


@lru_cache(maxsize=4)
def _snapshot(paths: LakePaths, number: int) -> Snapshot:
    """Return a snapshot whose lists of files are read once in a process."""
    return Snapshot(paths, number)


@dataclass(frozen=True, kw_only=True)
class RanDay:
    """One day that was run and published."""

    run: DayRun
    day: Finished
    built: Built

    @property
    def minutes(self) -> pl.DataFrame:
        """The rows of pmf_minute."""
        return self.day.minutes


def run_day(
    city: str,
    event_date: date,
    recipe: Recipe,
    lake_root: Path | str | None = None,
    *,
    clock: Clock = utc_now,
    wait_seconds: float = _WAIT_SECONDS,
) -> RanDay:
    """Run one day anew and publish it."""
    started = time.perf_counter()
    lake = Lake(lake_root)
    snapshot = lake.snapshot()
    run, day = computed_day(snapshot, city, event_date, recipe)
    with write(lake, purpose="hazard run-day", clock=clock, wait_seconds=wait_seconds) as writer:
        base = lake.snapshot()
        staged = staged_day(day, Partition(city, event_date), base, writer.staging)
        built = _publish(writer, staged, recipe, before=base.number, started=started)
    return RanDay(run=run, day=day, built=built)


def computed_day(snapshot: Snapshot, city: str, event_date: date, recipe: Recipe) -> tuple[DayRun, Finished]:
    """Run one day of a snapshot without publishing it; a day of which nothing is known is refused."""
    inputs = Inputs.of(snapshot)
    if event_date not in inputs.dates(city):
        raise _nothing_known(city, Wish(since=event_date, until=event_date))
    fit = require_fit(fits_of(snapshot, city), city, event_date)
    (run,) = run_dates(snapshot, city, [event_date], recipe.build(), baseline=recipe.baseline)
    sha = inputs.sha256(city, event_date, fit, recipe)
    return run, finished(run, recipe, inputs_sha256=sha)
