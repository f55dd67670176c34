"""A night from beginning to end: one at a time, step after step, each journalled, all of it told.

A step that fails or is refused stops those that read what it writes, and theirs, unless it is optional; what it did
before it failed stands where it says so. A night that was cut off goes on where it was.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from kwx.config.file import load_config
from kwx.nightly.ballast import drop_ballast, take_ballast
from kwx.nightly.calendar import cities_of, night_before, night_utc, require_over
from kwx.nightly.changes import rows_changed
from kwx.nightly.ended import note_end
from kwx.nightly.inputs import Inputs, inputs_as_left, inputs_of
from kwx.nightly.journal import Begun, Journal, Outcome, Started
from kwx.nightly.night import Night, OnPoint
from kwx.nightly.places import NightPaths
from kwx.nightly.plan import HELD_WHY, STEPS, TELLING, Asked, due_now, held_outcome, steps_of, stopped_by
from kwx.nightly.report.document import exit_code_of, report_of
from kwx.nightly.source import Source
from kwx.nightly.step import Done, Kind, Line, State, Step
from kwx.nightly.steps.publish import tell_again
from pipelines.publishing import OnProgress
from warehouse.clock import Clock, utc_now
from warehouse.errors import DiskFull, KwxError, LakeBusy, Refused
from warehouse.lake.files import naming_a_full_disk
from warehouse.lake.lock import writer_lock
from warehouse.lake.store import Lake
from warehouse.lake.tables import TABLES

logger = logging.getLogger(__name__)

OnStep = Callable[[Outcome], None]
OnBegin = Callable[[Step, str], None]

_TRACE_LINES = 3
_HINT_OF_ENDS = "nothing, if every night of late ended with 0; else kwx nightly --date of the first that did not"


@dataclass(frozen=True, kw_only=True)
class NightRun:
    """What a night came to: how each step ended, how the command ends, and the report as plain values."""

    outcomes: tuple[Outcome, ...]
    exit_code: int
    report: dict[str, Any]


def the_night(
    lake_root: Path | str | None,
    *,
    source: Source,
    event_date: date | None = None,
    cities: Sequence[str] = (),
    models: Path | None = None,
    config: Path | str | None = None,
    said: dict[str, Any] | None = None,
    workers: int | None = None,
    wall_clock: Clock = utc_now,
) -> Night:
    """Return the night of a date, else of the newest that is over everywhere; nothing is written."""
    lake = Lake(lake_root)
    chosen = cities_of(lake, cities)
    day = event_date or night_before(lake, source, chosen)
    require_over(day, chosen, source)
    configuration = load_config(config)
    journal = Journal(NightPaths(lake.paths).journal(day))
    goes_on = journal.begun is not None and not journal.is_finished
    return Night(
        lake=lake, event_date=day, cities=chosen, source=source,
        night_utc=journal.begun.night_utc if goes_on and journal.begun else night_utc(source, day, chosen),
        journal=journal, configuration=configuration, settings=configuration.nightly(said=said), models=models,
        workers=workers, wall_clock=wall_clock,
    )  # fmt: skip


def run_night(
    night: Night,
    asked: Asked | None = None,
    *,
    on_progress: OnProgress = lambda done, total, what: None,
    on_begin: OnBegin = lambda step, why: None,
    on_step: OnStep = lambda outcome: None,
    on_point: OnPoint = lambda point: None,
) -> NightRun:
    """Do the steps of a night, and tell of them."""
    asked = asked or Asked()
    with _the_only_night(night):
        _begin(night)
        on_point("begin")
        take_ballast(night.paths.ballast)
        stopped: list[Step] = []
        for step in steps_of(night):
            outcome = _outcome(night, step, asked, stopped, on_progress, on_begin, on_point)
            night.told[step.name] = outcome
            _note(night, step, outcome)
            on_point(f"end {step.name}")
            on_step(outcome)
            if _stops(night, step, outcome):
                stopped.append(step)
        return _finish(night, on_point)


@contextmanager
def _the_only_night(night: Night) -> Iterator[None]:
    """Hold the lock of the lake's nights, or say who holds it."""
    lock = night.paths.lock
    try:
        with writer_lock(lock, purpose=f"the night of {night.event_date}"):
            yield
    except LakeBusy as busy:
        if str(lock.parent) not in str(busy):
            raise
        holder = str(busy).rpartition(" is being written by ")[2]
        raise LakeBusy(
            f"another night runs: {holder}", hint="wait for it to end; one night at a time writes a lake"
        ) from busy


