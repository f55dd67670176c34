"""Frames as a venue makes them: the public ones of its markets, and the private ones of its account."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from pipelines.demo.venue import Side, Venue
from pipelines.demo.venue.backdrop import instant_of
from pipelines.demo.venue.log import Log
from pipelines.demo.venue.market import Change, Market, Print, Tick
from pipelines.demo.venue.notices import Notice
from pipelines.demo.wire.answers import stamp
from pipelines.demo.wire.kalshi_books import Levels, contracts, said_levels
from pipelines.demo.wire.kalshi_feed import SEQUENCED, is_market, market_id
from pipelines.demo.wire.kalshi_private import ABOUT, frame_of
from pipelines.demo.wire.kalshi_records import prices, signed_contracts
from pipelines.demo.wire.kalshi_sources import Feed, Frame
from pipelines.demo.wire.told import Told
from warehouse.market.money import TICKS_PER_DOLLAR, dollars_text

Happening = TypeVar("Happening", Change, Print, Tick, Notice)


@dataclass(frozen=True, kw_only=True)
class LiveFeed(Generic[Happening]):
    """One log of a venue as frames; what the log has forgotten nobody is told any more."""

    log: Log[Happening]
    render: Callable[[Happening], Frame]

    def __len__(self) -> int:
        return len(self.log)

    @property
    def start(self) -> int:
        """The number of the first frame that is still held."""
        return self.log.start

    def after(self, at_us: int) -> int:
        """Return the number of the first frame that is sent later."""
        place = len(self.log)
        while place > self.log.start and self.log[place - 1].at_us > at_us:
            place -= 1
        return place

    def at_us(self, place: int) -> int:
        """Return when a frame is sent."""
        return self.log[place].at_us

    def frame(self, place: int) -> Frame:
        """Return a frame."""
        return self.render(self.log[place])


class PrivateFeed:
    """What an account is told on one channel, of all its markets or of one; the last few it may hear again."""

    def __init__(self, log: Log[Notice], channel: str, ticker: str, *, skew: timedelta, repeated: int) -> None:
        self._log, self._about, self._ticker, self._skew = log, ABOUT[channel], ticker, skew
        self._repeated = repeated
        self._read = 0
        self._mine: list[Notice] = []

    def __len__(self) -> int:
        for notice in self._log.since(self._read):
            if isinstance(notice.about, self._about) and self._ticker in ("", notice.ticker):
                self._mine.append(notice)
        self._read = len(self._log)
        return len(self._mine)

    @property
    def start(self) -> int:
        """The number of the first frame."""
        return 0

    def after(self, at_us: int) -> int:
        """Return the number of the first frame that is sent later, or of those that are to be heard again."""
        told = sum(notice.at_us <= at_us for notice in self._mine[: len(self)])
        return max(0, told - self._repeated)

    def at_us(self, place: int) -> int:
        """Return when a frame is sent."""
        return self._mine[place].at_us

    def frame(self, place: int) -> Frame:
        """Return a frame."""
        return frame_of(self._mine[place].about, skew=self._skew)


@dataclass(frozen=True, kw_only=True)
class LiveSource:
    """The frames of a venue. `fills_repeated` is how many of the last fills a new subscription hears again."""

    told: Told
    venue: Venue
    skew: timedelta
    fills_repeated: int

    @property
    def lock(self) -> AbstractContextManager[object]:
        """The venue's own: nothing happens there between looking at a frame and having it."""
        return self.venue.lock

    @property
    def sequenced(self) -> Sequence[str]:
        """The channels whose frames are numbered."""
        return (*SEQUENCED, "order_group_updates")

    def come_to(self, instant_utc: datetime) -> None:
        """Let the venue come to the present."""
        self.venue.advance_to(instant_utc)

    def feed(self, channel: str, ticker: str, *, use_yes_price: bool) -> Feed:
        """Return what a channel says of a market, or of the account."""
        if channel in ABOUT:
            repeated = self.fills_repeated if channel == "fill" else 0
            return PrivateFeed(self.venue.desk.notices, channel, ticker, skew=self.skew, repeated=repeated)
        market = self.venue.markets.get(ticker)
        if market is None:
            return LiveFeed(log=Log[Tick](), render=lambda tick: {})
        if channel == "orderbook_delta":
            return LiveFeed(log=market.changes, render=lambda one: _delta(ticker, one, use_yes_price=use_yes_price))
        if channel == "trade":
            return LiveFeed(log=market.prints, render=lambda one: _trade(ticker, one))
        return LiveFeed(log=market.ticks if channel == "ticker" else Log(), render=lambda one: self._tick(ticker, one))

    def snapshot(self, ticker: str, at: datetime, feed: Feed, *, after_changes: int, use_yes_price: bool) -> Frame:
        """Return a market's book after so many of its changes; an empty side is left out."""
        del at, feed  # the book is as the changes made it, whenever that was
        said: dict[str, Any] = {"market_ticker": ticker, "market_id": market_id(ticker)}
        if ticker in self.venue.markets:
            bids, offers = levels_after(self.venue.markets[ticker], after_changes)
            sides = {
                "yes_dollars_fp": said_levels(bids),
                "no_dollars_fp": said_levels(offers, in_no=not use_yes_price),
            }
            said |= {name: levels for name, levels in sides.items() if levels}
        return {"type": "orderbook_snapshot", "msg": said}

    def is_market(self, ticker: str) -> bool:
        """Tell whether a market is listed by now, also one that settled before the venue began."""
        return ticker in self.venue.markets or is_market(self.told, ticker)

    def every_ticker(self) -> list[str]:
        """Return every market of the venue."""
        return list(self.venue.markets)

    def is_private(self, channel: str) -> bool:
        """Tell whether a channel tells the account of itself."""
        return channel in ABOUT

    def _tick(self, ticker: str, tick: Tick) -> Frame:
        held = sum(one.position_centi for one in self.venue.account.holdings.values() if one.listing.ticker == ticker)
        at_ms = tick.at_us // 1000
        return {
            "type": "ticker",
            "msg": {
                "market_ticker": ticker,
                "market_id": market_id(ticker),
                "price_dollars": dollars_text(tick.last_ticks),
                "yes_bid_dollars": dollars_text(tick.bid[0]),
                "yes_ask_dollars": dollars_text(tick.ask[0]),
                "yes_bid_size_fp": contracts(tick.bid[1]),
                "yes_ask_size_fp": contracts(tick.ask[1]),
                "volume_fp": contracts(tick.volume_centi),
                "open_interest_fp": contracts(tick.volume_centi // 2 + abs(held)),
                "ts": at_ms // 1000,
                "ts_ms": at_ms,
                "time": stamp(instant_of(tick.at_us)),
            },
        }


def levels_after(market: Market, places: int) -> tuple[Levels, Levels]:
    """Return a market's book as it was after so many changes: as it is, less those that came since."""
    sizes = {side: dict(market.book.levels(side)) for side in Side}
    for change in market.changes.since(places):
        level = sizes[change.side]
        level[change.ticks] = level.get(change.ticks, 0) - change.change_centi
    bids, offers = (sorted((ticks, size) for ticks, size in sizes[side].items() if size > 0) for side in Side)
    return bids, offers[::-1]


def _delta(ticker: str, change: Change, *, use_yes_price: bool) -> Frame:
    bids = change.side is Side.BID
    at_ms = change.at_us // 1000
    said = {
        "market_ticker": ticker,
        "market_id": market_id(ticker),
        "price_dollars": dollars_text(change.ticks if bids or use_yes_price else TICKS_PER_DOLLAR - change.ticks),
        "delta_fp": signed_contracts(change.change_centi),
        "side": "yes" if bids else "no",
        "ts": f"{instant_of(change.at_us):%Y-%m-%dT%H:%M:%S}Z",
        "ts_ms": at_ms,
    }
    own = {} if change.client_order_id is None else {"client_order_id": change.client_order_id, "subaccount": 0}
    return {"type": "orderbook_delta", "msg": said | own}


def _trade(ticker: str, one: Print) -> Frame:
    outcome = "yes" if one.taker is Side.BID else "no"
    at_ms = one.at_us // 1000
    return {
        "type": "trade",
        "msg": {
            "trade_id": one.trade_id,
            "market_ticker": ticker,
            **prices(one.ticks),
            "count_fp": contracts(one.centi),
            "taker_side": outcome,
            "taker_outcome_side": outcome,
            "taker_book_side": one.taker.word,
            "is_block_trade": False,
            "ts": at_ms // 1000,
            "ts_ms": at_ms,
        },
    }
