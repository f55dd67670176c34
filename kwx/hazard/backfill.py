"""Running many days: what is planned of them, days in parallel over processes, one publish behind checks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from kwx.hazard.drafts import Drafts, Finished, name_of
from kwx.hazard.plan import UNKNOWN, RunTask, Told, Wish, is_held, made_of, planned
from kwx.hazard.recipe import Recipe
from kwx.hazard.rows import degrees_rows, joined_degrees, joined_minutes, minute_rows
from kwx.hazard.run import DayRun, run_dates
from pipelines.publishing import Built, OnProgress, in_pool, publish_built
from pipelines.runner import executor_of, workers_wanted
from warehouse.clock import Clock, utc_now
from warehouse.errors import Refused
from warehouse.lake.staging import Staged, Staging
from warehouse.lake.store import Lake, Snapshot, opened
from warehouse.lake.tables import PMF_DEGREES, PMF_MINUTE, Partition
from warehouse.lake.writer import Writer, write

_WAIT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class StageTask:
    """Finished days of one city, to be joined with what a snapshot holds of them."""

    task: RunTask
    base: int
    staging: Staging
    to_panel: bool

    @property
    def label(self) -> str:
        """What progress says of it."""
        return self.task.label


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
    plan = planned(snapshot, wish, workers=workers_wanted(workers))
    tasks, told, notes = plan.tasks, plan.told, plan.notes
    drafts = Drafts(lake.paths)
    if not tasks:
        drafts.remove(_names_in(told, wish.recipe), at_utc=clock())
        told.sort(key=lambda day: (day.city, day.event_date))
        return Backfilled(built=None, days=told, notes=notes, seconds=time.perf_counter() - started)
    with executor_of(max(1, min(workers_wanted(workers), len(tasks))), scheduler=scheduler) as pool:
        told += [day for days in in_pool(run_task, tasks, pool, "running", on_progress, weigh=_days_in) for day in days]
        with write(lake, purpose="hazard backfill", clock=clock, wait_seconds=wait_seconds) as writer:
            built = _published(writer, tasks, pool, on_progress, started=started, to_panel=wish.to_panel)
    drafts.remove(_names_in(told, wish.recipe), at_utc=clock())
    told.sort(key=lambda day: (day.city, day.event_date))
    return Backfilled(built=built, days=told, notes=notes, seconds=time.perf_counter() - started)


def _days_in(task: RunTask | StageTask) -> int:
    return len(task.days if isinstance(task, RunTask) else task.task.days)


def _names_in(days: Sequence[Told], recipe: Recipe) -> set[str]:
    """Return the names of the days that a lake holds now, of which no draft is needed any more."""
    return {name_of(day.city, day.event_date, recipe.mc_version) for day in days if day.state != UNKNOWN}


def _published(
    writer: Writer,
    tasks: Sequence[RunTask],
    pool: Executor,
    on_progress: OnProgress,
    *,
    started: float,
    to_panel: bool,
) -> Built:
    """Join the finished days with what the lake holds now, and publish them."""
    base = writer.lake.snapshot().number
    joins = [StageTask(task=task, base=base, staging=writer.staging, to_panel=to_panel) for task in tasks]
    results = in_pool(stage_task, joins, pool, "joining", on_progress, weigh=_days_in)
    staged = [one for result in results for one in result]
    days = sum(map(_days_in, joins))
    on_progress(days, days, "publishing and checking")
    return _publish(writer, staged, tasks[0].recipe, before=base, started=started)


def _publish(writer: Writer, staged: Sequence[Staged], recipe: Recipe, *, before: int, started: float) -> Built:
    config = {"mc_version": recipe.mc_version}
    return publish_built(writer, staged, before=before, started=started, config=config)


def run_task(task: RunTask) -> list[Told]:
    """Run the days that are not finished yet, and keep them.

    A day's last digits are those of the days that it is run with. So the others of the task are run beside those that
    are missing, and only these are kept: what was cut off and goes on comes to the same bytes.
    """
    drafts = Drafts(task.paths)
    if task.again:
        drafts.drop([sha for _, sha in task.days])
    found = {when: day for when, sha in task.days if not task.again and (day := drafts.find(sha)) is not None}
    told = [_told(task, when, "finished before", day.notes) for when, day in found.items()]
    if len(found) == len(task.days):
        return told
    shas, snapshot = dict(task.days), opened(task.paths, task.snapshot)
    for run in run_dates(snapshot, task.city, list(shas), task.recipe.build(), baseline=task.recipe.baseline):
        event_date = run.data.day.event_date
        if event_date in found:
            continue
        day = finished(run, task.recipe, inputs_sha256=shas[event_date])
        drafts.keep(shas[event_date], day, of=name_of(task.city, event_date, task.recipe.mc_version))
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
    drafts, base = Drafts(task.task.paths), opened(task.task.paths, task.base)
    staged = []
    for event_date, sha in task.task.days:
        day = drafts.find(sha)
        if day is None:
            raise Refused(
                f"{task.task.city} {event_date}: the finished day is gone from {drafts.folder}",
                hint="run it again; do not remove that folder while a backfill runs",
            )
        partition = Partition(task.task.city, event_date)
        staged += staged_day(day, partition, base, task.staging, to_panel=task.to_panel)
    return staged


def staged_day(
    day: Finished, partition: Partition, base: Snapshot, staging: Staging, *, to_panel: bool
) -> list[Staged]:
    """Stage one finished day, joined with what a snapshot holds of it; its minutes only if they go into the panel."""
    degrees = joined_degrees(day.degrees, base.read(PMF_DEGREES, partition))
    staged = [staging.stage(PMF_DEGREES, degrees, partition)]
    if to_panel and day.minutes.height:
        minutes = joined_minutes(day.minutes, base.read(PMF_MINUTE, partition))
        staged.append(staging.stage(PMF_MINUTE, minutes, partition))
    return staged


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
    again: bool = False,
    panel: bool = False,
    clock: Clock = utc_now,
    wait_seconds: float = _WAIT_SECONDS,
) -> RanDay | None:
    """Run one day and publish it; None, unless it is to be run again, where the lake holds it made of what it holds."""
    started = time.perf_counter()
    lake = Lake(lake_root)
    snapshot = lake.snapshot()
    wish = Wish(recipe=recipe, panel=panel)
    if not again and is_held(snapshot, city, event_date, wish):
        return None
    run, day = computed_day(snapshot, city, event_date, recipe)
    with write(lake, purpose="hazard run-day", clock=clock, wait_seconds=wait_seconds) as writer:
        base = lake.snapshot()
        staged = staged_day(day, Partition(city, event_date), base, writer.staging, to_panel=wish.to_panel)
        built = _publish(writer, staged, recipe, before=base.number, started=started)
    Drafts(lake.paths).remove({name_of(city, event_date, recipe.mc_version)}, at_utc=clock())
    return RanDay(run=run, day=day, built=built)


def computed_day(snapshot: Snapshot, city: str, event_date: date, recipe: Recipe) -> tuple[DayRun, Finished]:
    """Run one day of a snapshot without publishing it; a day of which nothing is known is refused."""
    sha = made_of(snapshot, city, event_date, recipe)
    (run,) = run_dates(snapshot, city, [event_date], recipe.build(), baseline=recipe.baseline)
    return run, finished(run, recipe, inputs_sha256=sha)
