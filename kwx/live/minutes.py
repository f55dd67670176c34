"""One minute that is due: thought of, decided, written down, sent and said.

Whatever is late, stale or broken leads to no new risk, never to a guess: cities whose prices or weather are too old are
decided as not fresh, minutes that were missed without an opinion and as if nothing had traded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from kwx.config.live import LiveFields
from kwx.exec.engine import one_step
from kwx.exec.step import empty_state
from kwx.exec.venue.told import Outcome
from kwx.live.brain import Brain, Decided, Thought
from kwx.live.brain.laying import unsized_of
from kwx.live.days import Away, Day, charged_fees, in_their_places
from kwx.live.desk import Desk
from kwx.live.due import MINUTE, Due
from kwx.live.journal.record import CLOCK, LISTING, LIVE, PRICES, Causes, MinuteRecord
from kwx.live.lateness import Late
from kwx.live.looked import Looked, Stages
from kwx.live.meantime import Meantime
from kwx.live.origins import Origins
from kwx.live.room import unlisted
from kwx.live.shadow.venue_rows import reported_frame
from kwx.live.signals import Signals
from kwx.live.sink.sink import Sink, Written
from kwx.live.staleness import Stale, is_off, not_fresh, off_the_clock, stale_cities
from kwx.live.trader import Reported, Running
from pipelines.live.arrivals import Top
from pipelines.live.feeds import Polled
from warehouse.clock import Clock
from warehouse.lake.present import Present


@dataclass(kw_only=True, eq=False)
class Minutes:
    """Decides minutes, one after the other. not_traded: who was open and left out in the last one, and why."""

    desk: Desk
    brain: Brain
    present: Present
    meantime: Meantime
    late: Late
    sink: Sink | None
    settings: LiveFields
    origins: Origins
    clock: Clock
    not_traded: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        self.say_by_this_snapshot()

    def say_by_this_snapshot(self) -> None:
        """Have signals name what the snapshot holds under which the present is."""
        self._said = Signals(snapshot=self.present)

    def live(self, due: Due, polled: Polled, told: Looked, stages: Stages) -> Looked:
        """Decide one minute and do what was decided; a date that has the minute already is left as it is."""
        stopped, stale, is_missed = self.desk.stopped, self._stale(due, polled), self._is_missed(due)
        with stages.timed("think"):
            thought, away = self._thought(due.minute_utc, stale, is_missed=is_missed, clock_off=told.clock_off)
        self.not_traded = (*thought.left_out, *(why for cities in away.values() for why in cities.values()))
        running = {day: self.desk.days[day].running for day in thought.dates}
        found = self.desk.trader.before(running, self.desk.states(thought.dates))
        with stages.timed("decide"):
            speaks = not (is_missed or stopped)
            books_utc, tops = self.meantime.look_at_books()
            decided = self.brain.decide(thought, found.states, tops, speak=speaks)
        with stages.timed("write"):
            causes = Causes(
                decided_utc=self.clock(), books_utc=books_utc, missed=is_missed, late=self.late.tell(),
                stale=_with_source(stale, self.origins.cities if told.clock_off else (), CLOCK),
                told=(stopped,) if stopped else (),
            )  # fmt: skip
            own = {day: self._own(causes, day, thought, decided, away, tops) for day in thought.dates}
            self._enter(thought, decided, found, own, stages.seconds, is_sent=not is_missed)
        outcomes: Sequence[Outcome] = ()
        try:
            if not is_missed:
                with stages.timed("send"):
                    outcomes = self._sent(running, decided, due.minute_utc)
        finally:
            with stages.timed("sink"):
                written = None if is_missed else self._signal(due.minute_utc, decided.signals, thought.features)
        return replace(
            told, minutes=(*told.minutes, due.minute_utc), spoke=told.spoke or speaks, stale=stale,
            actions=decided.actions, outcomes=(*told.outcomes, *outcomes), written=written, stopped=stopped,
        )  # fmt: skip

    def is_off_the_clock(self, polled: Polled) -> bool:
        """Tell whether minutes are none of the exchange's; where orders go out, it must be known that they are."""
        return is_off(
            polled.ahead_s, self.settings.most_skew_seconds, must_be_known=self.origins.kind == LIVE
        )  # fmt: skip

    def say_again(self) -> None:
        """Write the signals of a journal's last minutes once more: a kill may have come before they were written."""
        for event_date in self.desk.days:
            record = self.desk.journal.last(event_date)
            if record is not None and not record.is_settlement and len(record.signals):
                self._signal(record.minute_utc, record.signals, record.features)

    # Below

    def _is_missed(self, due: Due) -> bool:
        is_young = self.clock() - due.minute_utc < MINUTE + timedelta(seconds=self.settings.grace_seconds)
        return not (due.speak and is_young)

    def _stale(self, due: Due, polled: Polled) -> Stale:
        """Return what is too old, by city; prices that are not in when grace is over are."""
        found = stale_cities(
            due.minute_utc, self.origins.cities, priced_until=polled.priced_until, heard_of=polled.heard_of,
            fields=self.settings.feeds,
        )  # fmt: skip
        return {**dict.fromkeys(due.late, (PRICES,)), **found}

    def _thought(
        self, minute_utc: datetime, stale: Stale, *, is_missed: bool, clock_off: bool
    ) -> tuple[Thought, Away]:  # fmt: skip
        """Return what is to be decided: the dates that lack the minute, begun where they were not yet; who is away."""
        look = self.brain.glance if is_missed else self.brain.think
        thought, away = in_their_places(look(minute_utc), self.desk.days, self.present, self.origins.cities)
        held = {
            day: minute._replace(open=np.zeros_like(minute.open))
            if is_missed
            else not_fresh(minute, self.origins.cities, stale)
            for day, minute in thought.minutes.items()
        }
        if clock_off:
            held = {day: off_the_clock(minute) for day, minute in held.items()}
        thought = replace(thought, minutes=held)
        for day in thought.dates:
            self._begin(day, thought)
            self._bridge(day, minute_utc)
        return thought, away

    def _begin(self, event_date: date, thought: Thought) -> None:
        """Begin a date that opened, and say anew of what minutes are made when its markets or their fees changed."""
        day, tickers = self.desk.days.get(event_date), thought.tickers[event_date]
        fee_nums = charged_fees(thought.minutes[event_date], None if day is None else day.fee_nums)
        if day is not None and day.is_made_of(tickers, fee_nums):
            return
        origin = self.origins.of(
            self.present, event_date, tickers, thought.minute_utc, before=None if day is None else day.origin
        )  # fmt: skip
        with self.desk.turn:
            self.desk.journal.begin(origin)
            if day is None:
                day = self.desk.days[event_date] = Day(
                    origin=origin, run_id=origin.run_id, state=empty_state(*tickers.shape)
                )  # fmt: skip
            day.origin, day.fee_nums = origin, fee_nums

    def _bridge(self, event_date: date, minute_utc: datetime) -> None:
        """Step the minutes between the last of a date and this one: it had closed, and is listed again."""
        day = self.desk.days[event_date]
        while day.last_utc is not None and day.minute is not None and day.last_utc < minute_utc - MINUTE:
            minute = unlisted(day.minute)
            state, actions = one_step(day.origin.rules, day.origin.params, day.state, minute)
            causes = Causes(decided_utc=self.clock(), missed=True, told=("nothing was listed",))
            record = MinuteRecord(
                minute_utc=day.last_utc + MINUTE, minute=minute, actions=actions, causes=causes
            )  # fmt: skip
            self.desk.enter(event_date, record, state)

    def _own(
        self, causes: Causes, event_date: date, thought: Thought, decided: Decided, away: Away, tops: Mapping[str, Top]
    ) -> Causes:  # fmt: skip
        """Return the causes of a minute and those that are one date's own: who is away, and whose sizes nobody knew."""
        unsized = unsized_of(decided.minutes[event_date], thought.tickers[event_date], tops)
        return replace(_with_away(causes, away.get(event_date, {})), unsized=unsized)

    def _enter(
        self, thought: Thought, decided: Decided, found: Reported, causes: Mapping[date, Causes],
        seconds: Mapping[str, float], *, is_sent: bool,
    ) -> None:  # fmt: skip
        """Write all dates down before anything is done about them; whoever comes then has all of it in mind at once.

        Where a disk fails in between, what was written is in mind, and the next look goes on from there.
        """
        desk, written = self.desk, dict[date, MinuteRecord]()
        try:
            for day in thought.dates:
                record = self._record(day, thought, decided, found, causes[day], seconds)
                desk.journal.append(day, record)
                written[day] = record
        finally:
            with desk.turn:
                for day, record in written.items():
                    desk.know(day, record, decided.states[day], fills=found.fills.get(day, ()))
                if len(written) == len(thought.dates):
                    self._decided(thought.minute_utc, is_sent=is_sent)

    def _decided(self, minute_utc: datetime, *, is_sent: bool) -> None:
        self.desk.decided_utc = minute_utc
        if is_sent:
            self.desk.trader.sending()
        self.meantime.ask_again()

    def _record(
        self, event_date: date, thought: Thought, decided: Decided, found: Reported, causes: Causes,
        seconds: Mapping[str, float],
    ) -> MinuteRecord:  # fmt: skip
        """Return what a date was decided on and what was decided."""
        day = self.desk.days[event_date]
        ours = pl.col("market_ticker").is_in(list(day.market_tickers))
        return MinuteRecord(
            minute_utc=thought.minute_utc, minute=decided.minutes[event_date],
            actions=decided.actions[event_date], causes=causes, signals=decided.signals.filter(ours),
            features=thought.features.filter(ours), stages=dict(seconds),
            before=None if found.states[event_date] is day.state else found.states[event_date],
            reported=reported_frame(found.fills.get(event_date, ())),
        )  # fmt: skip

    def _sent(self, running: Mapping[date, Running], decided: Decided, minute_utc: datetime) -> Sequence[Outcome]:
        desk = self.desk
        return desk.trader.after(running, decided.states, decided.actions, minute_utc, unless=desk.asked_out)

    def _signal(self, minute_utc: datetime, said: pl.DataFrame, features: pl.DataFrame) -> Written | None:
        return None if self.sink is None else self.sink.write(self._said.of(minute_utc, said, features))


def _with_source(stale: Stale, cities: Iterable[str], source: str) -> Stale:
    """Return what is too old of each city, and of some of them a source more."""
    return {**stale, **{city: (*stale.get(city, ()), source) for city in cities}}


def _with_away(causes: Causes, away: Mapping[str, str]) -> Causes:
    """Return causes that name the cities of a date which are not listed as they were."""
    return replace(
        causes, stale=_with_source(causes.stale, away, LISTING), told=(*causes.told, *away.values())
    )  # fmt: skip
