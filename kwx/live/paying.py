"""Settle: event dates that are over and have an official value are paid, and fills that come after that are booked."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from kwx.exec.engine import one_step
from kwx.exec.venue.told import VenueFill
from kwx.live.days import KEPT_DAYS, Day, closes_utc
from kwx.live.desk import Desk
from kwx.live.intake import Intake
from kwx.live.journal.record import Causes, MinuteRecord
from kwx.live.origins import Origins
from kwx.live.resumed import day_of
from kwx.live.settling import only_new, settlement_of
from kwx.live.shadow.venue_rows import reported_frame
from kwx.live.strays import late_fills, paid_late
from kwx.live.tables import Changed
from warehouse.clock import Clock
from warehouse.errors import KwxError
from warehouse.lake.present import Present
from warehouse.lake.tables import MARKETS, SETTLEMENTS

logger = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False)
class Paying:
    """Pays event dates, and forgets those that are paid and long over."""

    desk: Desk
    intake: Intake
    present: Present
    origins: Origins
    clock: Clock

    def __post_init__(self) -> None:
        self._looked_at: set[date] = set()
        self._kept_since = date.min
        self._unpayable: dict[date, tuple[str, ...]] = {}

    @property
    def unpayable(self) -> tuple[str, ...]:
        """Who cannot be paid, and why."""
        return tuple(why for day in self._unpayable.values() for why in day)

    def book_late_fills(self) -> None:
        """Take fills of dates that were paid into their journals and our worth; halt where they do not fit."""
        for event_date, fills in late_fills(self.desk.trader.waiting, self.desk.days).items():
            try:
                self._pay_late(event_date, fills)
            except KwxError as error:
                self.desk.trader.halt(f"{len(fills)} fills of {event_date} do not fit: {error}")

    def settle(self, changed: Changed) -> tuple[date, ...]:
        """Pay what became known of dates that are over; return the dates that are wholly paid by it.

        A date is looked at once when it is over, and again whenever a listing or a report says something new.
        """
        if changed.of(SETTLEMENTS) or changed.of(MARKETS):
            self._looked_at.clear()
        settled: list[date] = []
        for event_date, day in list(self.desk.days.items()):
            if day.is_paid or event_date in self._looked_at or not self._is_over(event_date):
                continue
            self._looked_at.add(event_date)
            if self._pay(event_date, day) and day.is_paid:
                settled.append(event_date)
        self._forget()
        return tuple(settled)

    def _pay_late(self, event_date: date, fills: Sequence[VenueFill]) -> None:
        desk = self.desk
        with desk.turn:
            recorded = desk.journal.read(event_date)
            day = desk.days.get(event_date) or day_of(recorded)
            assert day is not None  # a journal of which fills were paid has minutes
            worth_before = day.worth_micros
            paid = paid_late(day, recorded, fills, decided_utc=self.clock())
            desk.journal.append(event_date, paid.record)
            desk.trader.noted(fills)
            day.state = paid.state
            gain_micros = day.worth_micros - worth_before
            if event_date not in desk.days:
                desk.journal.let_go(event_date)
                desk.forgotten_micros += gain_micros
        logger.warning("%d fills were told after %s was paid: %+d micros", len(fills), event_date, gain_micros)

    def _is_over(self, event_date: date) -> bool:
        """Tell whether the last minute of a date's last market was decided."""
        ends_utc = closes_utc(self.present, event_date)
        return ends_utc is not None and self.desk.decided_utc >= ends_utc

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
        told = self.desk.trader.before({event_date: day.running}, {event_date: day.state})
        before, fills = told.states[event_date], told.fills.get(event_date, ())
        state, actions = one_step(day.origin.rules, day.origin.params, before, minute)
        record = MinuteRecord(
            minute_utc=self.desk.decided_utc, minute=minute, actions=actions,
            causes=Causes(decided_utc=self.clock()), before=None if before is day.state else before,
            reported=reported_frame(fills),
        )  # fmt: skip
        self.desk.enter(event_date, record, state, fills=fills)
        day.pay(minute)
        return True

    def _say_unpayable(self, event_date: date, unpayable: Mapping[str, str]) -> None:
        self._unpayable = {**self._unpayable, event_date: tuple(unpayable.values())}

    def _forget(self) -> None:
        """Forget dates that are paid and long over; one that nobody has paid stays until somebody does."""
        days = self.desk.days
        newest = max(days, default=None)
        for event_date in [one for one in days if newest and one < newest - timedelta(days=KEPT_DAYS)]:
            if days[event_date].is_paid:
                self.desk.forget(event_date)
        oldest = date.min if newest is None else min(*days, newest - timedelta(days=KEPT_DAYS))
        if oldest > self._kept_since:
            self._kept_since = oldest
            self.intake.forget(oldest)
