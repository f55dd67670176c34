"""`settlements`: final reports and their corrections, further back than the rest; which labels are missing or moved."""

from __future__ import annotations

from datetime import timedelta

from kwx.nightly.changes import corrected_lines, labels_between
from kwx.nightly.night import Night
from kwx.nightly.step import Done, Due, Kind, Line, Step, due, not_due
from kwx.nightly.steps.ingest import told_of
from pipelines.ingest.questions import Wish
from pipelines.ingest.run import fetch_and_fold
from pipelines.publishing import OnProgress
from warehouse.lake.tables import MARKETS


def _wish(night: Night) -> Wish:
    since = night.event_date - timedelta(days=night.settings.settlement_days)
    return Wish.of(kinds=("settlements",), cities=night.cities, since=since, until=night.event_date)


def _due(night: Night) -> Due:
    wish = _wish(night)
    if night.source.entry is not None:
        return due(f"asks {night.source.told} for the reports of {wish.since} … {wish.until}")
    if not night.days_with(MARKETS.name, since=wish.since):
        return not_due("no event of these dates is listed")
    return due(f"looks at what {wish.since} … {wish.until} settled on")


def _do(night: Night, on_progress: OnProgress) -> Done:
    told = Done()
    if night.source.entry is not None:
        told = told_of(
            fetch_and_fold(
                _wish(night), night.lake.paths.root, entry=night.source.entry, workers=night.workers,
                clock=night.clock, on_progress=on_progress,
            )
        )  # fmt: skip
    corrected = corrected_lines(night.earlier, night.snapshot(), night.cities)
    settled, unsettled = _judged(night)
    figures = {**told.figures, "settled": settled, "unsettled": len(unsettled), "corrected": len(corrected)}
    return Done(
        rows=told.rows, notes=told.notes, lines=[*told.lines, *corrected, *unsettled], figures=figures,
        short=told.short, hint=told.hint,
    )  # fmt: skip


def _judged(night: Night) -> tuple[int, list[Line]]:
    """Return how many events are settled, and a line for each date before the night's that has some that are not."""
    since = night.event_date - timedelta(days=night.settings.settlement_days)
    labels = labels_between(night.snapshot(), since, night.event_date)
    known = set(labels.select("city", "event_date").iter_rows())
    missing: dict[str, list[str]] = {}
    settled = 0
    for city, days in night.days_with(MARKETS.name, since=since).items():
        for day in (day for day in days if day <= night.event_date):
            settled += (city, day) in known
            if (city, day) not in known and day < night.event_date:
                missing.setdefault(str(day), []).append(city)
    return settled, [
        Line(
            kind=Kind.UNSETTLED, words=f"{day} is not settled yet in {', '.join(cities)}",
            hint=f"kwx ingest settlements --since {day} --until {day}",
        )
        for day, cities in sorted(missing.items())
    ]  # fmt: skip


STEP = Step(
    name="settlements",
    meaning="brings final reports and corrections, and tells which labels are missing or moved",
    reads=("markets", "settlements"),
    writes=("settlements",),
    lays_anew=("markets", "candles_dense", "obs_1m", "obs_5m"),
    due=_due,
    do=_do,
    beside=lambda night: f"{night.source.told} {night.night_utc.isoformat()}",
)
