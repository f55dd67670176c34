"""`report`: what the steps told, written down as JSON, page and Markdown; nobody sees it before it is published."""

from __future__ import annotations

from typing import Any

from kwx.nightly.night import Night
from kwx.nightly.report.document import finite, report_of
from kwx.nightly.report.published import draft_of, write_draft
from kwx.nightly.scores.kept import kept_scores
from kwx.nightly.step import Done, Due, Step, due
from pipelines.publishing import OnProgress


def _due(night: Night) -> Due:
    return due(f"tells of {len(night.told)} steps")


def _do(night: Night, on_progress: OnProgress) -> Done:
    del on_progress
    report = write(night)
    return Done(figures={"lines": len(report["lines"]), "exit_code": report["exit_code"]})


def write(night: Night) -> dict[str, Any]:
    """Write the report of a night as it stands, for the next to be shown; return it."""
    outcomes = list(night.told.values())
    report = report_of(night, outcomes, at_utc=night.wall_clock())
    scores = finite(kept_scores(night.paths.scores, [night.event_date]).to_dicts())
    write_draft(draft_of(night.paths, night.event_date), report, scores)
    return report


STEP = Step(
    name="report",
    meaning="writes down what the steps told",
    reads=("journal",),
    writes=("report",),
    due=_due,
    do=_do,
    always=True,
)
