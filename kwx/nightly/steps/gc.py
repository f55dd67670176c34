"""`gc`: old snapshots of the lake, and the reports of old nights, are removed."""

from __future__ import annotations

from kwx.nightly.night import Night
from kwx.nightly.step import Done, Due, Step, due, not_due
from pipelines.publishing import OnProgress
from warehouse.lake.files import remove_tree
from warehouse.lake.recovery import collect_garbage


def _measured_against(night: Night) -> set[int]:
    """Return the snapshots that this night tells changes against: a second run of it tells the same."""
    begun = night.journal.begun
    return {one.snapshot for one in begun.baselines} if begun else set()


def _due(night: Night) -> Due:
    snapshots = len(set(night.lake.snapshot_numbers()) - _measured_against(night))
    nights = len(night.paths.nights())
    keep, reports = night.settings.keep_snapshots, night.settings.keep_reports
    if snapshots <= keep and nights <= reports:
        return not_due(f"{snapshots} snapshots and {nights} nights are kept; {keep} and {reports} may be")
    return due(f"of {snapshots} snapshots {keep} are kept, of {nights} nights {reports}")


def _do(night: Night, on_progress: OnProgress) -> Done:
    del on_progress
    night.ends.move_on(night.snapshot())
    removed = collect_garbage(night.lake, keep=night.settings.keep_snapshots, spare=_measured_against(night))
    nights = night.paths.nights()
    too_many = max(len(nights) - night.settings.keep_reports, 0)
    old = [one for one in nights if one != night.event_date][:too_many]
    for event_date in old:
        remove_tree(night.paths.night(event_date))
    return Done(
        figures={
            "snapshots": len(removed.snapshots), "versions": len(removed.versions), "bytes": removed.bytes,
            "nights": len(old),
        }
    )  # fmt: skip


STEP = Step(
    name="gc",
    meaning="removes old snapshots and the reports of old nights",
    reads=("snapshots", "nights"),
    writes=("snapshots", "nights"),
    due=_due,
    do=_do,
    always=True,
)
