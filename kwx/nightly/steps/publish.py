"""`publish`: the report becomes the night's and the night the latest, then the monitor's page is drawn of it."""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta

from kwx.monitor.look import Wish
from kwx.monitor.page import page_of
from kwx.monitor.write import put_page
from kwx.nightly.night import Night
from kwx.nightly.places import MONITOR_HTML
from kwx.nightly.report.published import draft_of, show
from kwx.nightly.source import SourceKind
from kwx.nightly.step import Done, Due, Kind, Line, Step, due
from kwx.nightly.steps.report import write
from pipelines.publishing import OnProgress
from warehouse.errors import DiskFull, KwxError
from warehouse.lake.tables import MARKETS

logger = logging.getLogger(__name__)

_HINT = "kwx monitor --out FILE.html draws it by itself"


def _due(night: Night) -> Due:
    return due(f"shows the report at {night.paths.night(night.event_date)}")


def _do(night: Night, on_progress: OnProgress) -> Done:
    """Show the report before the page is drawn, which takes longer and may fail; then show both together."""
    del on_progress
    tell_again(night)
    write(night)
    lines = _draw(night)
    show(night.paths, night.event_date)
    return Done(lines=lines)


def _draw(night: Night) -> list[Line]:
    """Draw the monitor's page of the morning after beside the report; return what of it could not be drawn."""
    path = draft_of(night.paths, night.event_date) / MONITOR_HTML
    try:
        page = page_of(night.lake, Wish(event_date=_today(night)), moment=_moment(night))
        put_page(page, path)
    except DiskFull:
        raise
    except KwxError as error:
        return [_line(str(error), error.hint)]
    except Exception as error:  # a page of what the lake holds must not silence what the night did
        logger.exception("the monitor's page")
        return [_line(str(error) or repr(error), _HINT)]
    return [_line(failure, _HINT) for failure in page.failures]


def _today(night: Night) -> date:
    """Return the date that has begun when a night falls: its own is yesterday by then, except where a world ends."""
    tomorrow = night.event_date + timedelta(days=1)
    begun = any(place.event_date == tomorrow for place in night.snapshot().partitions(MARKETS.name))
    return tomorrow if begun else night.event_date


def _moment(night: Night) -> datetime:
    """Return the instant by which data are fresh or late: a served world has a clock of its own."""
    return night.clock() if night.source.kind is SourceKind.SERVER else night.wall_clock()


def _line(why: str, hint: str) -> Line:
    return Line(kind=Kind.PAGE, words=f"the monitor's page could not be drawn: {why}", hint=hint)


def tell_again(night: Night) -> None:
    """Show the report as it is now, with all that was done since it was shown last; the page stays."""
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
