"""`shadow`: lived dates are replayed, held against what was decided then, and kept in the lake as runs."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from kwx.exec.venue.book_of_orders import Book
from kwx.exec.venue.journal import entries_of
from kwx.exec.venue.own_order import OwnOrder
from kwx.live.exchange import orders_journal
from kwx.live.journal.journal import Journal, journal_folder
from kwx.live.shadow.publish import publish_shadow
from kwx.nightly.night import Night
from kwx.nightly.step import Done, Due, Kind, Line, Step, due, not_due, require_lack, rows_of
from kwx.parity.parity import Parity, parity_of
from pipelines.publishing import OnProgress
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import RUNS


def _dates(night: Night) -> list[date]:
    """Return the lived dates to be told: the night's, those that are owed, and those that are not kept as a run."""
    lived = Journal(journal_folder(night.lake)).event_dates()
    since = night.event_date - timedelta(days=night.settings.settlement_days)
    near = [day for day in lived if since <= day <= night.event_date]
    owed = night.owed(STEP)
    if not owed.is_all:
        return near
    again = {place.event_date for place in owed.days} | (set(near) - _kept(night))
    return [day for day in near if day == night.event_date or day in again]


def _kept(night: Night) -> set[date]:
    """Return the dates of the runs that were lived."""
    lived = night.snapshot().scan(RUNS).filter(pl.col("kind").is_in(["shadow", "live"]))
    return set(lived.select("since_date").collect()["since_date"])


def _due(night: Night) -> Due:
    dates = _dates(night)
    if not dates:
        return not_due(
            f"no date was lived up to {night.event_date}, or nothing new is known of it: kwx shadow lives one"
        )
    return due(f"{len(dates)} lived dates are replayed and kept, {dates[0]} the first")


def _do(night: Night, on_progress: OnProgress) -> Done:
    journal, rows = Journal(journal_folder(night.lake)), dict[str, int]()
    notes, lines, unexplained = list[str](), list[Line](), 0
    dates, orders, lake = _dates(night), _orders(night), _as_it_began(night)
    for place, day in enumerate(dates, start=1):
        found = _parity(lake, journal, day, notes)
        beside = {} if found is None else {"parity": found.plain()}
        (built,) = publish_shadow(night.lake, journal, [day], orders=orders, beside={day: beside}, clock=night.clock)
        for table, count in rows_of(built).items():
            rows[table] = rows.get(table, 0) + count
        if found is not None:
            lines += _lines(found)
            unexplained += found.unexplained
            notes.append(f"{day}: {found.equal:,} of {found.decisions:,} decisions as replayed from the lake")
        on_progress(place, len(dates), f"replaying {day}")
    return Done(
        rows=rows, notes=notes, lines=lines, figures={"dates": len(dates), "unexplained": unexplained},
        short=f"{unexplained:,} decisions differ from their replay, unexplained" if unexplained else "",
        hint="kwx shadow parity --json lists every one with the fields that differ" if unexplained else "",
    )  # fmt: skip


def _orders(night: Night) -> list[OwnOrder]:
    path = orders_journal(night.lake)
    return list(Book(entries_of(path)).orders.values()) if path.exists() else []


def _as_it_began(night: Night) -> Snapshot:
    """Return the lake as the step found it: where it was cut off and goes on, it replays from the same."""
    started = night.journal.started.get(STEP.name)
    if started is None or started.snapshot not in night.lake.snapshot_numbers():
        return night.snapshot()
    return night.lake.snapshot(started.snapshot)


def _parity(lake: Snapshot, journal: Journal, day: date, notes: list[str]) -> Parity | None:
    """Replay a date; None where the lake cannot tell of it yet."""
    try:
        return parity_of(journal.read(day), lake)
    except Refused as refusal:
        require_lack(refusal)
        notes.append(f"{day} was not replayed: {refusal}")
        return None


def _lines(found: Parity) -> list[Line]:
    if not found.unexplained:
        return []
    return [
        Line(
            kind=Kind.PARITY,
            words=f"{found.event_date}: {found.unexplained:,} of {found.decisions:,} decisions differ unexplained",
            hint=f"kwx shadow parity --date {found.event_date}",
        )
    ]


def _journals(night: Night) -> str:
    """Return which lived dates have a journal, and how long each is."""
    journal = Journal(journal_folder(night.lake))
    return " ".join(f"{day} {journal.path(day).stat().st_size}" for day in journal.event_dates())


STEP = Step(
    name="shadow",
    meaning="replays lived dates and keeps them as runs",
    reads=("settlements", "markets", "candles_dense", "trades", "books", "pmf_minute", "predictions", "fusion_params"),
    writes=("runs", "signals", "decisions", "orders", "fills", "equity"),
    due=_due,
    do=_do,
    beside=_journals,
)
