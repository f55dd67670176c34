"""Which events trade on some dates, and what is true of a whole event: its brackets, times, fees, and how it ended.

An event that cannot be traded as a whole is left out, and a note says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby, product
from typing import Any, NamedTuple

import polars as pl

from kwx.exec.bars.fees import PUBLISHED, Changes, Fees, changes_of, fees_over, schedule_of
from kwx.exec.bars.notes import Note
from kwx.exec.bars.outcomes import outcomes_of
from kwx.exec.minute import NOT_SETTLED
from kwx.scoring.stored.labels import labels_of
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import CANDLES_DENSE, MARKETS, Partition
from warehouse.market.brackets import Bracket
from warehouse.market.fees import FeeTerms
from warehouse.market.ladder import Ladder
from warehouse.market.money import TICKS_PER_CENT

_COLUMNS = (
    "city", "event_date", "event_ticker", "market_ticker", "low_f", "high_f", "open_utc", "close_utc", "result",
    "settled_utc", "price_step_ticks", "fee_type", "fee_multiplier_milli",
)  # fmt: skip


_NO_VALUE = "not settled: no official value is held"


class Settled(NamedTuple):
    """How an event ended: the place of the bracket that pays, the official value, and when that became known."""

    place: int = NOT_SETTLED
    high_f: float = float("nan")
    known_utc: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event that trades; fees: what is charged from its opening on, and from each change of it on."""

    city: str
    event_date: date
    ladder: Ladder
    opens_utc: datetime
    closes_utc: datetime
    fees: tuple[Fees, ...]
    price_step_ticks: int
    settled: Settled


class _Charges(NamedTuple):
    changes: Changes
    maker_fee: str

    def over(
        self, listed: FeeTerms, event_ticker: str, opens_utc: datetime, closes_utc: datetime, said: list[str]
    ) -> tuple[Fees, ...]:
        """Return what an event charges from its opening to its close."""
        schedule = schedule_of(listed, self.changes, event_ticker, opens_utc=opens_utc)
        return fees_over(
            schedule, opens_utc=opens_utc, closes_utc=closes_utc, maker_fee=self.maker_fee, said=said
        )  # fmt: skip


class Events(NamedTuple):
    """The events of some cities and dates, in that order, and what is to be said of them and of those left out.

    outcomes: how their markets ended, as `outcomes_of` tells; None where nobody asked.
    """

    traded: list[Event]
    notes: list[Note]
    outcomes: pl.DataFrame | None = None


def events_of(
    snapshot: Snapshot, *, cities: Sequence[str], dates: Sequence[date], maker_fee: str = PUBLISHED,
    quoted_alone: bool = True,
) -> Events:  # fmt: skip
    """Return the events of some cities on some dates that can be traded; those without quotes too, where it is said."""
    rows = _listed(snapshot, cities, dates)
    outcomes = outcomes_of(snapshot, cities=cities, since=min(dates), until=max(dates))
    paid = _paid(outcomes)
    changes = changes_of(snapshot, cities)
    told = labels_of(snapshot, since=min(dates, default=None), until=max(dates, default=None))
    labels = {(city, day): (high_f, utc) for city, day, high_f, utc in told.iter_rows()}
    quoted = set(snapshot.partitions(CANDLES_DENSE.name))
    traded: list[Event] = []
    notes: list[Note] = []
    for city in cities:
        for day in dates:
            said: list[str] = []
            if quoted_alone and Partition(city, day) not in quoted:
                said.append("left out: no quotes are held")
            else:
                key = (city, day)
                charges = _Charges(changes[city], maker_fee)
                event = _event(rows.get(key, []), paid.get(key), labels.get(key), charges, said)
                traded += [] if event is None else [event]
            notes += (Note(city, day, text) for text in said)
    return Events(traded, notes, outcomes)


def running_events(
    snapshot: Snapshot, *, cities: Sequence[str], dates: Sequence[date], maker_fee: str = PUBLISHED
) -> Events:
    """Return the same events while they trade: whether or not they were quoted yet, and as if nobody knew their end."""
    rows, changes = _listed(snapshot, cities, dates), changes_of(snapshot, cities)
    traded: list[Event] = []
    notes: list[Note] = []
    for city, day in product(cities, dates):
        said: list[str] = []
        event = _event(rows.get((city, day), []), None, None, _Charges(changes[city], maker_fee), said)
        traded += [] if event is None else [event]
        notes += (Note(city, day, text) for text in said if text != _NO_VALUE)
    return Events(traded, notes)


