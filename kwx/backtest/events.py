"""Which events trade on some dates, and what is true of a whole event: its brackets, times, fees, and how it ended.

An event that cannot be traded as a whole is left out, and a note says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from typing import Any, NamedTuple

from kwx.exec.minute import NOT_SETTLED
from kwx.scoring.stored.labels import labels_of
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import CANDLES_DENSE, MARKETS, Partition
from warehouse.market.brackets import Bracket
from warehouse.market.fees import QUADRATIC, USUAL_MULTIPLIER_MILLI, FeeRule
from warehouse.market.ladder import Ladder
from warehouse.market.money import TICKS_PER_CENT

PUBLISHED, WITH_MAKER_FEES = "published", "with_maker_fees"
MAKER_FEES = (PUBLISHED, WITH_MAKER_FEES)
"""What makers pay: what the event says, or at least a quarter of the taker's rate, as many other markets charge."""

_MAKERS_PAY = "quadratic_with_maker_fees"
_COLUMNS = (
    "city", "event_date", "event_ticker", "market_ticker", "low_f", "high_f", "open_utc", "close_utc", "result",
    "settled_utc", "price_step_ticks", "fee_type", "fee_multiplier_milli",
)  # fmt: skip


class Note(NamedTuple):
    """Something that a reader of results must know of one event."""

    city: str
    event_date: date
    text: str


class Settled(NamedTuple):
    """How an event ended: the place of the bracket that pays, the official value, and when that became known."""

    place: int = NOT_SETTLED
    high_f: float = float("nan")
    known_utc: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event that trades."""

    city: str
    event_date: date
    ladder: Ladder
    opens_utc: datetime
    closes_utc: datetime
    fees: FeeRule
    price_step_ticks: int
    settled: Settled


class Events(NamedTuple):
    """The events of some cities and dates, in that order, and what is to be said of them and of those left out."""

    traded: list[Event]
    notes: list[Note]


def events_of(
    snapshot: Snapshot, *, cities: Sequence[str], dates: Sequence[date], maker_fee: str = PUBLISHED
) -> Events:
    """Return the events of some cities on some dates that can be traded."""
    rows = _listed(snapshot, cities, dates)
    labels = {(city, day): (high_f, utc) for city, day, high_f, utc in labels_of(snapshot).iter_rows()}
    quoted = set(snapshot.partitions(CANDLES_DENSE.name))
    traded: list[Event] = []
    notes: list[Note] = []
    for city in cities:
        for day in dates:
            said: list[str] = []
            if Partition(city, day) not in quoted:
                said.append("left out: no quotes are held")
            elif (event := _event(rows.get((city, day), []), labels.get((city, day)), maker_fee, said)) is not None:
                traded.append(event)
            notes += (Note(city, day, text) for text in said)
    return Events(traded, notes)


def told(notes: Iterable[Note]) -> tuple[str, ...]:
    """Return notes as sentences, those that say the same of several dates of a city as one."""
    ordered = sorted(notes, key=lambda note: (note.city, note.text, note.event_date))
    grouped = groupby(ordered, key=lambda note: (note.city, note.text))
    return tuple(f"{city} {_span([note.event_date for note in ours])}: {text}" for (city, text), ours in grouped)


def _span(days: Sequence[date]) -> str:
    return str(days[0]) if len(days) == 1 else f"{days[0]} … {days[-1]} ({len(days)} dates)"


def _listed(
    snapshot: Snapshot, cities: Sequence[str], dates: Sequence[date]
) -> Mapping[tuple[str, date], list[dict[str, Any]]]:
    """Return the markets of each event date."""
    lazy = snapshot.scan(MARKETS, cities=cities, since=min(dates), until=max(dates)).select(_COLUMNS)
    rows = lazy.collect().sort("city", "event_date", "market_ticker").iter_rows(named=True)
    return {key: list(ours) for key, ours in groupby(rows, key=lambda row: (row["city"], row["event_date"]))}


def _event(
    markets: Sequence[Mapping[str, Any]], label: tuple[int, datetime] | None, maker_fee: str, said: list[str]
) -> Event | None:
    """Return one event, or None where it cannot be traded; `said` gathers what is to be known of it."""
    names = {row["event_ticker"] for row in markets}
    if len(names) != 1:
        said.append(f"left out: {len(names) or 'no'} events are listed")
        return None
    try:
        named = ((row["market_ticker"], Bracket(row["low_f"], row["high_f"])) for row in markets)
        ladder = Ladder.of(named, event=markets[0]["event_ticker"])
        fees = _charged(_same(markets, "fee_type"), _same(markets, "fee_multiplier_milli"), maker_fee, said)
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
        opens_utc=min(row["open_utc"] for row in markets),
        closes_utc=max(row["close_utc"] for row in markets),
        fees=fees,
        price_step_ticks=step_ticks or TICKS_PER_CENT,
        settled=_settled(ladder, markets, label, said),
    )


def _same(markets: Sequence[Mapping[str, Any]], column: str) -> Any:
    """Return what all brackets of an event have in common."""
    found = {row[column] for row in markets}
    if len(found) > 1:
        raise Refused(
            f"its brackets differ in {column}", hint="a step knows one rule for each event: fetch its markets again"
        )
    return found.pop()


def _charged(fee_type: str | None, multiplier_milli: int | None, maker_fee: str, said: list[str]) -> FeeRule:
    """Return what fills are charged: what is listed, the usual fee where nothing is."""
    if fee_type is None or multiplier_milli is None:
        said.append("no fee is listed: the usual one is charged")
    listed = FeeRule(
        fee_type=QUADRATIC if fee_type is None else fee_type,
        multiplier_milli=USUAL_MULTIPLIER_MILLI if multiplier_milli is None else multiplier_milli,
    )
    asked = replace(listed, fee_type=_MAKERS_PAY)
    return asked if maker_fee == WITH_MAKER_FEES and asked.maker_num > listed.maker_num else listed


def _settled(
    ladder: Ladder, markets: Iterable[Mapping[str, Any]], label: tuple[int, datetime] | None, said: list[str]
) -> Settled:
    """Return how an event ended: by the exchange's own result where there is one, else by the official value."""
    paid = [row for row in markets if row["result"] == "yes"]
    settled = Settled() if label is None else Settled(ladder.winner(label[0]), float(label[0]), label[1])
    if len(paid) == 1 and (place := ladder.names.index(paid[0]["market_ticker"])) != settled.place:
        said.append(
            "no official value is held: the exchange's result pays"
            if label is None
            else f"the exchange paid {ladder.brackets[place]}, not the bracket of the official {label[0]} °F: it pays"
        )
        return settled._replace(place=place, known_utc=paid[0]["settled_utc"] or settled.known_utc)
    if label is None:
        said.append("not settled: no official value is held")
    return settled


def dates_held(snapshot: Snapshot, cities: Sequence[str]) -> Iterator[date]:
    """Yield the dates on which any of some cities has quotes, in order."""
    held = {day.event_date for day in snapshot.partitions(CANDLES_DENSE.name) if day.city in cities}
    yield from sorted(day for day in held if day is not None)
