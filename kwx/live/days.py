"""The event dates that run: of what each is made, the state that it is in, how far it was decided, and who was paid."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import numpy as np

from kwx.exec.bars.bars import Words
from kwx.exec.marks import worth_micros
from kwx.exec.minute import NOT_SETTLED, Array, Minute
from kwx.exec.state import State
from kwx.live.brain import Thought
from kwx.live.journal.record import MinuteRecord, Origin
from kwx.live.room import placed, unlisted
from kwx.live.trader import Running
from warehouse.lake.present import Present
from warehouse.lake.tables import MARKETS
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

Away = Mapping[date, Mapping[str, str]]
"""By event date, the cities that are not traded in a minute though their markets are not over, and why."""


KEPT_DAYS = 3
"""So many event dates behind the newest stay in memory once they are paid."""


@dataclass(kw_only=True, eq=False)
class Day:
    """One event date. run_id: the name of its run, that of its first minute, whatever changed since.

    last_utc, minute: its last minute; None before the first. fee_nums: what its minutes charged last, [2, C].
    """

    origin: Origin
    run_id: str
    state: State
    last_utc: datetime | None = None
    minute: Minute | None = None
    paid: set[str] = field(default_factory=set)
    fee_nums: Array | None = None

    @property
    def running(self) -> Running:
        """Its run and its axes."""
        return Running(event_date=self.origin.event_date, run_id=self.run_id, tickers=self.origin.tickers)

    @property
    def market_tickers(self) -> Set[str]:
        """Its markets."""
        return {str(name) for name in self.origin.tickers.ravel() if name}

    @property
    def cities(self) -> list[str]:
        """The cities that have a market on the date."""
        return cities_of(self.origin)

    @property
    def is_paid(self) -> bool:
        """Whether all of its cities were."""
        return set(self.cities) <= self.paid

    @property
    def worth_micros(self) -> int:
        """What was gained by it, open positions at their marks."""
        return int(self.state.cash_micros.sum()) + int(np.asarray(worth_micros(self.state)).sum())

    def follow(self, record: MinuteRecord, state: State) -> None:
        """Be as a record left it: a settlement is none of its minutes."""
        self.state = state
        if not record.is_settlement:
            self.last_utc, self.minute = record.minute_utc, record.minute

    def is_made_of(self, tickers: Words, fee_nums: Array) -> bool:
        """Tell whether its minutes are of these markets at these fees still."""
        return (
            self.fee_nums is not None
            and np.array_equal(tickers, self.origin.tickers)
            and np.array_equal(fee_nums, self.fee_nums)
        )

    def pay(self, minute: Minute) -> None:
        """Note the cities that a settlement paid."""
        winners = zip(self.origin.cities, minute.winner[:, 0], strict=True)
        self.paid |= {city for city, place in winners if place != NOT_SETTLED}


def cities_of(origin: Origin) -> list[str]:
    """Return the cities that have a market in what minutes are made of."""
    return [city for place, city in enumerate(origin.cities) if (origin.tickers[:, place] != "").any()]


def charged_fees(minute: Minute, held: Array | None) -> Array:
    """Return [2, C] what takers and makers are charged; a city that trades no more keeps what it was charged last."""
    now = np.stack([minute.taker_fee_num[:, 0], minute.maker_fee_num[:, 0]])
    trades = minute.exists.any(axis=0)[:, 0]
    return now if held is None else np.where(trades, now, held)


def in_their_places(
    thought: Thought, days: Mapping[date, Day], present: Present, cities: tuple[str, ...]
) -> tuple[Thought, Away]:  # fmt: skip
    """Return a thought of every date that lacks its minute, each in the shape that the date has, and who is away.

    A date that runs and of which nothing is listed gets a minute without quotes: its minutes have no hole.
    """
    minute_utc, tickers, minutes = thought.minute_utc, dict[date, Words](), dict[date, Minute]()
    away: dict[date, Mapping[str, str]] = {}
    for event_date in sorted({*thought.minutes, *days}):
        day, thought_of = days.get(event_date), thought.minutes.get(event_date)
        if day is not None and day.last_utc is not None and day.last_utc >= minute_utc:
            continue
        ends = {} if day is None else ends_utc(present, event_date, day.cities)
        if thought_of is None:
            if day is None or day.minute is None or not _runs(day, ends, minute_utc):
                continue
            names, thought_of = np.full_like(day.origin.tickers, ""), unlisted(day.minute)
        else:
            names = thought.tickers[event_date]
        found = placed(
            event_date, cities, names, thought_of, held=None if day is None else day.origin.tickers,
            last=None if day is None else day.minute,
        )  # fmt: skip
        tickers[event_date], minutes[event_date] = found.tickers, found.minute
        gone = {city: why for city, why in found.away.items() if minute_utc <= ends.get(city, minute_utc)}
        away |= {event_date: gone} if gone else {}
    return replace(thought, tickers=tickers, minutes=minutes), away


def _runs(day: Day, ends: Mapping[str, datetime], minute_utc: datetime) -> bool:
    return not day.is_paid and any(minute_utc <= until_utc for until_utc in ends.values())


def ends_utc(present: Present, event_date: date, cities: list[str]) -> dict[str, datetime]:
    """Return when the last market of each city closes on a date; where none is listed, with its climate day."""
    found = {
        place.city: present.read(MARKETS, place, columns=("close_utc",))["close_utc"].max()
        for place in present.partitions(MARKETS.name)
        if place.event_date == event_date and place.city in cities
    }
    return {
        city: utc if isinstance(utc := found.get(city), datetime) else ClimateDay(CITIES[city], event_date).end_utc
        for city in cities
    }


def closes_utc(present: Present, event_date: date) -> datetime | None:
    """Return when the last market of a date closes, None while none is listed."""
    found = [
        present.read(MARKETS, place, columns=("close_utc",))["close_utc"].max()
        for place in present.partitions(MARKETS.name)
        if place.event_date == event_date
    ]
    instants = [instant for instant in found if isinstance(instant, datetime)]
    return max(instants, default=None)
