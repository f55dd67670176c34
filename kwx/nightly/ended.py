"""Noting of each step how far it has come: what a night did of a step is owed no more, what it did not still is."""

from __future__ import annotations

from datetime import date

from kwx.nightly.journal import Outcome
from kwx.nightly.night import Night
from kwx.nightly.owed import End
from kwx.nightly.step import State, Step
from warehouse.lake.tables import TABLES, Partition

BY_DAY = ("dense", "hazard", "fusion", "predictions", "scores", "shadow")
"""The steps that are done day by day. The others judge by themselves what is old."""


def note_end(night: Night, step: Step, outcome: Outcome) -> None:
    """Note what a step owes now that it ended, however it did."""
    if step.name not in BY_DAY or not night.has_snapshot:
        return
    if outcome.stands or outcome.state is State.NOT_DUE:
        _note_done(night, step, outcome)
    else:
        _note_undone(night, step)


def _note_done(night: Night, step: Step, outcome: Outcome) -> None:
    """Strike what lies in the night's dates and cities; what came while the step was at work is seen next time."""
    if outcome.began is None or (outcome.state is State.HELD and night.ends.knows(step.name, outcome.began)):
        return
    since = night.since(step)
    left = {day for day in night.owed(step).days if not _is_in(night, day, since)}
    night.ends.note({step.name: End(snapshot=outcome.began, tables=step.reads, days=frozenset(left))})


def _is_in(night: Night, day: Partition, since: date) -> bool:
    return day.city in night.cities and day.event_date is not None and since <= day.event_date <= night.until


def _note_undone(night: Night, step: Step) -> None:
    """Add the days that it would have looked at to those that it owed."""
    tables = [name for name in step.reads if name in TABLES]
    window = night.days_with(*tables, since=night.usual_since)
    days = {Partition(city, day) for city, some in window.items() for day in some}
    end = End(snapshot=night.snapshot().number, tables=step.reads, days=night.owed(step).days | days)
    night.ends.note({step.name: end})
