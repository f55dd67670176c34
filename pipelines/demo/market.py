"""The exchange's tables of one event: markets, candles, trades, and what the brackets were truly worth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import polars as pl

from pipelines.demo.climate import Floats, Ints
from pipelines.demo.fees import schedule_of
from pipelines.demo.session import FULL_CENTS, MINUTE_US, Session
from pipelines.demo.truth import LISTED_MINUTES_BEFORE
from pipelines.demo.world import draws
from warehouse.lake.tables import UTC_TYPE
from warehouse.market.brackets import Bracket
from warehouse.market.cities import City
from warehouse.market.climate_day import ClimateDay
from warehouse.market.money import TICKS_PER_CENT
from warehouse.market.settlement import settlement_source
from warehouse.market.tickers import EventTicker, MarketTicker

_P_OPENS, _P_CLOSES = 0.6, 0.15


def ladder(edges_f: Ints) -> list[Bracket]:
    """Return the brackets between and beyond their edges, coldest first."""
    edges = [int(edge) for edge in edges_f]
    middle = [Bracket(below + 1, edge) for below, edge in pairwise(edges)]
    return [Bracket(None, edges[0]), *middle, Bracket(edges[-1] + 1, None)]


def market_tickers(here: City, event_date: date, brackets: Sequence[Bracket]) -> list[str]:
    """Return the exchange's name of each bracket."""
    event = EventTicker(here.series, event_date)
    return [str(_ticker(event, bracket)) for bracket in brackets]


def _ticker(event: EventTicker, bracket: Bracket) -> MarketTicker:
    floor, cap = bracket.strikes
    if floor is not None and cap is not None:
        return MarketTicker(event, "B", Decimal(floor + cap) / 2)
    return MarketTicker(event, "T", Decimal(cap if floor is None and cap is not None else floor or 0))


def markets_frame(
    session: Session, brackets: Sequence[Bracket], *, high_f: int, settled_utc: datetime, volumes_centi: Ints
) -> pl.DataFrame:
    """Return the settled markets of an event."""
    here, day = session.city, session.event_date
    fees = schedule_of(session.world, here.key, day).rule_at(session.open_utc)
    rows = pl.DataFrame(
        {
            "market_ticker": market_tickers(here, day, brackets),
            "strike_type": [bracket.strike_type for bracket in brackets],
            "floor_strike": pl.Series([bracket.strikes[0] for bracket in brackets], dtype=pl.Float64),
            "cap_strike": pl.Series([bracket.strikes[1] for bracket in brackets], dtype=pl.Float64),
            "low_f": pl.Series([bracket.low_f for bracket in brackets], dtype=pl.Int32),
            "high_f": pl.Series([bracket.high_f for bracket in brackets], dtype=pl.Int32),
            "bracket_order": pl.Series(range(1, len(brackets) + 1), dtype=pl.Int32),
            "result": ["yes" if high_f in bracket else "no" for bracket in brackets],
            "volume_centi": pl.Series(volumes_centi, dtype=pl.Int64),
        }
    )
    return rows.with_columns(
        event_ticker=pl.lit(str(EventTicker(here.series, day))),
        series_ticker=pl.lit(here.series),
        bounds_source=pl.lit("strikes"),
        open_utc=pl.lit(session.open_utc, UTC_TYPE),
        close_utc=pl.lit(ClimateDay(here, day).end_utc, UTC_TYPE),
        known_utc=pl.lit(session.open_utc - timedelta(minutes=LISTED_MINUTES_BEFORE), UTC_TYPE),
        status=pl.lit("finalized"),
        expiration_value_f=pl.lit(high_f, pl.Int32),
        settled_utc=pl.lit(settled_utc, UTC_TYPE),
        price_step_ticks=pl.lit(TICKS_PER_CENT, pl.Int32),
        fee_type=pl.lit(fees.fee_type),
        fee_multiplier_milli=pl.lit(fees.multiplier_milli, pl.Int32),
        settlement_source=pl.lit(settlement_source(day)),
    )


def named(tickers: Sequence[str], bracket: Ints) -> pl.Series:
    """Return the ticker of each row's bracket."""
    return pl.Series("market_ticker", list(tickers)).gather(bracket)


def trades_frame(session: Session, tickers: Sequence[str]) -> pl.DataFrame:
    """Return the tape."""
    tape = session.tape
    ts_utc = session.instants(tape.since_open_us)
    return pl.DataFrame(
        {
            "trade_id": trade_ids(session),
            "market_ticker": named(tickers, tape.bracket),
            "ts_utc": ts_utc,
            "yes_price_ticks": pl.Series(TICKS_PER_CENT * tape.price).cast(pl.Int32),
            "count_centi": tape.count_centi,
            "taker_side": pl.Series(tape.buys_yes).replace_strict({True: "yes", False: "no"}, return_dtype=pl.String),
            "is_block": np.zeros(len(tape.price), dtype=bool),
            "known_utc": ts_utc,
        }
    )


