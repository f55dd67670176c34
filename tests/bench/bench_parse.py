"""Answers of the exchange to rows, against one pydantic model for each row: same answers, rows per second.

Run as `python tests/bench/bench_parse.py [--markets 12] [--pages 30]`. The baseline is what one writes first, a
validated model of each record and its fields into a row, in the faster of two ways: pydantic reads the whole answer, or
`json` reads it and pydantic each record.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Literal

import polars as pl
from measure import Measure, best_of, report
from pydantic import BaseModel, TypeAdapter

from pipelines.kalshi.candles import parse_candles
from pipelines.kalshi.trades import parse_trades
from pipelines.payload import Parsed, Payload
from warehouse.market.tickers import parse_market_ticker

RATIO_TARGET = 5
ROWS_PER_S_TARGET = 300_000
OPEN_S = 1_791_036_000
MINUTES = 2_400
TRADES_OF_A_PAGE = 1_000
MOMENTS = ("open", "high", "low", "close")
RECEIVED_UTC = datetime(2026, 11, 1, tzinfo=UTC)


def run(*, markets: int = 12, pages: int = 30) -> list[Measure]:
    """Measure both parsers on answers of today, and the candles of the historical tier."""
    rng = random.Random(5)
    bodies = [_candle_body(rng, market) for market in range(markets)]
    tape = [_trade_body(rng, page) for page in range(pages)]
    old = [_historical(body) for body in bodies]
    return [
        *_measures("candles", bodies, parse_candles, (_candles_of_answers, _candles_of_records)),
        *_measures("trades", tape, parse_trades, (_trades_of_answers, _trades_of_records)),
        _rate("candles, historical tier", _timed(old, parse_candles)),
    ]


def _measures(
    name: str,
    bodies: Sequence[bytes],
    parse: Callable[[Sequence[Payload]], Iterator[Parsed]],
    baselines: Sequence[Callable[[Sequence[bytes]], Iterator[dict[str, object]]]],
) -> list[Measure]:
    ours_s, ours = _timed(bodies, parse)
    times_s = []
    for baseline in baselines:
        plain_s, expected = best_of(2, lambda: pl.DataFrame(list(baseline(bodies)), schema=ours.schema))  # noqa: B023
        times_s.append(plain_s)
        if not expected.equals(ours):
            raise AssertionError(f"the {name} differ from those of the pydantic models")
    baseline_s = min(times_s)
    ratio = Measure(
        name=f"{name}, {ours.height:,} rows",
        ours_s=ours_s,
        baseline_s=baseline_s,
        ratio=baseline_s / ours_s,
        target=f">= {RATIO_TARGET} x",
        note=f"a pydantic model for each row, equal rows; {_named(times_s)}",
        holds=baseline_s / ours_s >= RATIO_TARGET,
    )
    return [ratio, _rate(name, (ours_s, ours))]


def _named(times_s: Sequence[float]) -> str:
    of_answers_s, of_records_s = times_s
    return f"{of_answers_s:.2f} s by validate_json, {of_records_s:.2f} s by json and model_validate"


def _rate(name: str, timed: tuple[float, pl.DataFrame]) -> Measure:
    ours_s, ours = timed
    rate = ours.height / ours_s
    return Measure(
        name=f"{name}, rows per second",
        ours_s=ours_s,
        target=f">= {ROWS_PER_S_TARGET / 1e3:.0f} k/s",
        note=f"{rate / 1e3:.0f} k rows/s, one process",
        holds=rate >= ROWS_PER_S_TARGET,
    )


def _timed(
    bodies: Sequence[bytes], parse: Callable[[Sequence[Payload]], Iterator[Parsed]]
) -> tuple[float, pl.DataFrame]:
    payloads = [Payload(kind="bench", body=body, received_utc=RECEIVED_UTC) for body in bodies]
    ours_s, parsed = best_of(7, lambda: list(parse(payloads)))
    if any(one.refused.height for one in parsed):
        raise AssertionError("a benchmark of refusals says nothing")
    return ours_s, pl.concat([one.frame for one in parsed])


def _dollars(ticks: int) -> str:
    return f"{ticks / 10_000:.4f}"


def _candle_body(rng: random.Random, market: int) -> bytes:
    ticker = f"KXHIGHCHI-26OCT{4 + market // 6:02d}-B{60 + 2 * (market % 6)}.5"
    said = [_candle(rng, OPEN_S + 86_400 * (market // 6) + 60 * minute) for minute in range(1, MINUTES + 1)]
    return json.dumps({"ticker": ticker, "candlesticks": said}, separators=(",", ":")).encode()


def _candle(rng: random.Random, end_s: int) -> dict[str, object]:
    """Draw a candle with every field of today: seventeen words, not one of them empty."""
    bid, ask, price = rng.randrange(2, 50), rng.randrange(52, 98), rng.randrange(2, 98)
    quotes = {
        side: {
            f"{moment}_dollars": _dollars(100 * (cents + off))
            for moment, off in zip(MOMENTS, (0, 1, -1, 0), strict=True)
        }
        for side, cents in (("yes_bid", bid), ("yes_ask", ask), ("price", price))
    }
    quotes["price"] |= {f"{name}_dollars": _dollars(100 * price) for name in ("mean", "previous", "min", "max")}
    counts = {name: f"{rng.randrange(1, 9_000_000) / 100:.2f}" for name in ("volume_fp", "open_interest_fp")}
    return {"end_period_ts": end_s, **quotes, **counts}


def _historical(body: bytes) -> bytes:
    return body.replace(b'_dollars"', b'"').replace(b'_fp"', b'"')


def _trade_body(rng: random.Random, page: int) -> bytes:
    began = datetime(2026, 10, 3, 14, tzinfo=UTC) + timedelta(minutes=60 * page)
    said = [_trade(rng, began + timedelta(microseconds=rng.randrange(3_600_000_000))) for _ in range(TRADES_OF_A_PAGE)]
    return json.dumps({"trades": said, "cursor": "more"}, separators=(",", ":")).encode()


def _trade(rng: random.Random, created_utc: datetime) -> dict[str, object]:
    price, side = rng.randrange(1, 100), rng.choice(("yes", "no"))
    return {
        "trade_id": str(uuid.UUID(int=rng.getrandbits(128))),
        "ticker": f"KXHIGHCHI-26OCT04-B{60 + 2 * rng.randrange(6)}.5",
        "count_fp": f"{rng.randrange(1, 90_000) / 100:.2f}",
        "yes_price_dollars": _dollars(100 * price),
        "no_price_dollars": _dollars(100 * (100 - price)),
        "taker_outcome_side": side,
        "taker_book_side": "bid" if side == "yes" else "ask",
        "is_block_trade": rng.random() < 0.01,
        # As the exchange prints it: without the zeros at the end.
        "created_time": f"{created_utc:%Y-%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip(".") + "Z",
    }


class _Quotes(BaseModel):
    open_dollars: Decimal
    high_dollars: Decimal
    low_dollars: Decimal
    close_dollars: Decimal


class _Prices(BaseModel):
    open_dollars: Decimal | None = None
    high_dollars: Decimal | None = None
    low_dollars: Decimal | None = None
    close_dollars: Decimal | None = None
    mean_dollars: Decimal | None = None
    previous_dollars: Decimal | None = None
    min_dollars: Decimal | None = None
    max_dollars: Decimal | None = None


class _Candle(BaseModel):
    end_period_ts: int
    yes_bid: _Quotes
    yes_ask: _Quotes
    price: _Prices
    volume_fp: Decimal
    open_interest_fp: Decimal


class _Trade(BaseModel):
    trade_id: str
    ticker: str
    count_fp: Decimal
    yes_price_dollars: Decimal
    no_price_dollars: Decimal
    taker_outcome_side: Literal["yes", "no"]
    taker_book_side: Literal["bid", "ask"]
    is_block_trade: bool = False
    created_time: datetime


@cache
def _place(ticker: str) -> dict[str, object]:
    event = parse_market_ticker(ticker).event
    assert event.city is not None
    return {"market_ticker": ticker, "city": event.city.key, "event_date": event.event_date}


class _Candles(BaseModel):
    ticker: str
    candlesticks: list[_Candle]


class _Trades(BaseModel):
    trades: list[_Trade]


_CANDLES, _TRADES = TypeAdapter(_Candles), TypeAdapter(_Trades)


def _candles_of_answers(bodies: Sequence[bytes]) -> Iterator[dict[str, object]]:
    for answer in map(_CANDLES.validate_json, bodies):
        yield from (_candle_row(answer.ticker, candle) for candle in answer.candlesticks)


def _candles_of_records(bodies: Sequence[bytes]) -> Iterator[dict[str, object]]:
    for answer in map(json.loads, bodies):
        yield from (_candle_row(answer["ticker"], _Candle.model_validate(one)) for one in answer["candlesticks"])


def _candle_row(ticker: str, candle: _Candle) -> dict[str, object]:
    ts_utc = datetime.fromtimestamp(candle.end_period_ts, UTC)
    row = {**_place(ticker), "ts_utc": ts_utc, "known_utc": ts_utc}
    for side in ("yes_bid", "yes_ask", "price"):
        ohlc = getattr(candle, side)
        for moment in MOMENTS:
            price = getattr(ohlc, f"{moment}_dollars")
            row[f"{side}_{moment}_ticks"] = None if price is None else int(price * 10_000)
    row["volume_centi"] = int(candle.volume_fp * 100)
    row["open_interest_centi"] = int(candle.open_interest_fp * 100)
    return row


def _trades_of_answers(bodies: Sequence[bytes]) -> Iterator[dict[str, object]]:
    for answer in map(_TRADES.validate_json, bodies):
        yield from map(_trade_row, answer.trades)


def _trades_of_records(bodies: Sequence[bytes]) -> Iterator[dict[str, object]]:
    for answer in map(json.loads, bodies):
        yield from (_trade_row(_Trade.model_validate(one)) for one in answer["trades"])


def _trade_row(trade: _Trade) -> dict[str, object]:
    return {
        **_place(trade.ticker),
        "trade_id": trade.trade_id,
        "ts_utc": trade.created_time,
        "known_utc": trade.created_time,
        "yes_price_ticks": int(trade.yes_price_dollars * 10_000),
        "count_centi": int(trade.count_fp * 100),
        "taker_side": trade.taker_outcome_side,
        "is_block": trade.is_block_trade,
    }


def main() -> int:
    """Read the size from the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markets", type=int, default=12, help="answers with candles")
    parser.add_argument("--pages", type=int, default=30, help="pages of trades")
    size = parser.parse_args()
    return report(run(markets=size.markets, pages=size.pages))


if __name__ == "__main__":
    sys.exit(main())
