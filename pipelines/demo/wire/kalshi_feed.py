"""What the exchange pushes of one market: frames still without numbers, in the order in which they are sent."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from pipelines.demo.session import SECOND_US
from pipelines.demo.wire.kalshi_books import contracts, levels_at, said_levels
from pipelines.demo.wire.kalshi_listings import event_named, event_of_market, markets_of
from pipelines.demo.wire.kalshi_sources import Feed, Frame, WorldFeed
from pipelines.demo.wire.told import Told
from warehouse.market.cities import City
from warehouse.market.climate_day import ClimateDay
from warehouse.market.money import TICKS_PER_DOLLAR, dollars_text

SEQUENCED = ("orderbook_delta", "trade")
CHANNELS = (
    *("orderbook_delta", "ticker", "trade", "fill", "user_orders", "market_positions", "market_lifecycle_v2"),
    *("multivariate_market_lifecycle", "order_group_updates", "communications"),
)
"""Every channel that can be subscribed; the private ones say something only where orders are taken."""
NEED_MARKETS = ("orderbook_delta",)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class WorldSource:
    """The frames of a world at which nobody trades: its whole future is known."""

    told: Told

    @property
    def lock(self) -> AbstractContextManager[object]:
        """Nothing: what is known beforehand does not change."""
        return nullcontext()

    @property
    def sequenced(self) -> Sequence[str]:
        """The channels whose frames are numbered."""
        return SEQUENCED

    def feed(self, channel: str, ticker: str, *, use_yes_price: bool) -> Feed:
        """Return everything that a channel will ever say of a market."""
        return feed_of(self.told, channel, ticker, use_yes_price=use_yes_price)

    def snapshot(self, ticker: str, at: datetime, feed: Feed, *, after_changes: int, use_yes_price: bool) -> Frame:
        """Return a market's book after so many of its changes; once it is closed and all is said it is empty."""
        if has_closed(self.told, ticker, at) and after_changes == len(feed):
            return {"type": "orderbook_snapshot", "msg": {"market_ticker": ticker}}
        return snapshot(self.told, ticker, at, after_changes=after_changes, use_yes_price=use_yes_price)

    def is_market(self, ticker: str) -> bool:
        """Tell whether a market is listed by now."""
        return is_market(self.told, ticker)

    def every_ticker(self) -> list[str]:
        """Return every market that is listed by now."""
        rows = (self.told.table("markets", city, day) for city in self.told.cities for day in self.told.days)
        return [ticker for frame in rows for ticker in frame["market_ticker"]]

    def is_private(self, channel: str) -> bool:
        """Tell that there is no account."""
        return False


def feed_of(told: Told, channel: str, ticker: str, *, use_yes_price: bool) -> WorldFeed:
    """Return everything that a channel will ever say of a market, the future's too: who sends it, waits."""
    event = event_named(told, event_of_market(ticker))
    if event is None:
        return WorldFeed(instants_us=[], frames=[])
    makers = {"orderbook_delta": _deltas, "trade": _trades, "ticker": _tickers}
    rows = makers[channel](told, *event, ticker, use_yes_price) if channel in makers else []
    return WorldFeed(instants_us=[at for at, _ in rows], frames=[frame for _, frame in rows])


def is_market(told: Told, ticker: str) -> bool:
    """Tell whether a market is listed by now."""
    event = event_named(told, event_of_market(ticker))
    return event is not None and any(one.ticker == ticker for one in markets_of(told, *event))


def snapshot(told: Told, ticker: str, at: datetime, *, after_changes: int, use_yes_price: bool) -> Frame:
    """Return a market's book after so many of its changes; a side that is empty is left out."""
    event = event_named(told, event_of_market(ticker))
    said: dict[str, Any] = {"market_ticker": ticker, "market_id": market_id(ticker)}
    if event is not None:
        bids, offers = levels_at(told.books(*event), ticker, at, after_changes=after_changes)
        sides = {
            "yes_dollars_fp": said_levels(bids),
            "no_dollars_fp": said_levels(offers, in_no=not use_yes_price),
        }
        said |= {name: levels for name, levels in sides.items() if levels}
    return {"type": "orderbook_snapshot", "msg": said}


def has_closed(told: Told, ticker: str, at: datetime) -> bool:
    """Tell whether a market was closed by an instant: its book is empty from then on."""
    event = event_named(told, event_of_market(ticker))
    return event is not None and ClimateDay(*event).end_utc <= at


