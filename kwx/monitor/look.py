"""What a page is made of: one snapshot, one instant, and the event dates that end with today's."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path

import polars as pl

from kwx.monitor.recent import Recent
from kwx.scoring.stored.labels import labels_of
from warehouse.errors import NoSnapshot
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import MARKETS
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import event_date_at

DAYS = 28
"""So many event dates are judged, today's the last of them: as many as the live loop judges drift by."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a page shall be of.

    event_date: today's, None for the newest that has begun. run: the kept run whose money is told, None for what was
    lived, else the newest backtest. lake_said: what the user said of --lake, for the commands that the page names.
    """

    event_date: date | None = None
    run: str | None = None
    lake_said: Path | None = None

    @property
    def said(self) -> str:
        """How the commands that the page names find the lake."""
        return "" if self.lake_said is None else f" --lake {shlex.quote(str(self.lake_said))}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """One look at a lake.

    moment: when it is taken; nothing known later is shown. event_date: today's. recent: the dates that are judged.
    """

    lake: Lake
    recent: Recent
    moment: datetime
    event_date: date
    wish: Wish

    @property
    def whole(self) -> Snapshot:
        """The snapshot with all of its dates."""
        return self.recent.whole

    @property
    def since(self) -> date:
        """The first date that is judged."""
        return self.recent.since

    @cached_property
    def settled_until(self) -> date:
        """The last date up to which nothing was settled by what was not known yet."""
        labels = labels_of(self.recent).filter(pl.col("label_known_utc") > self.moment)
        days: list[date] = labels["event_date"].sort().to_list()
        return min(days[0] - timedelta(days=1), self.event_date) if days else self.event_date

    @property
    def said(self) -> str:
        """How the commands that the page names find this lake."""
        return self.wish.said

    @contextmanager
    def over(self, since: date, until: date) -> Iterator[Recent]:
        """Look at other dates of the same snapshot."""
        other = Recent(self.whole, since=since, until=until)
        try:
            yield other
        finally:
            other.close()


@contextmanager
def look_at(lake: Lake, wish: Wish, *, moment: datetime) -> Iterator[Look | None]:
    """Look at the current snapshot of a lake; None where nothing was published yet."""
    if lake.current_number() is None and not lake.snapshot_numbers():
        if not lake.paths.root.exists():
            raise NoSnapshot(
                f"there is no lake at {lake.paths.root}: the folder does not exist",
                hint="another one with --lake DIR or KWX_LAKE; or build one with: kwx lake build",
            )
        yield None
        return
    snapshot = lake.snapshot()
    today = wish.event_date or _today(snapshot, moment)
    recent = Recent(snapshot, since=today - timedelta(days=DAYS - 1), until=today)
    try:
        yield Look(lake=lake, recent=recent, moment=moment, event_date=today, wish=wish)
    finally:
        recent.close()


def _today(snapshot: Snapshot, moment: datetime) -> date:
    """Return the newest event date with markets that has begun somewhere; of a lake without any, that of the moment."""
    begun = max(event_date_at(moment, city=city) for city in CITIES.values())
    days = [place.event_date for place in snapshot.partitions(MARKETS.name) if place.event_date is not None]
    return max((day for day in days if day <= begun), default=begun)
