"""Calibrating a lake: choose a calibrator for each city and family, and store all of them in one publish.

The default of a city and horizon is what is chosen here for it: the rule of `choice`, on its own settled predictions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import polars as pl

from kwx.models.calibration.choice import Choice, choose
from kwx.models.calibration.methods import METHODS
from kwx.models.calibration.rows import SETTLEMENT, read_rows, usable_rows
from kwx.models.calibration.stored import StoredCalibrator, calibrators_of
from kwx.scoring.reliability import Reliability
from kwx.scoring.resampling import Estimate
from pipelines.publishing import Built, OnProgress, in_pool, publish_built
from pipelines.runner import executor_of, workers_wanted
from warehouse.clock import Clock, utc_now
from warehouse.errors import Refused, Usage
from warehouse.lake.layout import LakePaths
from warehouse.lake.store import Lake, Snapshot, opened
from warehouse.lake.tables import CALIBRATORS, PREDICTIONS, Partition
from warehouse.lake.writer import Writer, write
from warehouse.market.climate_day import walk_spans

AUTO = "auto"
_WAIT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class CalibrateWish:
    """What is calibrated, on which dates, by which method; every city and family that has predictions if none is said.

    every_minutes: how far the rows of a market lie apart; neighbours in time say nearly the same. Without `every_days`
    one calibrator is fitted on all dates; with it one every so many days, each on the `window_days` that end there.
    """

    cities: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    horizon: str = SETTLEMENT
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
        if self.horizon != SETTLEMENT:
            raise Usage(
                f"horizon {self.horizon!r} has no outcome to calibrate by",
                hint=f"{SETTLEMENT}: whether the market settles yes",
            )
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
    """Choose a calibrator for each city and family, and add those to the table that are not there yet."""
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
    """Choose a calibrator for each family and span of a city; those with too little data are noted."""
    wish, snapshot = task.wish, opened(task.paths, task.snapshot)
    families, foreign = read_rows(
        snapshot, task.city, since=wish.since, until=wish.until, every_minutes=wish.every_minutes
    )
    found, notes = list[Calibrated](), list[str]()
    if foreign:
        notes.append(f"{task.city}: {foreign:,} predictions of runs that model_runs does not hold are left out")
    for family in wish.families or tuple(families):
        if family not in families:
            notes.append(f"{task.city}: {family} has no settled predictions")
            continue
        rows, seen = families[family], set[date]()
        for since, until in walk_spans(
            rows.days[0], rows.days[-1], every_days=wish.every_days, window_days=wish.window_days
        ):
            ours, ends = usable_rows(rows, since=since, until=until, fitted_utc=task.fitted_utc)
            if ends in seen:
                continue  # days without predictions make two spans of a walk one
            try:
                choice = choose(
                    ours, forced=None if wish.method == AUTO else wish.method, level=wish.level, seed=wish.seed
                )
            except Refused as refusal:
                notes.append(f"{task.city} {family} to {until}: {refusal}")
                continue
            seen.add(ends)
            # The grain tells calibrators apart by when they were made.
            made_utc = task.fitted_utc + timedelta(microseconds=len(found))
            found.append(_calibrated(task, family, choice, ends=ends, fitted_utc=made_utc))
    return found, notes


def _calibrated(task: CalibrateTask, family: str, choice: Choice, *, ends: date, fitted_utc: datetime) -> Calibrated:
    stored = StoredCalibrator(
        city=task.city, model_type=family, horizon=task.wish.horizon, fitted_utc=fitted_utc, since=choice.days[0],
        until=ends, calibrator=choice.calibrator, metrics=_metrics(task, choice),
    )  # fmt: skip
    return Calibrated(stored=stored, choice=choice)


def _metrics(task: CalibrateTask, choice: Choice) -> dict[str, Any]:
    """Return how it was chosen: every method's scores with intervals and counts, and the curves' verdicts."""
    methods = {
        one.method: {
            "brier": _plain(one.brier),
            "ece": _plain(one.ece),
            "log_loss": _plain(one.log_loss),
            "gain": None if one.gain is None else asdict(one.gain),
            "log_gain": None if one.log_gain is None else asdict(one.log_gain),
            "numbers": one.numbers,
            "against": one.against,
        }
        for one in choice.judged
    }
    return {
        "chosen": choice.method,
        "asked": task.wish.method,
        "snapshot": task.snapshot,
        "every_minutes": task.wish.every_minutes,
        "seed": task.wish.seed,
        "level": choice.level,
        "rows": choice.rows,
        "dates": len(choice.days),
        "judged_rows": choice.judged_rows,
        "judged_dates": len(choice.judged_days),
        "judged_since": choice.judged_days[0].isoformat(),
        "methods": methods,
        "before": _verdict(choice.before),
        "after": _verdict(choice.after),
    }


def _plain(one: Estimate) -> dict[str, float | None]:
    return {
        name: None if math.isnan(value) else value
        for name, value in (("value", one.value), ("low", one.low), ("high", one.high))
    }


def _verdict(found: Reliability) -> dict[str, Any]:
    return {"inside_band": found.inside, "p_value": found.p_value, "miscalibration": found.brier.miscalibration}


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
    """Tell whether the newest one of the same family and end says the same."""
    same_end = [other for other in held if (other.model_type, other.until) == (one.model_type, one.until)]
    newest = max(same_end, key=lambda other: other.fitted_utc, default=None)
    return newest is not None and newest.says_the_same(one)