def _listed(
    snapshot: Snapshot, cities: Sequence[str], dates: Sequence[date]
) -> Mapping[tuple[str, date], list[dict[str, Any]]]:
    """Return the markets of each event date."""
    lazy = snapshot.scan(MARKETS, cities=cities, since=min(dates), until=max(dates)).select(_COLUMNS)
    rows = lazy.collect().sort("city", "event_date", "market_ticker").iter_rows(named=True)
    return {key: list(ours) for key, ours in groupby(rows, key=lambda row: (row["city"], row["event_date"]))}


def _paid(outcomes: pl.DataFrame) -> Mapping[tuple[str, date], str]:
    """Return the market that is paid of each event date that has one."""
    rows = outcomes.filter("settled_yes")
    return {(city, day): name for city, day, name in rows.select("city", "event_date", "market_ticker").iter_rows()}


def _event(
    markets: Sequence[Mapping[str, Any]], paid: str | None, label: tuple[int, datetime] | None, charges: _Charges,
    said: list[str],
) -> Event | None:  # fmt: skip
    """Return one event, or None where it cannot be traded; `said` gathers what is to be known of it."""
    names = {row["event_ticker"] for row in markets}
    if len(names) != 1:
        said.append(f"left out: {len(names) or 'no'} events are listed")
        return None
    opens_utc, closes_utc = min(row["open_utc"] for row in markets), max(row["close_utc"] for row in markets)
    try:
        named = ((row["market_ticker"], Bracket(row["low_f"], row["high_f"])) for row in markets)
        ladder = Ladder.of(named, event=markets[0]["event_ticker"])
        listed = FeeTerms(
            fee_type=_same(markets, "fee_type"), multiplier_milli=_same(markets, "fee_multiplier_milli")
        )  # fmt: skip
        fees = charges.over(listed, markets[0]["event_ticker"], opens_utc, closes_utc, said)
        step_ticks = _same(markets, "price_step_ticks")
    except Refused as error:
        said.append(f"left out: {error}")
        return None
    if step_ticks is None:
        said.append("no price step is listed: a cent is assumed")
    return Event(
        city=markets[0]["city"],
        event_date=markets[0]["event_date"],
        ladder=ladder,
        opens_utc=opens_utc,
        closes_utc=closes_utc,
        fees=fees,
        price_step_ticks=step_ticks or TICKS_PER_CENT,
        settled=_settled(ladder, markets, paid, label, said),
    )


def _same(markets: Sequence[Mapping[str, Any]], column: str) -> Any:
    """Return what all brackets of an event have in common."""
    found = {row[column] for row in markets}
    if len(found) > 1:
        raise Refused(
            f"its brackets differ in {column}", hint="a step knows one rule for each event: fetch its markets again"
        )
    return found.pop()


def _settled(
    ladder: Ladder, markets: Iterable[Mapping[str, Any]], paid: str | None, label: tuple[int, datetime] | None,
    said: list[str],
) -> Settled:  # fmt: skip
    """Return how an event ended: the bracket that is paid, and the official value where one is held."""
    settled = Settled() if label is None else Settled(ladder.winner(label[0]), float(label[0]), label[1])
    if paid is None:
        said.append(_NO_VALUE)
        return settled
    place = ladder.names.index(paid)
    if place == settled.place:
        return settled
    said.append(
        "no official value is held: the exchange's result pays"
        if label is None
        else f"the exchange paid {ladder.brackets[place]}, not the bracket of the official {label[0]} °F: it pays"
    )
    told_utc = next(row["settled_utc"] for row in markets if row["market_ticker"] == paid)
    return settled._replace(place=place, known_utc=told_utc or settled.known_utc)


def dates_held(snapshot: Snapshot, cities: Sequence[str]) -> Iterator[date]:
    """Yield the dates on which any of some cities has quotes, in order."""
    held = {day.event_date for day in snapshot.partitions(CANDLES_DENSE.name) if day.city in cities}
    yield from sorted(day for day in held if day is not None)
