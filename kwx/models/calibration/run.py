"""Calibrating a lake: choose a calibrator for each city, horizon and family, and store all of them in one publish.

The default of a city and horizon is what is chosen here for it: the rule of `choice`, on its own predictions of which
it is known what came: the settlement of the market, or the move of its mid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from time import perf_counter

import polars as pl

from kwx.models.calibration.choice import Choice, choose
from kwx.models.calibration.methods import METHODS
from kwx.models.calibration.metrics import metrics_of
from kwx.models.calibration.rows import Read, Rows, read_rows, usable_rows
from kwx.models.calibration.stored import StoredCalibrator, calibrators_of
from pipelines.publishing import Built, OnProgress, in_pool, publish_built
from pipelines.runner import executor_of, workers_wanted
from warehouse.clock import Clock, utc_now
from warehouse.errors import Refused, Usage
from warehouse.lake.layout import LakePaths
from warehouse.lake.store import Lake, Snapshot, opened
from warehouse.lake.tables import CALIBRATORS, PREDICTIONS, Partition
from warehouse.lake.tables.research import HORIZONS
from warehouse.lake.writer import Writer, write
from warehouse.market.climate_day import walk_spans

AUTO = "auto"
_WAIT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class CalibrateWish:
    """What is calibrated, on which dates, by which method; every city, family and horizon predicted if none is said.

    every_minutes: how far the rows of a market lie apart; neighbours in time say nearly the same. Without `every_days`
    one calibrator is fitted on all dates; with it one every so many days, each on the `window_days` that end there.
    """

    cities: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    horizons: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    method: str = AUTO
    every_minutes: int = 15
    every_days: int | None = None
    window_days: int | None = None
    level: float = 0.95
    seed: int = 42

    def __post_init__(self) -> None:
        if self.method not in (AUTO, *METHODS):
            raise Usage(f"there is no method {self.method!r}", hint=f"methods: {AUTO} {' '.join(METHODS)}")
        if strangers := [word for word in self.horizons if word not in HORIZONS]:
            raise Usage(f"there is no horizon {strangers[0]!r}", hint=f"horizons: {' '.join(HORIZONS)}")
        if self.every_minutes < 1:
            raise Usage(f"rows cannot lie {self.every_minutes} minutes apart", hint="say 1 or more")


@dataclass(frozen=True, kw_only=True)
class CalibrateTask:
    """One city of a snapshot."""

    paths: LakePaths
    snapshot: int
    city: str
    wish: CalibrateWish
    fitted_utc: datetime

    @property
    def label(self) -> str:
        """What progress says of it."""
        return self.city


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibrated:
    """What was chosen for one family in one city, and as it is stored."""

    stored: StoredCalibrator
    choice: Choice


@dataclass(frozen=True, kw_only=True)
class CalibrateRun:
    """What was chosen, how many of them were not there yet, and notes; nothing is built in a dry run."""

    snapshot: int
    calibrated: list[Calibrated]
    built: Built | None
    added: int
    notes: list[str]


def calibrate(
    wish: CalibrateWish,
    lake_root: Path | str | None = None,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    dry_run: bool = False,
    on_progress: OnProgress = lambda done, total, what: None,
    clock: Clock = utc_now,
    wait_seconds: float = _WAIT_SECONDS,
) -> CalibrateRun:
    """Choose a calibrator for each city, horizon and family, and add those to the table that are not there yet."""
    started, lake = perf_counter(), Lake(lake_root)
    snapshot = lake.snapshot()
    tasks = _tasks(snapshot, wish, fitted_utc=clock())
    # A city or two are done before processes of their own would have started.
    if scheduler is None and (len(tasks) == 1 or workers == 1):
        done = [calibrate_city(task) for task in tasks]
    else:
        with executor_of(min(workers_wanted(workers), len(tasks)), scheduler=scheduler) as pool:
            done = in_pool(calibrate_city, tasks, pool, "calibrating", on_progress)
    calibrated = [one for found, _ in done for one in found]
    notes = [note for _, told in done for note in told]
    if not calibrated:
        raise Refused("nothing was calibrated: " + "; ".join(notes), hint="kwx train makes predictions of more days")
    built, added = None, 0
    if not dry_run:
        with write(lake, purpose="calibrate", clock=clock, wait_seconds=wait_seconds) as writer:
            built, added = _published(writer, [one.stored for one in calibrated], started=started)
    return CalibrateRun(snapshot=snapshot.number, calibrated=calibrated, built=built, added=added, notes=notes)


def _tasks(snapshot: Snapshot, wish: CalibrateWish, *, fitted_utc: datetime) -> list[CalibrateTask]:
    there = dict.fromkeys(one.city for one in snapshot.partitions(PREDICTIONS.name))
    cities = [city for city in wish.cities or there if city in there]
    if not cities:
        raise Refused(
            f"there are no predictions of {', '.join(wish.cities) or 'any city'}",
            hint="kwx train makes and stores them",
        )
    return [
        CalibrateTask(paths=snapshot.paths, snapshot=snapshot.number, city=city, wish=wish, fitted_utc=fitted_utc)
        for city in cities
    ]


def calibrate_city(task: CalibrateTask) -> tuple[list[Calibrated], list[str]]:
    """Choose a calibrator for each horizon, family and span of a city; those with too little data are noted."""
    wish, snapshot = task.wish, opened(task.paths, task.snapshot)
    found, notes, heard = list[Calibrated](), list[str](), set[str]()
    for horizon in wish.horizons or HORIZONS:
        read = read_rows(
            snapshot, task.city, horizon=horizon, since=wish.since, until=wish.until, every_minutes=wish.every_minutes
        )
        notes += _left_out(task, horizon, read)
        heard |= read.families.keys()
        for family, rows in read.families.items():
            if not wish.families or family in wish.families:
                made, refused = _of_family(task, horizon, family, rows, first=len(found))
                found, notes = found + made, notes + refused
    settled = (
        "settled predictions" if not wish.horizons else f"predictions of {' '.join(wish.horizons)} with an outcome"
    )
    notes += [f"{task.city}: {family} has no {settled}" for family in wish.families if family not in heard]
    if not (wish.families or heard):
        notes.append(f"{task.city}: there are no {settled}")
    return found, notes


def _of_family(
    task: CalibrateTask, horizon: str, family: str, rows: Rows, *, first: int
) -> tuple[list[Calibrated], list[str]]:
    """Choose a calibrator of a family for each span, the first of them numbered so in its city."""
    wish, found, notes, seen = task.wish, list[Calibrated](), list[str](), set[date]()
    for since, until in walk_spans(
        rows.days[0], rows.days[-1], every_days=wish.every_days, window_days=wish.window_days
    ):
        ours, ends = usable_rows(rows, since=since, until=until, fitted_utc=task.fitted_utc)
        if ends in seen:
            continue  # days without predictions make two spans of a walk one
        try:
            choice = choose(ours, forced=None if wish.method == AUTO else wish.method, level=wish.level, seed=wish.seed)
        except Refused as refusal:
            notes.append(f"{task.city} {family}, {horizon} to {until}: {refusal}")
            continue
        seen.add(ends)
        # The grain tells calibrators apart by when they were made.
        made_utc = task.fitted_utc + timedelta(microseconds=first + len(found))
        found.append(_calibrated(task, horizon, family, choice, ends=ends, fitted_utc=made_utc))
    return found, notes


def _left_out(task: CalibrateTask, horizon: str, read: Read) -> list[str]:
    """Say of how many predictions nothing could be learnt, and why."""
    said = [
        f"{task.city} {family}, {horizon}: {count:,} predictions are left out: no move of the model's size came after"
        for family, count in sorted(read.left_out.items())
        if not task.wish.families or family in task.wish.families
    ]
    if read.foreign:
        said.append(
            f"{task.city}, {horizon}: {read.foreign:,} predictions of runs that model_runs does not hold are left out"
        )
    return said


def _calibrated(
    task: CalibrateTask, horizon: str, family: str, choice: Choice, *, ends: date, fitted_utc: datetime
) -> Calibrated:
    stored = StoredCalibrator(
        city=task.city, model_type=family, horizon=horizon, fitted_utc=fitted_utc, since=choice.days[0],
        until=ends, calibrator=choice.calibrator,
        metrics=metrics_of(choice, asked=asdict(task.wish), snapshot=task.snapshot),
    )  # fmt: skip
    return Calibrated(stored=stored, choice=choice)


def _published(writer: Writer, made: Sequence[StoredCalibrator], *, started: float) -> tuple[Built, int]:
    """Add the calibrators that are not there yet, and publish; return how many were added too."""
    base = writer.lake.snapshot()
    staged, added = [], 0
    for city in dict.fromkeys(one.city for one in made):
        held = calibrators_of(base, city)
        new = [one for one in made if one.city == city and not _is_there(one, held)]
        rows = [base.read(CALIBRATORS, Partition(city)).select(CALIBRATORS.schema.names()), *(one.row() for one in new)]
        staged.append(writer.staging.stage(CALIBRATORS, pl.concat(rows), Partition(city)))
        added += len(new)
    return publish_built(writer, staged, before=base.number, started=started), added


def _is_there(one: StoredCalibrator, held: Sequence[StoredCalibrator]) -> bool:
    """Tell whether the newest one of the same horizon, family and end says the same."""
    its = (one.horizon, one.model_type, one.until)
    same_end = [other for other in held if (other.horizon, other.model_type, other.until) == its]
    newest = max(same_end, key=lambda other: other.fitted_utc, default=None)
    return newest is not None and newest.says_the_same(one)
