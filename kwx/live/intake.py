"""Take in: what feeds brought is merged into the present; what somebody published in the lake counts from now on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from kwx.live.lateness import Late
from kwx.live.tables import Changed, LiveTables
from pipelines.live.feeds import Feeds, Polled
from warehouse.lake.present import Present
from warehouse.lake.store import Lake


@dataclass(kw_only=True, eq=False)
class Intake:
    """What comes from outside into a look. late: gathers what belonged to minutes that were decided already."""

    feeds: Feeds
    tables: LiveTables
    present: Present

    def __post_init__(self) -> None:
        self.late = Late(self.present)

    def follow_the_lake(self) -> bool:
        """Stand over the newest snapshot, whose fits and weights count from here on; tell whether it is a new one."""
        lake = Lake(self.present.paths.root)
        if lake.current_number() == self.present.number:
            return False
        self.present.rebase(lake.snapshot())
        return True

    def take(self, at_utc: datetime, *, decided_utc: datetime) -> tuple[Polled, Changed]:
        """Take what came, and tell which tables it changed."""
        polled = self.feeds.poll(at_utc)
        changed = self.tables.add(polled.arrivals, hear=lambda news: self.late.hear(news, decided_utc))
        return polled, changed

    def forget(self, before: date) -> None:
        """Forget the rows of dates before one."""
        self.tables.forget(before)
