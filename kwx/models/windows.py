"""Walk-forward windows: dates to fit on, later dates to judge on, and one date between them that nobody uses.

A market trades from the eve of its day on, and a day settles the morning after it. So what was fitted with the label of
a day serves from the second day after it on: the eve of the first served day comes after that label.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from warehouse.errors import Refused, Unparsable, Usage
from warehouse.market.climate_day import event_dates

PURGED_DAYS = 1
"""How many dates lie between the last that is fitted and the first that is served."""


@dataclass(frozen=True, order=True, kw_only=True)
class Window:
    """One fit: event dates to fit on and to test on, each range with both its ends."""

    test_since: date
    test_until: date
    train_since: date
    train_until: date

    def __post_init__(self) -> None:
        if self.test_since <= self.train_until + timedelta(days=PURGED_DAYS):
            raise Usage(
                f"{self.name} would be tested on {self.test_since}, fitted to {self.train_until}",
                hint=f"leave {PURGED_DAYS} date between them: an event trades on the eve of its day",
            )

    @cached_property
    def name(self) -> str:
        """How the window is known: win_YYYYMMDD_YYYYMMDD, the dates that it is tested on."""
        return f"win_{self.test_since:%Y%m%d}_{self.test_until:%Y%m%d}"

    @property
    def train_dates(self) -> tuple[date, ...]:
        """Every date that is fitted."""
        return tuple(event_dates(self.train_since, self.train_until))

    @property
    def test_dates(self) -> tuple[date, ...]:
        """Every date that is judged."""
        return tuple(event_dates(self.test_since, self.test_until))

    def serves(self, event_date: date) -> bool:
        """Tell whether the fit may speak of a date: never of one that it was fitted on, nor of the next."""
        return event_date > self.train_until + timedelta(days=PURGED_DAYS)


def window_dates(name: str) -> tuple[date, date]:
    """Return the dates that a window's name says."""
    parts = name.split("_")
    try:
        since, until = (datetime.strptime(part, "%Y%m%d").date() for part in parts[1:])
    except ValueError as error:
        raise Unparsable(f"{name!r} names no window", hint="a window is win_YYYYMMDD_YYYYMMDD") from error
    if parts[0] != "win" or until < since:
        raise Unparsable(f"{name!r} names no window", hint="a window is win_YYYYMMDD_YYYYMMDD")
    return since, until


def walk(
    since: date, until: date, *, train_days: int, test_days: int, step_days: int, goes_on: bool = False
) -> Iterator[Window]:
    """Yield the windows of a walk through a range, the oldest first.

    The last one is cut short by the range's end, unless the walk goes on: then it keeps the dates, and so the name,
    that it will have when they have come.
    """
    least = train_days + PURGED_DAYS + 1
    if (until - since).days + 1 < least:
        raise Refused(
            f"{since} … {until} has {(until - since).days + 1} dates; {least} are needed:"
            f" {train_days} to fit, {PURGED_DAYS} between, and one or more to test",
            hint="say a longer range, or fewer --train-days",
        )
    first = since + timedelta(days=train_days + PURGED_DAYS)
    while first <= until:
        train_until, planned = first - timedelta(days=PURGED_DAYS + 1), first + timedelta(days=test_days - 1)
        yield Window(
            train_since=train_until - timedelta(days=train_days - 1), train_until=train_until,
            test_since=first, test_until=planned if goes_on else min(until, planned),
        )  # fmt: skip
        first += timedelta(days=step_days)