def _begin(night: Night) -> None:
    """Note that the night begins; one that was cut off goes on under what it began with."""
    if not night.goes_on:
        begun = Begun(
            night_utc=night.night_utc, started_utc=night.wall_clock(), snapshot_before=night.lake.current_number(),
            baselines=night.baselines(),
        )  # fmt: skip
        _write(night, lambda: night.journal.begin(begun))
    if night.ends.trouble:
        night.lines.append(Line(kind=Kind.LATE_DATA, words=night.ends.trouble, hint=_HINT_OF_ENDS))


def _outcome(
    night: Night, step: Step, asked: Asked, stopped: Sequence[Step], on_progress: OnProgress, on_begin: OnBegin,
    on_point: OnPoint,
) -> Outcome:  # fmt: skip
    """Return what becomes of a step: left out, stopped, held, not due, or done."""
    culprit = None if step.name in TELLING else stopped_by(step, stopped)
    stopped_why = f"it reads what {culprit.name} did not bring about" if culprit else ""
    if why := asked.left_out(step.name) or stopped_why:
        return Outcome(name=step.name, state=State.SKIPPED, why=why)
    try:
        before = held_outcome(night, step, asked)
        if before is not None:
            return replace(before, state=State.HELD, why=HELD_WHY)
        found, cut_off = due_now(night, step), night.journal.started.get(step.name)
        if not found.is_due and cut_off is None:
            number = night.lake.current_number()
            return Outcome(name=step.name, state=State.NOT_DUE, why=found.why, began=number, snapshot=number)
        inputs = inputs_of(step, night)
        started = cut_off or _started(night, step, found.why)
    except Exception as error:  # a file that is torn fails the step that reads it, and no other
        return _failed(night, step, "whether it is due cannot be told", error, 0.0)
    if not found.is_due:
        return _was_done(night, step, started, inputs)
    on_begin(step, found.why)
    return _done(night, step, started, inputs, on_progress, on_point)


def _started(night: Night, step: Step, why: str) -> Started:
    return Started(why=why, snapshot=night.lake.current_number(), owes=tuple(step.owes(night)))


def _was_done(night: Night, step: Step, started: Started, inputs: Inputs) -> Outcome:
    """Return the outcome of a step that had done all when it was cut off, before that was journalled."""
    told = Done(rows=_rows_since(night, step, started), notes=("it was cut off after all of it was done",))
    number = night.lake.current_number()
    return Outcome.of(
        step.name, started.why, told, seconds=0.0, began=started.snapshot, snapshot=number, inputs=inputs.beside,
        read=inputs.read,
    )  # fmt: skip


def _rows_since(night: Night, step: Step, started: Started) -> dict[str, int]:
    """Return the rows of the files that a step's tables got since it began; of one whose lake is gone, none."""
    numbers = night.lake.snapshot_numbers()
    if started.snapshot not in (None, *numbers) or not night.has_snapshot:
        return {}
    before, now = None if started.snapshot is None else night.lake.snapshot(started.snapshot), night.snapshot()
    return rows_changed(before, now, sorted(step.changes & set(TABLES)))


