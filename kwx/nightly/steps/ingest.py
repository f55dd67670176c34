"""`ingest`: markets, minutes, trades, reports and forecasts of the night's dates, from whom the lake is filled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from kwx.nightly.journal import Journal
from kwx.nightly.night import Night
from kwx.nightly.source import SourceKind
from kwx.nightly.step import Done, Due, Kind, Line, Step, due, not_due, rows_of
from pipelines.ingest.questions import Wish
from pipelines.ingest.run import OPTIONAL_VENDORS, TABLES_OF, Ingested, fetch_and_fold, replay_folder
from pipelines.ingest.shards import Days
from pipelines.publishing import OnProgress
from warehouse.lake.tables import OBS

KINDS = ("markets", "candles", "trades", "obs", "forecasts")
_FAILURES_TOLD = 5
_DAY = timedelta(days=1)


def _due(night: Night) -> Due:
    if night.source.kind is SourceKind.NOBODY:
        return not_due(f"{night.source.told} asks nobody")
    wish = _wish(night)
    return due(f"asks {night.source.told} for {wish.since} … {wish.until}, and only for what is not at hand for good")


def _wish(night: Night) -> Wish:
    since = _first_unheard(night) - timedelta(days=night.settings.late_days)
    return Wish.of(kinds=KINDS, cities=night.cities, since=since, until=night.until)


def _first_unheard(night: Night) -> date:
    """Return the first event date of which no night has heard all yet, the night's own at the latest.

    Where no night was before, that is the one behind the last of which the lake holds reports of every city.
    """
    heard = next((day for day in _nights_before(night) if _has_heard(night, day)), None) or _reported_until(night)
    return night.event_date if heard is None else min(heard + _DAY, night.event_date)


def _nights_before(night: Night) -> Iterator[date]:
    """Yield the earlier nights, the last one first."""
    yield from (day for day in reversed(night.paths.nights()) if day < night.event_date)


def _has_heard(night: Night, day: date) -> bool:
    ended = Journal(night.paths.journal(day)).ended.get(STEP.name)
    return ended is not None and ended.stands


def _reported_until(night: Night) -> date | None:
    if not night.has_snapshot:
        return None
    places = night.snapshot().partitions(OBS.name)
    days = {place.city: place.event_date for place in places if place.event_date is not None}  # the last one of each
    return min((days[city] for city in night.cities), default=None) if set(night.cities) <= set(days) else None


def _missed(night: Night) -> list[Line]:
    """Return a line where nights before this one did not run, or did not hear all."""
    first = _first_unheard(night)
    if first >= night.event_date:
        return []
    words = f"no night has heard all of {first} … {night.event_date - _DAY} before: these dates were asked for tonight"
    return [Line(kind=Kind.LATE_DATA, words=words, hint="systemctl list-timers kwx-nightly.timer says when nights run")]


def _do(night: Night, on_progress: OnProgress) -> Done:
    missed = _missed(night)
    told = told_of(_asked(night, on_progress))
    return replace(told, lines=(*missed, *told.lines))


def _asked(night: Night, on_progress: OnProgress) -> Ingested:
    if night.source.folder is not None:
        return _replayed(night, on_progress)
    assert night.source.entry is not None, "a night that asks somebody knows how to reach them"
    return fetch_and_fold(
        _wish(night), night.lake.paths.root, entry=night.source.entry, workers=night.workers, clock=night.clock,
        on_progress=on_progress,
    )  # fmt: skip


def _replayed(night: Night, on_progress: OnProgress) -> Ingested:
    assert night.source.folder is not None
    usual = night.event_date - timedelta(days=night.settings.settlement_days)
    since = min(usual, _wish(night).since)
    return replay_folder(
        night.source.folder, night.lake.paths.root, kinds=tuple(TABLES_OF),
        days=Days(cities=night.cities, since=since, until=night.until), workers=night.workers, clock=night.clock,
        on_progress=on_progress,
    )  # fmt: skip


def told_of(ingested: Ingested) -> Done:
    """Return what an ingest told: vendors that were given up make it one that has done only a part."""
    fetched, folded = ingested.fetched, ingested.folded
    at_hand = len(fetched.answers) - fetched.asked
    asked = f"{fetched.asked:,} calls answered, {at_hand:,} at hand from before, {len(fetched.failed):,} failed"
    lines = [
        Line(kind=Kind.SOURCE_DOWN, words=f"{name} was down: {error}", hint=error.hint)
        for name, error in fetched.stopped.items()
    ]
    alone = [(call, error) for call, error in fetched.failed if call.vendor not in fetched.stopped]
    lines += [
        Line(kind=Kind.SOURCE_DOWN, words=f"not answered: {error}", hint=error.hint)
        for _, error in alone[:_FAILURES_TOLD]
    ]
    lines += _refused(ingested)
    down = sorted(ingested.stopped) or sorted({call.vendor for call, _ in alone if call.vendor not in OPTIONAL_VENDORS})
    return Done(
        rows=rows_of(folded.built if folded else None), notes=(asked, *ingested.notes), lines=lines,
        figures={"asked": fetched.asked, "at_hand": at_hand, "failed": len(fetched.failed)},
        short="" if ingested.is_whole else f"{', '.join(down)} did not answer all; what was answered is in the lake",
        hint="" if ingested.is_whole else "the next night asks again, and so does kwx ingest all",
    )  # fmt: skip


def _refused(ingested: Ingested) -> list[Line]:
    refused = ingested.folded.refused if ingested.folded else ()
    return [
        Line(
            kind=Kind.REFUSED_ROWS, words=f"{one.rows:,} rows of {one.table} went to quarantine: {one.rule}",
            hint="kwx lake status shows what lies there",
        )
        for one in refused
    ]  # fmt: skip


STEP = Step(
    name="ingest",
    meaning="asks the vendors and folds in what they say",
    reads=(),
    writes=("markets", "fee_changes", "candles_1m", "trades", "books", "obs", "forecasts", "settlements",
            "candles_dense", "obs_1m", "obs_5m"),
    due=_due,
    do=_do,
    # Who is asked may answer otherwise another time: it is held only where the same night goes on.
    beside=lambda night: f"{night.source.told} {night.night_utc.isoformat()}",
)  # fmt: skip
