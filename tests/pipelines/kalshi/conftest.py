"""Answers of the exchange as it writes them: candles and trades of every era, and what wraps them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from pipelines.kalshi.candles import parse_candles
from pipelines.kalshi.trades import parse_trades
from pipelines.payload import REFUSED_SCHEMA, Parsed, Payload
from warehouse.lake.tables import CANDLES_1M, TRADES, Table

OPEN_S = 1_791_036_000  # 2026-10-03T14:00:00Z
TICKER = "KXHIGHCHI-26OCT04-B72.5"
OTHER = "KXHIGHCHI-26OCT04-B74.5"
RECEIVED_UTC = datetime(2026, 10, 6, tzinfo=UTC)

MOMENTS = ("open", "high", "low", "close")
MORE_PRICES = ("mean", "previous", "min", "max")


def dollars(ticks: int) -> str:
    """Write a price as the exchange does."""
    return f"{ticks / 10_000:.4f}"


def _quotes(ohlc: Sequence[int]) -> dict[str, str]:
    return {f"{moment}_dollars": dollars(ticks) for moment, ticks in zip(MOMENTS, ohlc, strict=True)}


@dataclass(frozen=True)
class CandleWorld:
    """Candles of one market, minutes counted from its open."""

    ticker: str = TICKER
    other: str = OTHER

    def record(self, minute: int = 1, **changes: Any) -> dict[str, Any]:
        """Return one candle of today's live tier, with a trade; changes replace fields."""
        price = {f"{name}_dollars": "0.4100" for name in (*MOMENTS, *MORE_PRICES)}
        return {
            "end_period_ts": OPEN_S + 60 * minute,
            "yes_bid": _quotes((4_000, 4_100, 3_900, 4_050)),
            "yes_ask": _quotes((4_200, 4_300, 4_200, 4_250)),
            "price": price,
            "volume_fp": "10.25",
            "open_interest_fp": "562.24",
        } | changes

    def historical(self, minute: int = 1) -> dict[str, Any]:
        """Return the same candle as the historical tier writes it."""
        live = self.record(minute)
        bare = {
            side: {name.removesuffix("_dollars"): text for name, text in live[side].items()}
            for side in ("yes_bid", "yes_ask", "price")
        }
        return bare | {"end_period_ts": live["end_period_ts"], "volume": "10.25", "open_interest": "562.24"}

    def row(self, minute: int = 1) -> dict[str, Any]:
        """Return what such a candle is in the lake."""
        ohlc = {"yes_bid": (4_000, 4_100, 3_900, 4_050), "yes_ask": (4_200, 4_300, 4_200, 4_250), "price": (4_100,) * 4}
        prices = {
            f"{side}_{moment}_ticks": ticks
            for side, of_side in ohlc.items()
            for moment, ticks in zip(MOMENTS, of_side, strict=True)
        }
        ts_utc = datetime.fromtimestamp(OPEN_S + 60 * minute, UTC)
        return {"market_ticker": self.ticker, "ts_utc": ts_utc, **prices} | {
            "volume_centi": 1_025,
            "open_interest_centi": 56_224,
            "known_utc": ts_utc,
        }

    def single(self, *records: Any, ticker: Any = TICKER) -> dict[str, Any]:
        """Wrap candles as the answer of one market."""
        return {"ticker": ticker, "candlesticks": list(records)}

    def parsed(self, *answers: Any, received_utc: datetime = RECEIVED_UTC, asked: Mapping[str, str] = {}) -> Parsed:
        """Parse answers, given as JSON values or bytes, into one frame."""
        payloads = [replace(payload("kalshi_candles", answer, received_utc), asked=asked) for answer in answers]
        return together(CANDLES_1M, parse_candles(payloads))

    def parsed_at(self, *answers: tuple[datetime, Any]) -> Parsed:
        """Parse answers that came at some instants into one frame."""
        payloads = [payload("kalshi_candles", answer, received_utc) for received_utc, answer in answers]
        return together(CANDLES_1M, parse_candles(payloads))


@dataclass(frozen=True)
class TradeWorld:
    """Trades of one market."""

    ticker: str = TICKER

    def record(self, trade_id: str = "a", **changes: Any) -> dict[str, Any]:
        """Return one trade of today; changes replace fields, and None removes one."""
        told = {
            "trade_id": trade_id,
            "ticker": self.ticker,
            "count_fp": "155.25",
            "yes_price_dollars": "0.4200",
            "no_price_dollars": "0.5800",
            "taker_outcome_side": "yes",
            "taker_book_side": "bid",
            "is_block_trade": False,
            "created_time": "2026-10-04T01:46:15.690388Z",
        } | changes
        return {name: value for name, value in told.items() if value is not None}

    def row(self, trade_id: str = "a", **changes: Any) -> dict[str, Any]:
        """Return what such a trade is in the lake."""
        ts_utc = datetime(2026, 10, 4, 1, 46, 15, 690_388, tzinfo=UTC)
        return {
            "trade_id": trade_id,
            "market_ticker": self.ticker,
            "ts_utc": ts_utc,
            "yes_price_ticks": 4_200,
            "count_centi": 15_525,
            "taker_side": "yes",
            "is_block": False,
            "known_utc": ts_utc,
        } | changes

    def page(self, *records: Any) -> dict[str, Any]:
        """Wrap trades as a page of the listing."""
        return {"trades": list(records), "cursor": ""}

    def parsed(self, *answers: Any) -> Parsed:
        """Parse answers, given as JSON values or bytes, into one frame."""
        return together(TRADES, parse_trades([payload("kalshi_trades", answer) for answer in answers]))


def payload(kind: str, answer: Any, received_utc: datetime = RECEIVED_UTC) -> Payload:
    """Return an answer as received; bytes are sent as they are."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer, separators=(",", ":")).encode()
    return Payload(kind=kind, body=body, received_utc=received_utc)


def together(table: Table, parsed: Iterator[Parsed]) -> Parsed:
    """Put the frames of a parser one behind the other."""
    parts = list(parsed)
    schema = {**table.schema, **table.path_columns}
    frames, refused = ([getattr(part, name) for part in parts] for name in ("frame", "refused"))
    return Parsed(
        table=table,
        frame=pl.concat(frames) if frames else pl.DataFrame(schema=schema),
        refused=pl.concat(refused) if refused else pl.DataFrame(schema=REFUSED_SCHEMA),
    )


def stored(parsed: Parsed) -> list[dict[str, Any]]:
    """Return the rows as the lake admits them; a row that breaks the contract of its table fails the test."""
    return [
        row
        for partition, rows in parsed.table.split(parsed.frame)
        for row in parsed.table.admit(rows, partition).to_dicts()
    ]


@pytest.fixture(scope="session", name="stored")
def _stored():
    return stored


@pytest.fixture(scope="session", name="payload")
def _payload():
    return payload


@pytest.fixture(scope="session")
def candles() -> CandleWorld:
    """Give a world of candles."""
    return CandleWorld()


@pytest.fixture(scope="session")
def trades() -> TradeWorld:
    """Give a world of trades."""
    return TradeWorld()
