"""One tick after the other: take in what came, decide the minutes that are due, do it, and say what was done.

    take in   what the feeds brought is merged into the present                              kwx.live.intake
    account   where there is an exchange, its account is held against our journal; a mismatch halts at once
    think     features, weather, fusion, models and columns of the minute, as in training    kwx.live.minutes
    decide    the step, with the quotes that stand
    write     the journal, on the disk before anything is done
    send      orders, where there is an exchange
    sink      signals to the database, or to its spool
    prepare   where no minute is due: what the next one can have made beforehand
    settle    event dates that are over and have an official value are paid                  kwx.live.paying

What looks have in mind is the desk's (kwx.live.desk). Books that move between two minutes are asked about beside the
looks (kwx.live.meantime), by threads of their own where the loop lives by a clock (kwx.live.beside).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from kwx.config.live import LiveFields
from kwx.live.brain import Brain
from kwx.live.desk import Desk
from kwx.live.due import MINUTE, Due, due_minutes
from kwx.live.intake import Intake
from kwx.live.looked import Looked, Stages
from kwx.live.meantime import Between, Meantime
from kwx.live.minutes import Minutes
from kwx.live.origins import Origins
from kwx.live.paying import Paying
from kwx.live.sink.sink import Sink
from kwx.live.tables import LiveTables
from pipelines.live.feeds import Feeds, Polled
from warehouse.clock import Clock
from warehouse.lake.present import Present

_MILLISECONDS = 1_000


@dataclass(kw_only=True, eq=False)
class Loop:
    """The loop without its beat: `tick` looks once. All that it touches is handed in, so that it can be lived anywhere.

    desk: what a journal left, and who fills. sink: None is no database.
    """

    feeds: Feeds
    tables: LiveTables
    present: Present
    brain: Brain
    desk: Desk
    sink: Sink | None
    settings: LiveFields
    origins: Origins
    clock: Clock
    stopwatch: Callable[[], float] = time.perf_counter

    def __post_init__(self) -> None:
        self.intake = Intake(feeds=self.feeds, tables=self.tables, present=self.present)
        self.meantime = Meantime(desk=self.desk, feeds=self.feeds, clock=self.clock)
        self.minutes = Minutes(
            desk=self.desk, brain=self.brain, present=self.present, meantime=self.meantime, late=self.intake.late,
            sink=self.sink, settings=self.settings, origins=self.origins, clock=self.clock,
        )  # fmt: skip
        self.paying = Paying(
            desk=self.desk, intake=self.intake, present=self.present, origins=self.origins, clock=self.clock
        )
        self.minutes.say_again()

    def tick(self) -> Looked:
        """Look once."""
        at_utc, stages = self.clock(), Stages(self.stopwatch)
        self.meantime.forget_what_was_asked()
        if self.intake.follow_the_lake():
            self.minutes.say_by_this_snapshot()
        with stages.timed("take_in"):
            polled, changed = self.intake.take(at_utc, decided_utc=self.desk.decided_utc)
        with stages.timed("account"):
            self.desk.trader.look()
            self.paying.book_late_fills()
        told = Looked(
            at_utc=at_utc, failed=polled.failed, heard_utc=polled.heard_utc, priced_until=polled.priced_until,
            seconds=stages.seconds, stopped=self.desk.stopped, ahead_s=polled.ahead_s,
            clock_off=self.minutes.is_off_the_clock(polled),
        )  # fmt: skip
        due = self._due(at_utc, polled)
        if len(due) > 1:
            self.retreat()  # nobody renewed these orders for minutes: nothing of them is wanted any more
        for one in due:
            told = self.minutes.live(one, polled, told, stages)
        left_s = self.settings.budgets.prepare_ms / _MILLISECONDS - stages.seconds["take_in"]
        if not due and left_s > 0:
            with stages.timed("prepare"):
                self.brain.prepare(self.desk.decided_utc + MINUTE, within_s=left_s)
        with stages.timed("settle"):
            settled = self.paying.settle(changed)
        return replace(told, settled=settled, left_out=(*self.minutes.not_traded, *self.paying.unpayable))

    def between(self) -> Between | None:
        """Ask the step again about orders whose books moved, and take out what it would not keep.

        None where no book moved under an order of ours.
        """
        asked = self.meantime.ask()
        return None if asked is None else self.meantime.take_out(asked)

    def retreat(self) -> None:
        """Take out whatever rests: nobody knows what this minute would have decided."""
        self.desk.trader.retreat()

    def close(self) -> None:
        """Leave no order behind, and let go of files."""
        self.desk.trader.close()
        self.desk.journal.close()

    def _due(self, at_utc: datetime, polled: Polled) -> list[Due]:
        """Return the minutes that are due; one is in once both its prices and its trades are, of each city."""
        taped = polled.taped_until
        priced = {city: min(until, taped.get(city, until)) for city, until in polled.priced_until.items()}
        return due_minutes(
            at_utc, decided_utc=self.desk.decided_utc, priced_until=priced,
            settle_s=self.settings.settle_seconds, grace_s=self.settings.grace_seconds,
        )  # fmt: skip
