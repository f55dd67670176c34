"""`dense`: the minute grids of days whose raw data are newer than these, and word of days that came late."""

from __future__ import annotations

from datetime import timedelta

from kwx.nightly.changes import late_lines
from kwx.nightly.night import Night
from kwx.nightly.step import Done, Due, Step, due, not_due, rows_of
from pipelines.derivation import rebuild_derived, stale_days
from pipelines.publishing import OnProgress
from warehouse.lake.tables import Partition


def _stale(night: Night) -> list[Partition]:
    """Return the days whose raw data are newer than their grids, and than the last time that these were made.

    What does not change a grid leaves it as old as it was: it is made again once, not every night.
    """
    days = stale_days(night.lake, since=night.since(STEP), until=night.until, cities=night.cities)
    owed = night.owed(STEP)
    return [day for day in days if {day, _eve(day)} & owed.days] if owed.is_all else days


def _eve(day: Partition) -> Partition:
    """Return the day before, whose last report a grid begins with."""
    assert day.event_date is not None, "grids are cut by day"
    return Partition(day.city, day.event_date - timedelta(days=1))


def _due(night: Night) -> Due:
    days, late = _stale(night), late_lines(night.earlier, night.snapshot(), night.cities)
    if days:
        return due(f"{len(days)} days have newer raw data than grids, {days[0]} the first")
    if late:
        return due(f"the grids are made; {len(late)} dates came late, which is to be told")
    return not_due("every grid is as new as what it is made of: an ingest lays out what it brings")


def _do(night: Night, on_progress: OnProgress) -> Done:
    days = _stale(night)
    built = None
    if days:
        built = rebuild_derived(
            night.lake.paths.root, cities=night.cities, since=night.since(STEP), until=night.until,
            only=frozenset(days), workers=night.workers, on_progress=on_progress,
        )  # fmt: skip
    lines = late_lines(night.earlier, night.snapshot(), night.cities)
    return Done(rows=rows_of(built), lines=lines, figures={"days": len(days), "late_dates": len(lines)})


STEP = Step(
    name="dense",
    meaning="lays candles and reports out on their minute grids",
    reads=("markets", "candles_1m", "obs", "forecasts", "trades"),
    writes=("candles_dense", "obs_1m", "obs_5m"),
    due=_due,
    do=_do,
)