def _done(
    night: Night, step: Step, started: Started, inputs: Inputs, on_progress: OnProgress, on_point: OnPoint
) -> Outcome:  # fmt: skip
    """Do a step that is due; however it fails, it is told. Its rows are those that changed, before a cut or after."""
    began = time.perf_counter()
    try:
        _write(night, lambda: night.journal.start(step.name, started, at_utc=night.wall_clock()))
        on_point(f"start {step.name}")
        with naming_a_full_disk(night.lake.paths.root):
            told: Done = step.do(night, on_progress)
        beside = {name: count for name, count in told.rows.items() if name not in TABLES}
        told = replace(told, rows=_rows_since(night, step, started) | beside)
        left = inputs_as_left(step, night, inputs)
    except Exception as error:  # what a step did not foresee must not silence the others
        return _failed(night, step, started.why, error, time.perf_counter() - began)
    on_point(f"done {step.name}")
    return Outcome.of(
        step.name, started.why, told, seconds=time.perf_counter() - began, began=started.snapshot,
        snapshot=night.lake.current_number(), inputs=left.beside, read=left.read,
    )  # fmt: skip


def _failed(night: Night, step: Step, why: str, error: Exception, seconds: float) -> Outcome:
    """Return the outcome of a step that raised; a full disk gives the ballast back, so that this can be told."""
    notes: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    hint = error.hint if isinstance(error, KwxError) else "this is a defect: the trace is among the notes"
    if isinstance(error, DiskFull):
        drop_ballast(night.paths.ballast)
        lines = (Line(kind=Kind.DISK_FULL, words=str(error), hint=error.hint),)
    elif not isinstance(error, KwxError):
        logger.exception("step %s", step.name)
        notes = tuple(line.strip() for line in traceback.format_exception(error)[-_TRACE_LINES:])
    return Outcome(
        name=step.name, state=State.REFUSED if isinstance(error, Refused) else State.FAILED, why=why, seconds=seconds,
        notes=notes, lines=lines, error=str(error) or repr(error), hint=hint, snapshot=night.lake.current_number(),
    )  # fmt: skip


def _stops(night: Night, step: Step, outcome: Outcome) -> bool:
    """Tell whether what a step did not bring about stops those that read it."""
    if step.name in night.settings.optional or outcome.in_part:
        return False
    is_consequence = outcome.state is State.SKIPPED and not outcome.why.startswith("left out")
    return is_consequence or outcome.state in (State.FAILED, State.REFUSED)


def _note(night: Night, step: Step, outcome: Outcome) -> None:
    """Journal how a step ended, and what it owes since then."""
    _write(night, lambda: night.journal.end(outcome))
    try:
        _write(night, lambda: note_end(night, step, outcome))
    except DiskFull:
        raise
    except Exception as error:  # the lake cannot be read: what it owed before it owes still
        logger.exception("what %s owes", step.name)
        words = f"what {step.name} owes could not be noted: {error}"
        night.lines.append(Line(kind=Kind.LATE_DATA, words=words, hint=getattr(error, "hint", "")))


def _write(night: Night, act: Callable[[], None]) -> None:
    """Do a small write that the night cannot go without; a full disk gives the ballast back for it, and is told."""
    root = night.lake.paths.root
    try:
        with naming_a_full_disk(root):
            act()
    except DiskFull as error:
        if not night.paths.ballast.exists():
            raise
        drop_ballast(night.paths.ballast)
        night.lines.append(Line(kind=Kind.DISK_FULL, words=str(error), hint=error.hint))
        with naming_a_full_disk(root):
            act()


def _finish(night: Night, on_point: OnPoint) -> NightRun:
    """Tell the report once more, now that all steps ended, and note that the night is over."""
    if night.told["publish"].state is not State.SKIPPED:
        _tell_again(night)
        on_point("told again")
    outcomes = tuple(night.told.values())
    code = exit_code_of(outcomes, optional=night.settings.optional)
    number = night.lake.current_number()
    _write(night, lambda: night.journal.finish(exit_code=code, at_utc=night.wall_clock(), snapshot=number))
    return NightRun(outcomes=outcomes, exit_code=code, report=report_of(night, outcomes, at_utc=night.wall_clock()))


def _tell_again(night: Night) -> None:
    """Show the report as it is in the end; where that fails, publishing has failed."""
    try:
        _write(night, lambda: tell_again(night))
    except Exception as error:  # the command still says what became of the night
        step = next(step for step in STEPS if step.name == "publish")
        failed = _failed(night, step, "the report as it is in the end could not be shown", error, 0.0)
        night.told[step.name] = failed
        _write(night, lambda: night.journal.end(failed))
