"""Fills that an exchange tells after their event was paid: booked as what they were, and paid with the rest.

A fill is told late where the exchange is late, or where the loop was away. Before its event is paid it waits for the
next minute or the settlement of its date. After that nothing of the date comes any more: the fill and what its
contracts were paid become one more settlement of its journal. A fill that no journal can take is a mismatch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

import numpy as np

from kwx.exec.engine import one_step
from kwx.exec.minute import NOT_SETTLED, Minute
from kwx.exec.reported import Fill, with_fills
from kwx.exec.state import State
from kwx.exec.venue.told import VenueFill
from kwx.live.days import Day
from kwx.live.journal.record import Causes, MinuteRecord
from kwx.live.journal.recorded import Recorded
from kwx.live.room import unlisted
from kwx.live.shadow.venue_rows import reported_frame
from warehouse.errors import Unbalanced, Unparsable
from warehouse.market.tickers import parse_market_ticker


def late_fills(waiting: Iterable[VenueFill], days: Mapping[date, Day]) -> dict[date, list[VenueFill]]:
    """Return by date the fills of events that were paid or never traded, or whose date is not lived any more."""
    late: dict[date, list[VenueFill]] = {}
    for fill in waiting:
        event_date, city = _event_of(fill.market_ticker)
        day = days.get(event_date)
        if day is None or city in day.paid or day.running.place_of(fill.market_ticker) is None:
            late.setdefault(event_date, []).append(fill)
    return late


class PaidLate(NamedTuple):
    """The record by which fills of paid events come into the journal of their date, and the state after it."""

    record: MinuteRecord
    state: State


def paid_late(
    day: Day, recorded: Recorded, fills: Sequence[VenueFill], decided_utc: datetime
) -> PaidLate:  # fmt: skip
    """Book fills of events of one date that were paid, and pay what they bought or sold."""
    before = with_fills(day.state, [_fill(day, fill) for fill in fills])
    cities = [day.origin.cities.index(_event_of(fill.market_ticker)[1]) for fill in fills]
    minute = _payment(recorded, cities)
    state, actions = one_step(day.origin.rules, day.origin.params, before, minute)
    causes = Causes(decided_utc=decided_utc, told=(f"{len(fills)} fills were told after their event was paid",))
    record = MinuteRecord(
        minute_utc=recorded.kept[-1].minute_utc, minute=minute, actions=actions, causes=causes, before=before,
        reported=reported_frame(fills),
    )  # fmt: skip
    return PaidLate(record, state)


def _payment(recorded: Recorded, cities: Sequence[int]) -> Minute:
    """Return a settlement that pays some cities once more; refuse where a journal does not say what they paid."""
    winner = np.full_like(recorded.of_minutes[-1].minute.winner, NOT_SETTLED)
    for kept in recorded.settlements:
        winner = np.where(kept.minute.winner != NOT_SETTLED, kept.minute.winner, winner)
    missing = [recorded.last.cities[place] for place in cities if winner[place, 0] == NOT_SETTLED]
    if missing:
        raise Unbalanced(f"{recorded.event_date}: fills of {missing[0]} were told, and nobody says what it paid")
    only = np.isin(np.arange(len(winner)), cities)[:, None]
    return unlisted(recorded.of_minutes[-1].minute)._replace(winner=np.where(only, winner, NOT_SETTLED))


def _fill(day: Day, fill: VenueFill) -> Fill:
    place = day.running.place_of(fill.market_ticker)
    if place is None:
        raise Unbalanced(f"{fill.market_ticker} was filled and is none of the markets of {day.origin.event_date}")
    return Fill(
        place=place, centi=fill.side * fill.centi, ticks=fill.ticks, fee_micros=fill.fee_micros,
        rested=not fill.is_taker,
    )  # fmt: skip


def _event_of(market_ticker: str) -> tuple[date, str]:
    """Return the date and the city of a market; of another product, no city."""
    try:
        event = parse_market_ticker(market_ticker).event
    except Unparsable:
        return date.min, ""
    return event.event_date, "" if event.city is None else event.city.key
