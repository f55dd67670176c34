"""Which events trade on some dates, and what is true of a whole event: its brackets, times, fees, and how it ended.

An event that cannot be traded as a whole is left out, and a note says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from typing import Any, NamedTuple

from kwx.exec.bars.notes import Note
from kwx.exec.bars.outcomes import outcomes_of
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


class Settled(NamedTuple):
    """How an event ended: the place of the bracket that pays, the official value, and when that became known."""

    place: int = NOT_SETTLED
    high_f: float = float("nan")
    known_utc: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event that trades; fees: what is charged, which is what is listed unless makers are to pay more."""

    city: str
    event_date: date
    ladder: Ladder
    opens_utc: datetime
    closes_utc: datetime
    listed_fees: FeeRule
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
    paid = _paid(snapshot, cities, dates)
    labels = {(city, day): (high_f, utc) for city, day, high_f, utc in labels_of(snapshot).iter_rows()}
    quoted = set(snapshot.partitions(CANDLES_DENSE.name))
    traded: list[Event] = []
    notes: list[Note] = []
    for city in cities:
        for day in dates:
            said: list[str] = []
            if Partition(city, day) not in quoted:
                said.append("left out: no quotes are held")
            else:
                key = (city, day)
                event = _event(rows.get(key, []), paid.get(key), labels.get(key), maker_fee, said)
                traded += [] if event is None else [event]
            notes += (Note(city, day, text) for text in said)
    return Events(traded, notes)


def _listed(
    snapshot: Snapshot, cities: Sequence[str], dates: Sequence[date]
) -> Mapping[tuple[str, date], list[dict[str, Any]]]:
    """Return the markets of each event date."""
    lazy = snapshot.scan(MARKETS, cities=cities, since=min(dates), until=max(dates)).select(_COLUMNS)
    rows = lazy.collect().sort("city", "event_date", "market_ticker").iter_rows(named=True)
    return {key: list(ours) for key, ours in groupby(rows, key=lambda row: (row["city"], row["event_date"]))}


def _paid(snapshot: Snapshot, cities: Sequence[str], dates: Sequence[date]) -> Mapping[tuple[str, date], str]:
    """Return the market that is paid of each event date that has one."""
    rows = outcomes_of(snapshot, cities=cities, since=min(dates), until=max(dates)).filter("settled_yes")
    return {(city, day): name for city, day, name in rows.select("city", "event_date", "market_ticker").iter_rows()}


def _event(
    markets: Sequence[Mapping[str, Any]], paid: str | None, label: tuple[int, datetime] | None, maker_fee: str,
    said: list[str],
) -> Event | None:  # fmt: skip
    """Return one event, or None where it cannot be traded; `said` gathers what is to be known of it."""
    names = {row["event_ticker"] for row in markets}
    if len(names) != 1:
        said.append(f"left out: {len(names) or 'no'} events are listed")
        return None
    try:
        named = ((row["market_ticker"], Bracket(row["low_f"], row["high_f"])) for row in markets)
        ladder = Ladder.of(named, event=markets[0]["event_ticker"])
        listed_fees = _listed_fees(_same(markets, "fee_type"), _same(markets, "fee_multiplier_milli"), said)
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
        listed_fees=listed_fees,
        fees=_charged(listed_fees, maker_fee),
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


def _listed_fees(fee_type: str | None, multiplier_milli: int | None, said: list[str]) -> FeeRule:
    """Return the listed fee, the usual one where nothing is listed."""
    if fee_type is None or multiplier_milli is None:
        said.append("no fee is listed: the usual one is charged")
    return FeeRule(
        fee_type=QUADRATIC if fee_type is None else fee_type,
        multiplier_milli=USUAL_MULTIPLIER_MILLI if multiplier_milli is None else multiplier_milli,
    )


def _charged(listed: FeeRule, maker_fee: str) -> FeeRule:
    """Return what fills are charged: what is listed, or more of makers where they are to pay."""
    asked = replace(listed, fee_type=_MAKERS_PAY)
    return asked if maker_fee == WITH_MAKER_FEES and asked.maker_num > listed.maker_num else listed


def _settled(
    ladder: Ladder, markets: Iterable[Mapping[str, Any]], paid: str | None, label: tuple[int, datetime] | None,
    said: list[str],
) -> Settled:  # fmt: skip
    """Return how an event ended: the bracket that is paid, and the official value where one is held."""
    settled = Settled() if label is None else Settled(ladder.winner(label[0]), float(label[0]), label[1])
    if paid is None:
        said.append("not settled: no official value is held")
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
