"""One tick after the other: take in what came, decide the minutes that are due, do it, and say what was done.

    take in   what the feeds brought is merged into the present
    account   where there is an exchange, its account is held against our journal; a mismatch halts at once
    think     features, weather, fusion, models and columns of the minute, by the functions of training and backtest
    decide    the step, with the quotes that stand
    write     the journal, on the disk before anything is done
    send      orders, where there is an exchange
    sink      signals to the database, or to its spool
    prepare   where no minute is due: what the next one can have made beforehand
    settle    event dates that are over and have an official value are paid

Whatever is late, stale or broken leads to no new risk, never to a guess: cities whose prices or weather are too old are
decided as not fresh, minutes that were missed without an opinion and as if nothing had traded.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from kwx.config.live import LiveFields
from kwx.exec.engine import one_step
from kwx.exec.marks import worth_micros
from kwx.exec.state import Actions, State
from kwx.exec.step import empty_state
from kwx.exec.venue.told import Outcome, VenueFill
from kwx.live.between import Between, looked_between
from kwx.live.brain import Brain, Decided, Thought
from kwx.live.brain.laying import unsized_of
from kwx.live.days import KEPT_DAYS, Away, Day, charged_fees, closes_utc, in_their_places
from kwx.live.due import MINUTE, Due, due_minutes
from kwx.live.journal.journal import Journal
from kwx.live.journal.record import CLOCK, LISTING, LIVE, PRICES, Causes, MinuteRecord
from kwx.live.lateness import Late
from kwx.live.origins import Origins
from kwx.live.resumed import day_of
from kwx.live.room import unlisted
from kwx.live.settling import only_new, settlement_of
from kwx.live.shadow.venue_rows import reported_frame
from kwx.live.signals import Signals
from kwx.live.sink.sink import Sink, Written
from kwx.live.staleness import Stale, is_off, not_fresh, off_the_clock, stale_cities
from kwx.live.strays import late_fills, paid_late
from kwx.live.tables import Changed, LiveTables
from kwx.live.traders import Reported, Trader
from pipelines.live.feeds import Feeds, Polled
from warehouse.clock import Clock
from warehouse.errors import KwxError
from warehouse.lake.present import Present
from warehouse.lake.store import Lake
from warehouse.lake.tables import MARKETS, SETTLEMENTS

logger = logging.getLogger(__name__)

STAGES = ("take_in", "account", "think", "decide", "write", "send", "sink", "prepare", "settle")
WAITED_FOR = ("account", "send")
"""Stages that wait for somebody else."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What one tick did: which minutes it decided and for whom nothing new was risked, and how long it took.

    stopped: why nothing may be traded now; empty while it may be. written: None where there is no database. settled:
    dates of which all cities are paid now. left_out: events that were open and not traded in the last minute that was
    decided, in this look or before, each with the reason.
    ahead_s: by how much our clock is ahead of the exchange's at least, None where nobody knows; clock_off: whether that
    is too far, or not known where orders go out.
    """

    at_utc: datetime
    minutes: tuple[datetime, ...] = ()
    spoke: bool = False
    stale: Stale = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    heard_utc: Mapping[str, datetime | None] = field(default_factory=dict)
    priced_until: Mapping[str, datetime] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    actions: Mapping[date, Actions] = field(default_factory=dict)
    outcomes: tuple[Outcome, ...] = ()
    written: Written | None = None
    settled: tuple[date, ...] = ()
    stopped: str = ""
    left_out: tuple[str, ...] = ()
    ahead_s: float | None = None
    clock_off: bool = False

    @property
    def own_seconds(self) -> float:
        """What the tick took by itself."""
        return sum(seconds for stage, seconds in self.seconds.items() if stage not in WAITED_FOR)


@dataclass(kw_only=True, eq=False)
class Loop:
    """The loop without its beat: `tick` looks once. All that it touches is handed in, so that it can be lived anywhere.

    sink: None is no database. stops: says why nothing may be traded now, as a kill switch does. days, decided_utc: what
    a journal left.
    """

    feeds: Feeds
    tables: LiveTables
    present: Present
    brain: Brain
    trader: Trader
    journal: Journal
    sink: Sink | None
    settings: LiveFields
    origins: Origins
    clock: Clock
    decided_utc: datetime
    stops: Callable[[], str] = str
    days: dict[date, Day] = field(default_factory=dict)
    stopwatch: Callable[[], float] = time.perf_counter

    def __post_init__(self) -> None:
        self._said = Signals(snapshot=self.present)
        self._late = Late(self.present)
        self._looked_at: set[date] = set()
        self._kept_since = date.min
        self._forgotten_micros = 0
        self._unpayable: dict[date, tuple[str, ...]] = {}
        self._not_traded: tuple[str, ...] = ()
        self._asked_out: set[str] = set()
        self._say_again()

    @property
    def worth_micros(self) -> int:
        """What was gained since the start, open positions at their marks, the dates that were forgotten among it."""
        return self._forgotten_micros + sum(_worth(day.state) for day in self.days.values())

    def tick(self) -> Looked:
        """Look once."""
        at_utc, seconds = self.clock(), dict.fromkeys(STAGES, 0.0)
        self._asked_out.clear()
        self._follow_the_lake()
        with self._timed("take_in", seconds):
            polled = self.feeds.poll(at_utc)
            self._late.hear(polled.arrivals, self.decided_utc)
            changed = self.tables.add(polled.arrivals)
        with self._timed("account", seconds):
            self.trader.look()
            self._book_late_fills()
        told = Looked(
            at_utc=at_utc, failed=polled.failed, heard_utc=polled.heard_utc, priced_until=polled.priced_until,
            seconds=seconds, stopped=self._stopped(), ahead_s=polled.ahead_s,
            clock_off=self._is_off_the_clock(polled),
        )  # fmt: skip
        due = self._due(at_utc, polled)
        if len(due) > 1:
            self.trader.retreat()  # nobody renewed these orders for minutes: nothing of them is wanted any more
        for one in due:
            told = self._lived(one, polled, told, seconds)
        if not due:
            with self._timed("prepare", seconds):
                self.brain.prepare(self.decided_utc + MINUTE)
        with self._timed("settle", seconds):
            settled = self._settle(changed)
        unpayable = tuple(why for day in self._unpayable.values() for why in day)
        return replace(told, settled=settled, left_out=(*self._not_traded, *unpayable))

    def _book_late_fills(self) -> None:
        """Take fills of dates that were paid into their journals and our worth; halt where they do not fit."""
        for event_date, fills in late_fills(self.trader.waiting, self.days).items():
            try:
                self._pay_late(event_date, fills)
            except KwxError as error:
                self.trader.halt(f"{len(fills)} fills of {event_date} do not fit: {error}")

    def _pay_late(self, event_date: date, fills: Sequence[VenueFill]) -> None:
        recorded = self.journal.read(event_date)
        day = self.days.get(event_date) or day_of(recorded)
        assert day is not None  # a journal of which fills were paid has minutes
        worth_before = _worth(day.state)
        paid = paid_late(day, recorded, fills, decided_utc=self.clock())
        self.journal.append(event_date, paid.record)
        self.trader.noted(fills)
        day.state = paid.state
        gain_micros = _worth(day.state) - worth_before
        if event_date not in self.days:
            self.journal.let_go(event_date)
            self._forgotten_micros += gain_micros
        logger.warning("%d fills were told after %s was paid: %+d micros", len(fills), event_date, gain_micros)

    def between(self) -> Between | None:
        """Ask the step again about orders whose books moved since the last time; None where none of them did."""
        return looked_between(
            self.days, moved=self.feeds.moved(), tops=self.feeds.tops, trader=self.trader, journal=self.journal,
            clock=self.clock, asked_out=self._asked_out,
        )  # fmt: skip

    def retreat(self) -> None:
        """Take out whatever rests: nobody knows what this minute would have decided."""
        self.trader.retreat()

    def close(self) -> None:
        """Leave no order behind, and let go of files."""
        self.trader.close()
        self.journal.close()

    # One minute

    def _due(self, at_utc: datetime, polled: Polled) -> list[Due]:
        return due_minutes(
            at_utc, decided_utc=self.decided_utc, priced_until=_whole_until(polled),
            settle_s=self.settings.settle_seconds, grace_s=self.settings.grace_seconds,
        )  # fmt: skip

    def _lived(self, due: Due, polled: Polled, told: Looked, seconds: dict[str, float]) -> Looked:
        """Decide one minute and do what was decided; a date that has the minute already is left as it is."""
        minute_utc, stale, stopped = due.minute_utc, self._stale(due, polled), self._stopped()
        is_young = self.clock() - minute_utc < MINUTE + timedelta(seconds=self.settings.grace_seconds)
        is_missed = not (due.speak and is_young)
        with self._timed("think", seconds):
            thought, away = self._thought(minute_utc, stale, is_missed=is_missed, clock_off=told.clock_off)
        self._not_traded = (*thought.left_out, *(why for cities in away.values() for why in cities.values()))
        running = {day: self.days[day].running for day in thought.dates}
        found = self.trader.before(running, {day: self.days[day].state for day in thought.dates})
        with self._timed("decide", seconds):
            speaks = not (is_missed or stopped)
            books_utc, tops = self.clock(), self.feeds.tops()
            decided = self.brain.decide(thought, found.states, tops, speak=speaks)
        with self._timed("write", seconds):
            causes = Causes(
                decided_utc=self.clock(), books_utc=books_utc, missed=is_missed, late=self._late.tell(),
                stale=_with_source(stale, self.origins.cities if told.clock_off else (), CLOCK),
                told=(stopped,) if stopped else (),
            )  # fmt: skip
            for day in thought.dates:
                unsized = unsized_of(decided.minutes[day], thought.tickers[day], tops)
                own = replace(_with_away(causes, away.get(day, {})), unsized=unsized)
                self._note(day, thought, decided, own, seconds, found=found)
        self.decided_utc = minute_utc
        outcomes: Sequence[Outcome] = ()
        try:
            if not is_missed:
                with self._timed("send", seconds):
                    outcomes = self.trader.after(running, decided.states, decided.actions, minute_utc)
        finally:
            with self._timed("sink", seconds):
                written = None if is_missed else self._signal(minute_utc, decided.signals, thought.features)
        return replace(
            told, minutes=(*told.minutes, minute_utc), spoke=told.spoke or speaks, stale=stale,
            actions=decided.actions, outcomes=(*told.outcomes, *outcomes), written=written, stopped=stopped,
        )  # fmt: skip

    def _is_off_the_clock(self, polled: Polled) -> bool:
        """Tell whether minutes are none of the exchange's; where orders go out, it must be known that they are."""
        return is_off(
            polled.ahead_s, self.settings.most_skew_seconds, must_be_known=self.origins.kind == LIVE
        )  # fmt: skip

    def _stopped(self) -> str:
        return self.trader.halted or self.stops()

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
        thought, away = in_their_places(look(minute_utc), self.days, self.present, self.origins.cities)
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
        day, minute, tickers = self.days.get(event_date), thought.minutes[event_date], thought.tickers[event_date]
        fee_nums = charged_fees(minute, None if day is None else day.fee_nums)
        if day is not None and day.is_made_of(tickers, fee_nums):
            return
        origin = self.origins.of(
            self.present, event_date, tickers, thought.minute_utc, before=None if day is None else day.origin
        )  # fmt: skip
        self.journal.begin(origin)
        if day is None:
            day = self.days[event_date] = Day(
                origin=origin, run_id=origin.run_id, state=empty_state(*tickers.shape)
            )  # fmt: skip
        day.origin, day.fee_nums = origin, fee_nums

    def _bridge(self, event_date: date, minute_utc: datetime) -> None:
        """Step the minutes between the last of a date and this one: it had closed, and is listed again."""
        day = self.days[event_date]
        while day.last_utc is not None and day.minute is not None and day.last_utc < minute_utc - MINUTE:
            minute, between_utc = unlisted(day.minute), day.last_utc + MINUTE
            state, actions = one_step(day.origin.rules, day.origin.params, day.state, minute)
            causes = Causes(decided_utc=self.clock(), missed=True, told=("nothing was listed",))
            self.journal.append(
                event_date, MinuteRecord(minute_utc=between_utc, minute=minute, actions=actions, causes=causes)
            )
            day.state, day.last_utc, day.minute = state, between_utc, minute

    def _note(
        self, event_date: date, thought: Thought, decided: Decided, causes: Causes, seconds: Mapping[str, float], *,
        found: Reported,
    ) -> None:  # fmt: skip
        """Write what a date was decided on and what was decided, before anything is done about it."""
        day = self.days[event_date]
        ours = pl.col("market_ticker").is_in([str(name) for name in day.origin.tickers.ravel() if name])
        self.journal.append(
            event_date,
            MinuteRecord(
                minute_utc=thought.minute_utc, minute=decided.minutes[event_date],
                actions=decided.actions[event_date], causes=causes, signals=decided.signals.filter(ours),
                features=thought.features.filter(ours), stages=dict(seconds),
                before=None if found.states[event_date] is day.state else found.states[event_date],
                reported=reported_frame(found.fills.get(event_date, ())),
            ),
        )  # fmt: skip
        day.state, day.last_utc = decided.states[event_date], thought.minute_utc
        day.minute = decided.minutes[event_date]
        self.trader.noted(found.fills.get(event_date, ()))

    def _signal(self, minute_utc: datetime, said: pl.DataFrame, features: pl.DataFrame) -> Written | None:
        return None if self.sink is None else self.sink.write(self._said.of(minute_utc, said, features))

    def _say_again(self) -> None:
        """Write the signals of a journal's last minutes once more: a kill may have come before they were written."""
        for event_date in self.days:
            record = self.journal.last(event_date)
            if record is not None and not record.is_settlement and len(record.signals):
                self._signal(record.minute_utc, record.signals, record.features)

    # Settlements, and the lake

    def _settle(self, changed: Changed) -> tuple[date, ...]:
        """Pay what became known of dates that are over; return the dates that are wholly paid by it.

        A date is looked at once when it is over, and again whenever a listing or a report says something new.
        """
        if changed.of(SETTLEMENTS) or changed.of(MARKETS):
            self._looked_at.clear()
        settled: list[date] = []
        for event_date, day in list(self.days.items()):
            if day.is_paid or event_date in self._looked_at or not self._is_over(event_date):
                continue
            self._looked_at.add(event_date)
            if self._pay(event_date, day) and day.is_paid:
                settled.append(event_date)
        self._forget()
        return tuple(settled)

    def _is_over(self, event_date: date) -> bool:
        """Tell whether the last minute of a date's last market was decided."""
        ends_utc = closes_utc(self.present, event_date)
        return ends_utc is not None and self.decided_utc >= ends_utc

    def _pay(self, event_date: date, day: Day) -> bool:
        """Pay the cities of a date that have an official value and were not paid; tell whether there were any."""
        found = settlement_of(
            self.present, cities=self.origins.cities, event_date=event_date, tickers=day.origin.tickers,
            recipe=self.origins.recipe,
        )  # fmt: skip
        self._say_unpayable(event_date, found.unpayable)
        minute = None if found.minute is None else only_new(found.minute, tuple(day.paid), self.origins.cities)
        if minute is None:
            return False
        told = self.trader.before({event_date: day.running}, {event_date: day.state})
        before, fills = told.states[event_date], told.fills.get(event_date, ())
        state, actions = one_step(day.origin.rules, day.origin.params, before, minute)
        record = MinuteRecord(
            minute_utc=self.decided_utc, minute=minute, actions=actions, causes=Causes(decided_utc=self.clock()),
            before=None if before is day.state else before, reported=reported_frame(fills),
        )  # fmt: skip
        self.journal.append(event_date, record)
        self.trader.noted(fills)
        day.state = state
        day.pay(minute)
        return True

    def _say_unpayable(self, event_date: date, unpayable: Mapping[str, str]) -> None:
        self._unpayable = {**self._unpayable, event_date: tuple(unpayable.values())}

    def _forget(self) -> None:
        """Forget dates that are paid and long over; one that nobody has paid stays until somebody does."""
        newest = max(self.days, default=None)
        for event_date in [one for one in self.days if newest and one < newest - timedelta(days=KEPT_DAYS)]:
            if self.days[event_date].is_paid:
                self._forgotten_micros += _worth(self.days.pop(event_date).state)
                self.journal.let_go(event_date)
        oldest = date.min if newest is None else min(*self.days, newest - timedelta(days=KEPT_DAYS))
        if oldest > self._kept_since:
            self._kept_since = oldest
            self.tables.forget(oldest)

    def _follow_the_lake(self) -> None:
        """Stand over the newest snapshot: a fit, a weight or a calibrator that was published counts from here on."""
        lake = Lake(self.present.paths.root)
        if lake.current_number() != self.present.number:
            self.present.rebase(lake.snapshot())
            self._said = Signals(snapshot=self.present)

    @contextmanager
    def _timed(self, stage: str, seconds: dict[str, float]) -> Iterator[None]:
        began_s = self.stopwatch()
        try:
            yield
        finally:
            seconds[stage] += self.stopwatch() - began_s


def _worth(state: State) -> int:
    return int(state.cash_micros.sum()) + int(np.asarray(worth_micros(state)).sum())


def _whole_until(polled: Polled) -> dict[str, datetime]:
    """Return through which minute both prices and trades of each city are in."""
    return {city: min(until, polled.taped_until.get(city, until)) for city, until in polled.priced_until.items()}


def _with_source(stale: Stale, cities: Iterable[str], source: str) -> Stale:
    """Return what is too old of each city, and of some of them a source more."""
    return {**stale, **{city: (*stale.get(city, ()), source) for city in cities}}


def _with_away(causes: Causes, away: Mapping[str, str]) -> Causes:
    """Return causes that name the cities of a date which are not listed as they were."""
    return replace(
        causes, stale=_with_source(causes.stale, away, LISTING), told=(*causes.told, *away.values())
    )  # fmt: skip