def market_id(ticker: str) -> str:
    """Return the exchange's other name of a market."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, ticker))


def microsecond(instant: datetime) -> int:
    """Return an instant as microseconds since the epoch."""
    return (instant - _EPOCH) // _MICROSECOND


def _deltas(told: Told, city: City, day: date, ticker: str, use_yes_price: bool) -> list[tuple[int, Frame]]:
    mine = (pl.col("market_ticker") == ticker) & (pl.col("kind") == "delta")
    rows = told.books(city, day).filter(mine).sort("seq")
    chosen = rows.select("known_utc", "ts_utc", "side", "price_ticks", "delta_centi")
    frames = []
    for known_utc, ts_utc, side, price_ticks, delta_centi in chosen.iter_rows():
        price = price_ticks if side == "yes" or use_yes_price else TICKS_PER_DOLLAR - price_ticks
        said = {
            "market_ticker": ticker,
            "market_id": market_id(ticker),
            "price_dollars": dollars_text(price),
            "delta_fp": ("-" if delta_centi < 0 else "") + contracts(abs(delta_centi)),
            "side": side,
            **_stamps(ts_utc),
        }
        frames.append((microsecond(known_utc), {"type": "orderbook_delta", "msg": said}))
    return frames


def _trades(told: Told, city: City, day: date, ticker: str, use_yes_price: bool) -> list[tuple[int, Frame]]:
    del use_yes_price  # a trade always says both prices
    rows = told.whole("trades", city, day).filter(pl.col("market_ticker") == ticker).sort("ts_utc", "trade_id")
    return [(microsecond(row["ts_utc"]), {"type": "trade", "msg": _trade(row)}) for row in rows.iter_rows(named=True)]


def _trade(row: Mapping[str, Any]) -> dict[str, Any]:
    stamps = _stamps(row["ts_utc"])
    return {
        "trade_id": row["trade_id"],
        "market_ticker": row["market_ticker"],
        "yes_price_dollars": dollars_text(row["yes_price_ticks"]),
        "no_price_dollars": dollars_text(TICKS_PER_DOLLAR - row["yes_price_ticks"]),
        "count_fp": contracts(row["count_centi"]),
        "taker_side": row["taker_side"],
        "taker_outcome_side": row["taker_side"],
        "taker_book_side": "bid" if row["taker_side"] == "yes" else "ask",
        "is_block_trade": row["is_block"],
        "ts": stamps["ts_ms"] // 1000,
        "ts_ms": stamps["ts_ms"],
    }


def _tickers(told: Told, city: City, day: date, ticker: str, use_yes_price: bool) -> list[tuple[int, Frame]]:
    """Say the market's quotes and sums at the end of each minute in which one of them moved."""
    del use_yes_price  # a ticker says the quotes of yes
    rows = told.whole("candles_1m", city, day).filter(pl.col("market_ticker") == ticker).sort("ts_utc")
    said = rows.with_columns(
        pl.col("price_close_ticks").forward_fill().fill_null(0), volume=pl.col("volume_centi").cum_sum()
    )
    return [(microsecond(row["ts_utc"]), {"type": "ticker", "msg": _ticker(row)}) for row in said.iter_rows(named=True)]


def _ticker(row: Mapping[str, Any]) -> dict[str, Any]:
    stamps = _stamps(row["ts_utc"])
    return {
        "market_ticker": row["market_ticker"],
        "market_id": market_id(row["market_ticker"]),
        "price_dollars": dollars_text(row["price_close_ticks"]),
        "yes_bid_dollars": dollars_text(row["yes_bid_close_ticks"]),
        "yes_ask_dollars": dollars_text(row["yes_ask_close_ticks"]),
        "volume_fp": contracts(row["volume"]),
        "open_interest_fp": contracts(row["open_interest_centi"]),
        "ts": stamps["ts_ms"] // 1000,
        "ts_ms": stamps["ts_ms"],
        "time": stamps["ts"],
    }


def _stamps(ts_utc: datetime) -> dict[str, Any]:
    microseconds = microsecond(ts_utc)
    return {"ts": f"{ts_utc:%Y-%m-%dT%H:%M:%S}Z", "ts_ms": microseconds * 1000 // SECOND_US}