def trade_ids(session: Session) -> pl.Series:
    """Name each trade by its event, bracket and instant, in the form of a random uuid."""
    tape = session.tape
    chance = draws(
        session.world, session.city.key, "ids", event_date=session.event_date, falls_on=session.event_date.min
    )
    event_bits = int(chance.integers(2**48))
    again = (np.diff(tape.since_open_us, prepend=-1) == 0) & (np.diff(tape.bracket, prepend=-1) == 0)
    place = tape.bracket + 16 * np.arange(len(again)) % 4096 * again
    return pl.Series(
        [
            f"{(us * 2654435761 + bracket) % 2**32:08x}-{event_bits >> 32:04x}-4{us % 4096:03x}-a{bracket:03x}-"
            f"{event_bits % 2**16:04x}{us // 4096:08x}"
            for bracket, us in zip(place.tolist(), tape.since_open_us.tolist(), strict=True)
        ],
        dtype=pl.String,
    )


def candles_frame(session: Session, tickers: Sequence[str]) -> pl.DataFrame:
    """Return a candle for every minute in which a quote or the tape moved; quotes open where the last one closed."""
    quotes, trades = session.quotes, _traded(session)
    bid, ask = quotes.bid.copy(), quotes.ask.copy()
    bid[:, 0], ask[:, 0] = 0, FULL_CENTS  # the book is empty at the instant of opening
    moved = (np.diff(bid, axis=1) != 0) | (np.diff(ask, axis=1) != 0) | (trades["volume_centi"] > 0)
    moved[:, 0] = True
    bracket, column = np.nonzero(moved)
    frame = {"market_ticker": named(tickers, bracket), "ts_utc": session.instants((column + 1) * MINUTE_US)}
    for side, start, best in (("yes_bid", bid, quotes.bid), ("yes_ask", ask, quotes.ask)):
        path = np.stack([start[:, :-1][moved], best[:, :-1][moved], best[:, 1:][moved]])
        frame |= _ohlc(side, path[0], path.max(axis=0), path.min(axis=0), path[2])
    prices = [trades[name][moved] for name in ("open", "high", "low", "close")]
    silent = trades["volume_centi"][moved] == 0
    frame |= {
        name: pl.select(pl.when(~pl.lit(pl.Series(silent))).then(pl.lit(series))).to_series()
        for name, series in _ohlc("price", *prices).items()
    }
    frame |= {name: pl.Series(trades[name][moved]) for name in ("volume_centi", "open_interest_centi")}
    return pl.DataFrame(frame).with_columns(known_utc="ts_utc")


def _ohlc(side: str, *prices: Ints) -> dict[str, pl.Series]:
    moments = ("open", "high", "low", "close")
    return {
        f"{side}_{moment}_ticks": pl.Series(TICKS_PER_CENT * price).cast(pl.Int32)
        for moment, price in zip(moments, prices, strict=True)
    }


def _traded(session: Session) -> dict[str, Ints]:
    """Return prices, volume and open interest of each bracket and minute; prices are 0 where nothing traded."""
    tape, shape = session.tape, (len(session.p_true), session.minutes)
    cell = tape.bracket * session.minutes + tape.minute - 1
    size = shape[0] * shape[1]
    volume = np.zeros(size, dtype=np.int64)
    np.add.at(volume, cell, tape.count_centi)
    low, high = np.full(size, FULL_CENTS), np.zeros(size, dtype=np.int64)
    np.minimum.at(low, cell, tape.price)
    np.maximum.at(high, cell, tape.price)
    opening, closing = np.zeros((2, size), dtype=np.int64)
    opening[cell[::-1]] = tape.price[::-1]  # the last writer of a cell stays, so the earliest trade is written last
    closing[cell] = tape.price
    columns = {"open": opening, "high": high, "low": low, "close": closing, "volume_centi": volume}
    opened = np.zeros(size, dtype=np.int64)
    np.add.at(opened, cell, _opened_centi(tape.count_centi, tape.since_open_us))
    held = np.cumsum(opened.reshape(shape), axis=1)
    interest = held - np.minimum(np.minimum.accumulate(held, axis=1), 0)
    return {name: column.reshape(shape) for name, column in columns.items()} | {"open_interest_centi": interest}


def _opened_centi(count_centi: Ints, since_open_us: Ints) -> Ints:
    """Let most trades open contracts, some change hands and a few close; the microsecond decides."""
    chance: Floats = since_open_us % 1000 / 1000
    sign = np.where(chance < _P_OPENS, 1, np.where(chance < 1 - _P_CLOSES, 0, -1))
    return sign * count_centi


def truth_frame(session: Session, tickers: Sequence[str]) -> pl.DataFrame:
    """Return what each bracket was worth, and what makers believed, at the end of every minute."""
    count = len(tickers)
    bracket = np.repeat(np.arange(count), session.minutes)
    since_open_us = np.tile(np.arange(1, session.minutes + 1) * MINUTE_US, count)
    return pl.DataFrame(
        {
            "market_ticker": named(tickers, bracket),
            "ts_utc": session.instants(since_open_us),
            "p_true": np.clip(session.p_true[:, 1:], 0, 1).ravel(),
            "p_belief": np.clip(session.p_belief[:, 1:], 0, 1).ravel(),
        }
    )
