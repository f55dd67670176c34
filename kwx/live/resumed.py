"""Where a loop goes on after a restart: the event dates of its journal that are not paid, each in the state it left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from kwx.exec.minute import NOT_SETTLED
from kwx.live.days import KEPT_DAYS, Day, cities_of
from kwx.live.due import floor_minute
from kwx.live.journal.journal import Journal
from kwx.live.journal.recorded import Recorded
from kwx.live.journal.recovery import recovered
from kwx.live.journal.wire import Kept


@dataclass(frozen=True, kw_only=True, eq=False)
class Resumed:
    """The dates that run, the minute up to which all of them were decided, and the fills that their journals hold."""

    days: dict[date, Day]
    decided_utc: datetime
    noted: set[tuple[str, str]]


def resumed(journal: Journal, now_utc: datetime, *, closes: Callable[[date], datetime | None]) -> Resumed:
    """Return where the loop goes on: after the earliest minute that a date which trades still lacks.

    Where no such date was decided, it is the minute before this one: nothing was missed. closes: when a date's last
    market closes, None where that is not known; such a date trades still.
    """
    days: dict[date, Day] = {}
    noted: set[tuple[str, str]] = set()
    lacking = []
    for event_date in journal.event_dates():
        recorded = journal.read(event_date)
        noted |= {fill for kept in recorded.kept if len(kept.reported) for fill in _fills(kept)}
        is_old = event_date < now_utc.date() - timedelta(days=KEPT_DAYS)
        if (is_old and _is_paid(recorded)) or (day := day_of(recorded)) is None:
            continue
        days[event_date] = day
        ends_utc = closes(event_date)
        if not day.paid and day.last_utc is not None and (ends_utc is None or day.last_utc < ends_utc):
            lacking.append(day.last_utc)
    before_now = floor_minute(now_utc) - timedelta(minutes=1)
    return Resumed(days=days, decided_utc=min(lacking, default=before_now), noted=noted)


def day_of(recorded: Recorded) -> Day | None:
    """Return a date in the state that its journal left, None where it holds no minute."""
    state = recovered(recorded).state
    if state is None or not recorded.of_minutes:
        return None
    return Day(
        origin=recorded.last, run_id=recorded.run_id, state=state, last_utc=recorded.of_minutes[-1].minute_utc,
        minute=recorded.of_minutes[-1].minute, paid=_paid(recorded),
    )  # fmt: skip


def _is_paid(recorded: Recorded) -> bool:
    return set(cities_of(recorded.last)) <= _paid(recorded)


def _fills(kept: Kept) -> Iterator[tuple[str, str]]:
    yield from kept.reported.select("trade_id", "order_id").iter_rows()


def _paid(recorded: Recorded) -> set[str]:
    cities = recorded.last.cities
    return {
        cities[int(place)]
        for kept in recorded.settlements
        for place in (kept.minute.winner[:, 0] != NOT_SETTLED).nonzero()[0]
    }
