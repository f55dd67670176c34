"""`publish`: the report becomes the night's and the night the latest, then the monitor's page is drawn of it."""

from __future__ import annotations

from kwx.monitor.write import write_page
from kwx.nightly.night import Night
from kwx.nightly.places import MONITOR_HTML
from kwx.nightly.report.published import draft_of, show
from kwx.nightly.step import Done, Due, Step, due
from kwx.nightly.steps.report import write
from pipelines.publishing import OnProgress
from warehouse.errors import KwxError


def _due(night: Night) -> Due:
    return due(f"shows the report at {night.paths.latest}")


def _do(night: Night, on_progress: OnProgress) -> Done:
    del on_progress
    show(night.paths, night.event_date)
    return Done(notes=_with_page(night))


def _with_page(night: Night) -> list[str]:
    """Draw the monitor's page of the report that is shown, and show both together; a page that fails is told."""
    write(night)
    draft = draft_of(night.paths, night.event_date)
    try:
        write_page(night.lake.paths.root, draft / MONITOR_HTML, moment=night.wall_clock())
    except KwxError as error:
        return [f"the monitor's page could not be drawn: {error}"]
    show(night.paths, night.event_date)
    return []


def tell_again(night: Night) -> None:
    """Show the report once more, with what was done after it was shown first; the page stays."""
    write(night)
    show(night.paths, night.event_date)


STEP = Step(
    name="publish",
    meaning="shows the report and the monitor's page",
    reads=("report",),
    writes=("latest",),
    due=_due,
    do=_do,
    always=True,
)
