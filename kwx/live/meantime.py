"""In the meantime: books that move are asked about at once, whatever a look does or waits for just then.

`ask` decides, which takes milliseconds; `take_out` writes that down and waits, for the disk and for the exchange. Both
may come from threads of their own. While a minute is being sent, what it wants counts as what rests: what is not wanted
any more is called off before it is sent. Books that moved after a minute looked at them are asked about again once it
is decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from kwx.exec.venue.told import Outcome
from kwx.live.between import WHY, Again, asked_again, record_of
from kwx.live.days import Day
from kwx.live.desk import Desk
from kwx.live.journal.record import MinuteRecord
from pipelines.live.arrivals import Moved, Top
from pipelines.live.feeds import Feeds
from warehouse.clock import Clock


@dataclass(frozen=True, kw_only=True)
class Between:
    """What came of books that moved under orders of ours, and what became of the orders that were taken out.

    received_utc: of the first of these books, or when a minute was decided that had not seen it. looked_utc: when
    somebody came to it. records: what the journal is to keep of it.
    """

    received_utc: datetime
    looked_utc: datetime
    decided_utc: datetime
    not_kept: tuple[str, ...] = ()
    records: Mapping[date, MinuteRecord] = field(default_factory=dict, repr=False)
    outcomes: tuple[Outcome, ...] = ()

    @property
    def waited_s(self) -> float:
        """How long the first of these books was kept waiting."""
        return (self.looked_utc - self.received_utc).total_seconds()

    @property
    def took_s(self) -> float:
        """How long it took from the receipt of the first of these books to the decision."""
        return (self.decided_utc - self.received_utc).total_seconds()


@dataclass(kw_only=True, eq=False)
class Meantime:
    """What is decided between two minutes; of its two halves each has one caller at a time."""

    desk: Desk
    feeds: Feeds
    clock: Clock

    def __post_init__(self) -> None:
        self._leaving: set[str] = set()
        self._since_books: set[str] = set()
        self._again = Moved()

    def look_at_books(self) -> tuple[datetime, Mapping[str, Top]]:
        """Return until when books are known and what they show: what moves from now on no minute of now sees."""
        with self.desk.turn:
            self._since_books.clear()
        return self.feeds.shown(self.clock())

    def ask_again(self) -> None:
        """Have the minute that was decided just now asked about books that moved after it looked at them."""
        with self.desk.turn:
            self._again = Moved(self._again.market_tickers | self._since_books, self.clock())
            self._since_books.clear()
            self.desk.asked_out.clear()
        self.feeds.stir()

    def forget_what_was_asked(self) -> None:
        """Ask anew of orders that could not be taken out."""
        with self.desk.turn:
            self.desk.asked_out.clear()

    def ask(self) -> Between | None:
        """Ask the step again about orders whose books moved.

        None where no book moved under an order of ours. What could not be taken out is asked of again after the next
        look.
        """
        moved = self.feeds.moved()
        with self.desk.turn:
            self._since_books |= moved.market_tickers
            again, self._again = self._again, Moved()
            market_tickers = (moved.market_tickers | again.market_tickers) & self._at_stake()
            received_utc = moved.received_utc or again.received_utc
            if received_utc is None or not market_tickers:
                return None
            return self._asked(market_tickers, received_utc)

    def take_out(self, asked: Between) -> Between:
        """Write down what the step would not keep, take it out, and say what became of it."""
        if not asked.not_kept:
            return asked
        try:
            for event_date, record in asked.records.items():
                self.desk.journal.append_between(event_date, record)
            outcomes = self.desk.trader.withdraw(asked.not_kept, WHY)
        finally:
            with self.desk.turn:
                self._leaving -= set(asked.not_kept)
        return replace(asked, outcomes=tuple(outcomes))

    def _at_stake(self) -> Set[str]:
        """Return the markets in which an order of ours rests, or is about to, that is not being taken out already."""
        desk = self.desk
        running = {day: one.running for day, one in desk.days.items() if one.minute is not None}
        return desk.trader.at_stake(running, desk.states(list(running))) - desk.asked_out - self._leaving

    def _asked(self, market_tickers: Set[str], received_utc: datetime) -> Between:
        looked_utc = self.clock()
        days = {day: one for day, one in self.desk.days.items() if market_tickers & one.market_tickers}
        answers = self._answers(days, market_tickers)
        decided_utc = self.clock()
        not_kept = tuple(name for again in answers.values() for name in again.not_kept)
        self.desk.asked_out.update(not_kept)
        self._leaving.update(not_kept)
        return Between(
            received_utc=received_utc, looked_utc=looked_utc, decided_utc=decided_utc, not_kept=not_kept,
            records=dict(self._records(answers, decided_utc)),
        )  # fmt: skip

    def _answers(self, days: Mapping[date, Day], market_tickers: Set[str]) -> dict[date, Again]:
        found = self.desk.trader.before(
            {day: one.running for day, one in days.items()}, {day: one.state for day, one in days.items()}
        )  # fmt: skip
        tops = self.feeds.tops()
        return {
            day: asked_again(
                one.origin.rules, one.origin.params, found.states[day], one.minute, tickers=one.origin.tickers,
                tops=tops, moved=market_tickers,
            )
            for day, one in days.items()
            if one.minute is not None
        }  # fmt: skip

    def _records(self, answers: Mapping[date, Again], decided_utc: datetime) -> Iterator[tuple[date, MinuteRecord]]:
        for event_date, again in answers.items():
            minute_utc = self.desk.days[event_date].last_utc
            if again.not_kept and minute_utc is not None:
                yield event_date, record_of(minute_utc, again, decided_utc)
