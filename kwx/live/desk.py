"""The desk: the event dates that run, their journal, and who fills; what looks and books that move share, by turns.

Looks alone change what is here. What is decided between two minutes reads it, and has its own say in the journal.
Whoever writes or reads more than one thing of it holds the turn, and nobody who waits for an exchange does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from kwx.exec.state import State
from kwx.exec.venue.told import VenueFill
from kwx.exec.venue.turn import Turn
from kwx.live.days import Day
from kwx.live.journal.journal import Journal
from kwx.live.journal.record import MinuteRecord
from kwx.live.trader import Trader


@dataclass(kw_only=True, eq=False)
class Desk:
    """What a loop has in mind.

    decided_utc: the minute up to which all was decided. stops: says why nothing may be traded now, as a kill switch
    does. asked_out: the markets of which it was asked, since the last look or minute, that no order rest there.
    forgotten_micros: what was gained by dates that are in mind no longer.
    """

    journal: Journal
    trader: Trader
    decided_utc: datetime
    days: dict[date, Day] = field(default_factory=dict)
    stops: Callable[[], str] = str
    asked_out: set[str] = field(default_factory=set)
    forgotten_micros: int = 0

    @property
    def turn(self) -> Turn:
        """Whose turn it is with all of this."""
        return self.trader.turn

    @property
    def stopped(self) -> str:
        """Why nothing may be traded now, empty while it may be."""
        return self.trader.halted or self.stops()

    @property
    def worth_micros(self) -> int:
        """What was gained since the start, open positions at their marks, the dates that were forgotten among it."""
        return self.forgotten_micros + sum(day.worth_micros for day in self.days.values())

    def enter(
        self, event_date: date, record: MinuteRecord, state: State, *, fills: Sequence[VenueFill] = ()
    ) -> None:  # fmt: skip
        """Write down what was decided of a date, and have it in mind from then on: the journal comes first."""
        self.journal.append(event_date, record)
        self.know(event_date, record, state, fills=fills)

    def know(
        self, event_date: date, record: MinuteRecord, state: State, *, fills: Sequence[VenueFill] = ()
    ) -> None:  # fmt: skip
        """Have in mind what was written down; nobody waits for a disk in their turn."""
        with self.turn:
            self.days[event_date].follow(record, state)
            self.trader.noted(fills)

    def forget(self, event_date: date) -> None:
        """Keep of a date what was gained by it."""
        with self.turn:
            self.forgotten_micros += self.days.pop(event_date).worth_micros
            self.journal.let_go(event_date)

    def states(self, event_dates: Sequence[date]) -> Mapping[date, State]:
        """Return the states of some dates."""
        return {event_date: self.days[event_date].state for event_date in event_dates}
