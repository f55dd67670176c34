"""`dense`: the minute grids of days whose raw data are newer than these, and word of days that came late."""

from __future__ import annotations

from kwx.nightly.changes import late_lines
from kwx.nightly.night import Night
from kwx.nightly.step import Done, Due, Step, due, not_due, rows_of
from pipelines.derivation import rebuild_derived, stale_days
from pipelines.publishing import OnProgress
from warehouse.lake.tables import Partition


def _stale(night: Night) -> list[Partition]:
    return stale_days(night.lake, since=night.since(STEP), until=night.until, cities=night.cities)


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
