"""One market of the venue: its book, what its makers mean to show, and everything that is public of it.

The makers are those of the demo world. What they would show if the account were not there is `meant`; the book follows
it. Where the account took from them they come back at the end of the minute; where it stands in their way they trade
with it, as any order would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from pipelines.demo.session import MINUTE_US
from pipelines.demo.venue.book import Book, Lot
from pipelines.demo.venue.crossing import cross
from pipelines.demo.venue.log import Log
from pipelines.demo.venue.orders import Order
from pipelines.demo.venue.timers import Now
from pipelines.demo.venue.words import Side
from warehouse.market.money import TICKS_PER_CENT, TICKS_PER_DOLLAR


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What is fixed of a market: when it trades and settles, and what a contract of yes pays then."""

    ticker: str
    event_ticker: str
    city_key: str
    event_date: date
    open_us: int
    close_us: int
    settled_us: int
    value_ticks: int
    step_ticks: int = TICKS_PER_CENT

    def is_price(self, ticks: int) -> bool:
        """Tell whether an order may name a price: on the grid, and between nothing and a dollar."""
        return 0 < ticks < TICKS_PER_DOLLAR and ticks % self.step_ticks == 0


class Change(NamedTuple):
    """A level's size changed; `client_order_id` is that of the account's order that caused it."""

    at_us: int
    side: Side
    ticks: int
    change_centi: int
    client_order_id: str | None


class Print(NamedTuple):
    """A trade, as the tape tells it."""

    at_us: int
    trade_id: str
    ticks: int
    centi: int
    taker: Side


class Tick(NamedTuple):
    """A market's best levels and sums at the end of a minute; an empty side has no size."""

    at_us: int
    bid: tuple[int, int]
    ask: tuple[int, int]
    last_ticks: int
    volume_centi: int


Match = Callable[[Order, int, int, Side], str]
"""Takes the account's resting order, price, count and the side of whoever took it; returns the id of the trade."""


class Market:
    """The public side of one market. `match` is told when somebody takes an order of the account."""

    def __init__(self, listing: Listing, *, now: Now, match: Match) -> None:
        self.listing = listing
        self.changes: Log[Change] = Log()
        self.prints: Log[Print] = Log()
        self.ticks: Log[Tick] = Log()
        self.volume_centi, self.last_ticks = 0, 0
        self._told = (0, 0)
        self.lots: dict[str, Lot] = {}
        self._now = now
        self._match = match
        self._meant: dict[Side, dict[int, int]] = {Side.BID: {}, Side.ASK: {}}
        self.book = Book(self._tell)

    @property
    def is_trading(self) -> bool:
        """Whether it is between its open and its close."""
        return self.listing.open_us <= self._now.us < self.listing.close_us

    @property
    def minute_ends_us(self) -> int:
        """When the minute ends in which the present falls."""
        return self._now.us + MINUTE_US - (self._now.us - self.listing.open_us) % MINUTE_US

    def mean(self, side: Side, ticks: int, change_centi: int) -> None:
        """Let makers mean to show so much more at a price, or less; the book follows with `follow`."""
        meant = self._meant[side]
        meant[ticks] = meant.get(ticks, 0) + change_centi
        if meant[ticks] <= 0:
            del meant[ticks]

    def follow(self, side: Side, ticks: int) -> None:
        """Let the makers' part of a level become what they mean to show."""
        shown, meant = self.book.nobodys_centi(side, ticks), self._meant[side].get(ticks, 0)
        if shown > meant:
            self.book.withdraw(side, ticks, shown - meant)
        elif meant > shown:
            left_centi = self._come(side, ticks, meant - shown, "")
            if left_centi:
                self.book.rest(side, ticks, left_centi)

    def follow_all(self) -> None:
        """Let every level become what makers mean to show: first what goes, then what comes, the best prices first."""
        levels = [
            (side, ticks)
            for side in Side
            for ticks in {*self._meant[side], *(ticks for ticks, _ in self.book.levels(side))}
        ]
        comes = {level: self._meant[level[0]].get(level[1], 0) >= self.book.nobodys_centi(*level) for level in levels}
        for side, ticks in sorted(levels, key=lambda level: (comes[level], -level[0], -level[0] * level[1])):
            self.follow(side, ticks)

    def take(self, taker: Side, ticks: int, centi: int, trade_id: str) -> None:
        """Let a taker of the demo world come; what nobody offers at the price is not traded."""
        self._come(taker, ticks, centi, trade_id)

    def tick(self) -> None:
        """Tell best levels and sums, if anything has moved since it was done last."""
        moved = (len(self.changes), len(self.prints))
        if moved != self._told:
            self._told = moved
            bids, asks = self.book.levels(Side.BID), self.book.levels(Side.ASK)
            bid, ask = bids[-1] if bids else (0, 0), asks[-1] if asks else (TICKS_PER_DOLLAR, 0)
            self.ticks.append(Tick(self._now.us, bid, ask, self.last_ticks, self.volume_centi))

    def clear(self) -> None:
        """Empty the book without a word, as the close does; nobody means to show anything any more."""
        self._meant = {Side.BID: {}, Side.ASK: {}}
        self.lots.clear()
        self.book = Book(self._tell)

    def print(self, trade_id: str, ticks: int, centi: int, taker: Side) -> None:
        """Put a trade on the tape."""
        self.volume_centi += centi
        self.last_ticks = ticks
        self.prints.append(Print(self._now.us, trade_id, ticks, centi, taker))

    def _come(self, side: Side, limit_ticks: int, centi: int, trade_id: str) -> int:
        """Let nobody's order come, and return what is left of it.

        Its trades with nobody are one print under the given name, those with the account have names of their own.
        """
        among_themselves: dict[int, int] = {}

        def matched(resting: Order | None, ticks: int, traded_centi: int) -> None:
            if resting is None:
                among_themselves[ticks] = among_themselves.get(ticks, 0) + traded_centi
            else:
                self.print(self._match(resting, ticks, traded_centi, side), ticks, traded_centi, side)

        left_centi = cross(
            self.book,
            side=side,
            limit_ticks=limit_ticks,
            centi=centi,
            order=None,
            on_match=matched,
            goes_past=lambda order: False,
        )
        for ticks, traded_centi in among_themselves.items():
            self.print(trade_id, ticks, traded_centi, side)
        return left_centi

    def _tell(self, side: Side, ticks: int, change_centi: int, order: Order | None) -> None:
        name = order.wanted.client_order_id if order is not None else None
        self.changes.append(Change(self._now.us, side, ticks, change_centi, name))
