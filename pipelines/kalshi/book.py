"""One order book on the exchange's grid of prices, kept from a snapshot and its changes, and books told by REST.

Everything is in yes prices: bids are bids for yes, offers are offers of yes. Reading the best price costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from pipelines.kalshi.levels import Levels, Side, finest, levels_of
from pipelines.kalshi.wire import Level
from pipelines.payload import Payload, refusal, refused_frame
from warehouse.errors import Unparsable
from warehouse.market.money import TICKS_PER_DOLLAR

NO_BID_TICKS = 0
NO_ASK_TICKS = TICKS_PER_DOLLAR


class Book:
    """The resting orders of one market: a size for each price of the grid, and the best of both sides.

    `best_bid_ticks` is 0 and `best_ask_ticks` is 10000 where the side is empty. `live` says that a snapshot came and
    nothing was missed since; `defects` counts changes that took more than was there.
    """

    __slots__ = ("_asks", "_bids", "_held_asks", "_held_bids", "best_ask_ticks", "best_bid_ticks", "defects", "live")

    def __init__(self, levels: Levels | None = None) -> None:
        self.defects = 0
        self.live = False
        self.clear()
        if levels is not None:
            self.reset(levels)

    def clear(self) -> None:
        """Take every order out of the book."""
        places = TICKS_PER_DOLLAR + 1
        self._bids, self._asks = [0] * places, [0] * places
        # One byte says whether a price is held: finding the next one is a search of bytes, not a walk.
        self._held_bids, self._held_asks = bytearray(places), bytearray(places)
        self.best_bid_ticks, self.best_ask_ticks = NO_BID_TICKS, NO_ASK_TICKS

    def reset(self, levels: Levels) -> None:
        """Make the book what a snapshot says."""
        self.clear()
        for price, size in zip(levels.bid_prices_ticks, levels.bid_sizes_centi, strict=True):
            self._bids[price], self._held_bids[price] = size, 1
        for price, size in zip(levels.ask_prices_ticks, levels.ask_sizes_centi, strict=True):
            self._asks[price], self._held_asks[price] = size, 1
        self.best_bid_ticks = max(levels.bid_prices_ticks, default=NO_BID_TICKS)
        self.best_ask_ticks = min(levels.ask_prices_ticks, default=NO_ASK_TICKS)
        self.live = True

    def apply(self, side: Side, price_ticks: int, delta_centi: int) -> bool:
        """Change one level; false where more was taken than was there: the level is gone and the book is in doubt."""
        if side == "yes":
            size = self._bids[price_ticks] + delta_centi
            if size > 0:
                self._bids[price_ticks], self._held_bids[price_ticks] = size, 1
                if price_ticks > self.best_bid_ticks:  # noqa: PLR1730 - a call costs more than the rest of the line
                    self.best_bid_ticks = price_ticks
                return True
            self._bids[price_ticks], self._held_bids[price_ticks] = 0, 0
            if price_ticks == self.best_bid_ticks:
                self.best_bid_ticks = max(self._held_bids.rfind(1, 0, price_ticks), NO_BID_TICKS)
        else:
            size = self._asks[price_ticks] + delta_centi
            if size > 0:
                self._asks[price_ticks], self._held_asks[price_ticks] = size, 1
                if price_ticks < self.best_ask_ticks:  # noqa: PLR1730 - as above
                    self.best_ask_ticks = price_ticks
                return True
            self._asks[price_ticks], self._held_asks[price_ticks] = 0, 0
            if price_ticks == self.best_ask_ticks:
                above = self._held_asks.find(1, price_ticks + 1)
                self.best_ask_ticks = above if above >= 0 else NO_ASK_TICKS
        if size < 0:
            self.defects += 1
        return size == 0

    def size_centi(self, side: Side, price_ticks: int) -> int:
        """Return the size at one price."""
        return (self._bids if side == "yes" else self._asks)[price_ticks]

    @property
    def best_bid_centi(self) -> int:
        """The size at the best bid, 0 where there is none."""
        return self._bids[self.best_bid_ticks]

    @property
    def best_ask_centi(self) -> int:
        """The size at the best offer, 0 where there is none."""
        return self._asks[self.best_ask_ticks]

    @property
    def is_crossed(self) -> bool:
        """True where a bid meets an offer: the exchange would have matched them, so the book is wrong."""
        return self.best_bid_ticks >= self.best_ask_ticks

    @property
    def levels(self) -> Levels:
        """The whole book, each side worst level first."""
        bids, asks = _places(self._held_bids), _places(self._held_asks)[::-1]
        return Levels(
            tuple(bids),
            tuple(self._bids[price] for price in bids),
            tuple(asks),
            tuple(self._asks[price] for price in asks),
        )


def _places(held: bytearray) -> list[int]:
    places, place = [], held.find(1)
    while place >= 0:
        places.append(place)
        place = held.find(1, place + 1)
    return places


@dataclass(frozen=True, kw_only=True)
class RestBook:
    """One book as REST told it. It has no number, so it cannot be spliced into a stream: it only checks one."""

    market_ticker: str
    received_utc: datetime
    levels: Levels


class _Sides(msgspec.Struct):
    yes_dollars: list[Level] | None = None
    no_dollars: list[Level] | None = None
    yes: list[Level] | None = None
    no: list[Level] | None = None

    @property
    def levels(self) -> Levels:
        return levels_of(yes=finest(self.yes_dollars, self.yes), no=finest(self.no_dollars, self.no))


def parse_orderbooks(payloads: Iterable[Payload]) -> tuple[list[RestBook], pl.DataFrame]:
    """Read order books of REST, one or many in an answer, of every era; what is no book is refused with the reason."""
    books, refused = [], []
    for payload in payloads:
        asked = payload.asked.get("ticker")
        try:
            told = msgspec.json.decode(payload.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            refused.append(refusal(asked, f"no order book: {error}", payload.body.decode(errors="replace")))
            continue
        for ticker, record in _records(told, asked):
            try:
                levels = _levels(ticker, record)
            except (Unparsable, msgspec.ValidationError) as error:
                refused.append(refusal(ticker, str(error), record))
                continue
            books.append(RestBook(market_ticker=str(ticker), received_utc=payload.received_utc, levels=levels))
    return books, refused_frame(refused)


def _records(told: Mapping[str, Any], asked: str | None) -> list[tuple[str | None, Any]]:
    many = told.get("orderbooks")
    if isinstance(many, list):
        return [(one.get("ticker"), one) if isinstance(one, dict) else (None, one) for one in many]
    return [(asked, told)]


def _levels(ticker: str | None, record: Any) -> Levels:
    if not isinstance(ticker, str):
        raise Unparsable("an order book without its ticker")
    forms = ("orderbook_fp", "orderbook")
    form = next((form for form in forms if isinstance(record, dict) and isinstance(record.get(form), dict)), None)
    if form is None:
        raise Unparsable("an answer without an order book")
    return msgspec.convert(record[form], _Sides).levels
