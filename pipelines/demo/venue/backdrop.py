"""What the market of one event does by itself: the makers' levels and the takers of the demo world, in order.

The same session that writes the lake's quotes, trades and books, so a venue at which nobody trades tells exactly these.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from pipelines.demo.books import ASK, BID, FIRST_LEVELS_US, TAKEN, changes, first_levels
from pipelines.demo.climate import Ints
from pipelines.demo.market import ladder, market_tickers, trade_ids
from pipelines.demo.session import SECOND_US, Session, hold
from pipelines.demo.settlements import high_f, reports, settled_utc
from pipelines.demo.truth import worth
from pipelines.demo.venue.market import Listing
from pipelines.demo.venue.words import Side
from pipelines.demo.weather import sky
from pipelines.demo.world import World
from warehouse.market.climate_day import ClimateDay
from warehouse.market.money import TICKS_PER_CENT, TICKS_PER_DOLLAR
from warehouse.market.tickers import EventTicker

_KEPT = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SIDES = {BID: Side.BID, ASK: Side.ASK}


class Move(NamedTuple):
    """Makers change what they show at a price; with a trade's id it is a taker who comes for it."""

    at_us: int
    place: int
    side: Side
    ticks: int
    change_centi: int
    trade_id: str | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Backdrop:
    """The listings of one event's markets, and its moves in order; `place` is a market's place among the listings."""

    listings: Sequence[Listing]
    moves: Sequence[Move]

    def moved_by(self, at_us: int) -> int:
        """Return how many moves there are up to an instant."""
        return bisect_right(self.moves, at_us, key=lambda move: move.at_us)


@lru_cache(maxsize=_KEPT)
def backdrop(world: World, city_key: str, day: date) -> Backdrop:
    """Return what one event's market does by itself."""
    value = worth(world, city_key)
    session = hold(world, city_key, day, p_true=value.brackets_of(day))
    listings = _listings(world, session, value.edges_of(day))
    return Backdrop(listings=listings, moves=_moves(session))


def micros_of(instant: datetime) -> int:
    """Return an instant as microseconds since the epoch."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def instant_of(at_us: int) -> datetime:
    """Return microseconds since the epoch as an instant."""
    return _EPOCH + timedelta(microseconds=at_us)


def _listings(world: World, session: Session, edges_f: Ints) -> list[Listing]:
    here, day, air = session.city, session.event_date, sky(world, session.city.key)
    brackets, official_f = ladder(edges_f), high_f(air, day)
    return [
        Listing(
            ticker=ticker,
            event_ticker=str(EventTicker(here.series, day)),
            city_key=here.key,
            event_date=day,
            open_us=micros_of(session.open_utc),
            close_us=micros_of(ClimateDay(here, day).end_utc),
            settled_us=micros_of(settled_utc(reports(world, air, day))),
            value_ticks=TICKS_PER_DOLLAR if official_f in bracket else 0,
        )
        for ticker, bracket in zip(market_tickers(here, day, brackets), brackets, strict=True)
    ]


def _moves(session: Session) -> list[Move]:
    open_us = int(session.open_utc.timestamp()) * SECOND_US
    first = [
        Move(open_us + FIRST_LEVELS_US, place, _SIDES[side], TICKS_PER_CENT * price, size, None)
        for side in (BID, ASK)
        for place, (prices, sizes) in enumerate(first_levels(session, side))
        for price, size in zip(prices.tolist(), sizes.tolist(), strict=True)
    ]
    later, names = changes(session), trade_ids(session).to_list()
    columns = (later.at_us, later.bracket, later.side, later.price, later.change_centi, later.rank, later.trade)
    return first + [
        Move(
            open_us + at_us,
            place,
            _SIDES[side],
            TICKS_PER_CENT * price,
            change,
            names[trade] if rank == TAKEN else None,
        )
        for at_us, place, side, price, change, rank, trade in zip(*(one.tolist() for one in columns), strict=True)
    ]
