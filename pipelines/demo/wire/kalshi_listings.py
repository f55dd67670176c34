"""Series, events and markets as the exchange lists them at an instant: a market that trades has no result yet.

Until a market's result is public its row of the lake is masked: status, result, value and volume are those of now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from pipelines.demo.truth import LISTED_MINUTES_BEFORE
from pipelines.demo.weather import opening_utc
from pipelines.demo.wire.answers import stamp
from pipelines.demo.wire.kalshi_books import Levels, contracts
from pipelines.demo.wire.kalshi_fees import fees_of_event, fees_of_series
from pipelines.demo.wire.told import Told
from warehouse.errors import Unparsable
from warehouse.lake.tables import UTC_TYPE
from warehouse.market.brackets import Bracket
from warehouse.market.cities import City
from warehouse.market.climate_day import ClimateDay
from warehouse.market.money import TICKS_PER_DOLLAR, dollars_text
from warehouse.market.settlement import settlement_source
from warehouse.market.tickers import EventTicker, parse_event_ticker

CATEGORY = "Climate and Weather"
STATUS_WORDS: Mapping[str, tuple[str, ...]] = {
    "unopened": ("initialized",),
    "open": ("active",),
    "paused": ("inactive",),
    "closed": ("closed",),
    "settled": ("finalized",),
}
"""The words of a filter, and the statuses in the payload that each finds; a payload's own word finds nothing."""

_EMPTY: tuple[Levels, Levels] = ([], [])
"""The book of a market before the open and after the close."""
_EXPECTED_AFTER_CLOSE = timedelta(hours=13)
_BACKSTOP_AFTER_OPEN = timedelta(days=8)
_SOURCES = {
    "twc": {"name": "The Weather Company", "url": "https://weather.com/kalshi"},
    "nws_cli": {"name": "National Weather Service", "url": "https://www.weather.gov/wrh/climate"},
}
_PLACES = {
    "austin": "Austin",
    "chicago": "Chicago",
    "denver": "Denver",
    "los_angeles": "Los Angeles",
    "miami": "Miami",
    "nyc": "New York City",
    "philadelphia": "Philadelphia",
}


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One market as it is listed now, and what a filter asks of it."""

    ticker: str
    event: EventTicker
    status: str
    created_utc: datetime
    close_utc: datetime
    settled_utc: datetime | None
    record: dict[str, Any]


def event_named(told: Told, ticker: str) -> tuple[City, date] | None:
    """Return city and day of an event of this world that is listed by now; None for any other."""
    try:
        event = parse_event_ticker(ticker)
    except Unparsable:
        return None
    if event.city is None or ticker != str(EventTicker(event.city.series, event.event_date)):
        return None
    return (event.city, event.event_date) if is_listed(told, event.city, event.event_date) else None


def is_listed(told: Told, city: City, day: date) -> bool:
    """Tell whether the markets of an event exist by now."""
    if city.key not in told.world.cities or day not in told.world.event_dates:
        return False
    return opening_utc(day) - timedelta(minutes=LISTED_MINUTES_BEFORE) <= told.clock()


def event_of_market(ticker: str) -> str:
    """Return the event that a market's ticker names."""
    return ticker.rpartition("-")[0]


def markets_of(told: Told, city: City, day: date) -> list[Listed]:
    """Return the markets of one event as they are listed now, coldest first."""
    rows = told.table("markets", city, day).sort("bracket_order")
    if rows.is_empty():
        return []
    now, last = told.clock(), _last_known(told, city, day)
    listed = []
    for row in rows.iter_rows(named=True):
        ticker, status = row["market_ticker"], _status(row, now)
        book = told.levels(city, day, ticker) if status == "active" else _EMPTY
        listed.append(_listed(row, last.get(ticker, {}), book, status=status))
    return listed


def is_history(told: Told, listed: Listed) -> bool:
    """Tell whether a market has left the live tier."""
    return listed.settled_utc is not None and listed.settled_utc < told.cutoff_utc


def tiers_of(told: Told, city: City, day: date) -> dict[str, str]:
    """Return which tier has each listed market of an event, live or historical; coldest first."""
    rows = told.whole("markets", city, day).select("bracket_order", "market_ticker", "settled_utc", "known_utc").rows()
    now_utc = told.clock()
    return {
        ticker: "historical" if settled_utc <= now_utc and settled_utc < told.cutoff_utc else "live"
        for _, ticker, settled_utc, known_utc in sorted(rows)
        if known_utc <= now_utc
    }


def event_ticker(city: City, day: date) -> EventTicker:
    """Return the exchange's name of an event."""
    return EventTicker(city.series, day)


def event_record(told: Told, city: City, day: date, *, markets: list[dict[str, Any]]) -> dict[str, Any]:
    """Return an event as it is listed now, with the markets that are to be nested in it."""
    said = f"{day:%b} {day.day}, {day.year}"
    listed_utc = opening_utc(day)
    return {
        "event_ticker": str(event_ticker(city, day)),
        "series_ticker": city.series,
        "title": f"Highest temperature in {_PLACES.get(city.key, city.name)} on {said}?",
        "sub_title": f"On {said}",
        "category": CATEGORY,
        "mutually_exclusive": True,
        "collateral_return_type": "MECNET",
        "strike_date": stamp(ClimateDay(city, day).end_utc),
        "settlement_sources": [_SOURCES[settlement_source(day)]],
        **fees_of_event(told, city, day),
        "last_updated_ts": stamp(listed_utc),
        "exchange_index": 0,
        "markets": markets,
    }


def series_record(told: Told, city: City) -> dict[str, Any]:
    """Return one series."""
    newest = max(
        (day for day in told.world.event_dates if is_listed(told, city, day)), default=told.world.event_dates[0]
    )
    return {
        "ticker": city.series,
        "title": f"Highest temperature in {_PLACES.get(city.key, city.name)}",
        "frequency": "daily",
        "category": CATEGORY,
        "categories": [CATEGORY],
        "tags": ["Daily temperature"],
        "settlement_sources": [_SOURCES[settlement_source(newest)]],
        **fees_of_series(told, city),
        "additional_prohibitions": [],
        "product_metadata": {},
        "last_updated_ts": stamp(opening_utc(told.world.event_dates[0])),
        "exchange_index": 0,
    }


def _last_known(told: Told, city: City, day: date) -> dict[str, dict[str, Any]]:
    """Return, by ticker, the open interest and the tape's sums of each market by now."""
    known = pl.col("ts_utc") > pl.lit(told.clock() - timedelta(days=1), UTC_TYPE)
    minutes = told.table("candles_1m", city, day).group_by("market_ticker").agg(pl.col("open_interest_centi").last())
    tape = (
        told.table("trades", city, day)
        .sort("ts_utc", maintain_order=True)
        .group_by("market_ticker")
        .agg(
            pl.col("yes_price_ticks").last(),
            pl.col("count_centi").sum(),
            pl.col("count_centi").filter(known).sum().alias("of_a_day_centi"),
        )
    )
    both = minutes.join(tape, on="market_ticker", how="left", maintain_order="left")
    return {row["market_ticker"]: row for row in both.iter_rows(named=True)}


def _listed(row: Mapping[str, Any], last: Mapping[str, Any], book: tuple[Levels, Levels], *, status: str) -> Listed:
    record = _identity(row) | _times(row) | _quotes(*book) | _sums(last) | _outcome(row, status)
    return Listed(
        ticker=row["market_ticker"],
        event=parse_event_ticker(row["event_ticker"]),
        status=status,
        created_utc=row["known_utc"],
        close_utc=row["close_utc"],
        settled_utc=row["settled_utc"] if status == "finalized" else None,
        record=record,
    )


def _status(row: Mapping[str, Any], now: datetime) -> str:
    if now >= row["settled_utc"]:
        return "finalized"
    if now >= row["close_utc"]:
        return "closed"
    return "active" if now >= row["open_utc"] else "initialized"


def _identity(row: Mapping[str, Any]) -> dict[str, Any]:
    event = parse_event_ticker(row["event_ticker"])
    words = _words(Bracket(row["low_f"], row["high_f"]))
    day = event.event_date
    strikes = {name: _number(row[name]) for name in ("floor_strike", "cap_strike")}
    return {
        "ticker": row["market_ticker"],
        "event_ticker": row["event_ticker"],
        "market_type": "binary",
        "title": f"Will the maximum temperature be {words} on {day:%b} {day.day}, {day.year}?",
        "yes_sub_title": words,
        "no_sub_title": words,
        "strike_type": row["strike_type"],
        **strikes,
        "rules_primary": _rules(event, row, strikes),
        "rules_secondary": "A demo world: nothing here can be traded.",
        "notional_value_dollars": "1.0000",
        "can_close_early": True,
        "early_close_condition": "This market will close and expire early if the event occurs.",
        "price_level_structure": "linear_cent",
        "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": dollars_text(row["price_step_ticks"])}],
        "settlement_bounds_type": "default",
        "settlement_timer_seconds": 3600,
        "occurrence_datetime": None,
        "exchange_index": 0,
    }


def _rules(event: EventTicker, row: Mapping[str, Any], strikes: Mapping[str, Any]) -> str:
    assert event.city is not None, "only cities of the registry are listed"
    day, floor, cap = event.event_date, strikes["floor_strike"], strikes["cap_strike"]
    place = f"{_PLACES.get(event.city.key, event.city.name)} ({event.city.cli_code})"
    direction = {"less": f"less than {cap}°", "between": f"between {floor}-{cap}°", "greater": f"greater than {floor}°"}
    source = (
        "according to The Weather Company"
        if row["settlement_source"] == "twc"
        else "as reported by the National Weather Service's Climatological Report (Daily)"
    )
    return (
        f"If the maximum temperature recorded at {place} for {day:%b} {day.day}, {day.year}, is "
        f"{direction[row['strike_type']]} fahrenheit {source}, then the market resolves to Yes."
    )


def _times(row: Mapping[str, Any]) -> dict[str, Any]:
    backstop = stamp(row["open_utc"] + _BACKSTOP_AFTER_OPEN)
    return {
        "created_time": stamp(row["known_utc"]),
        "updated_time": stamp(row["known_utc"]),
        "open_time": stamp(row["open_utc"]),
        "close_time": stamp(row["close_utc"]),
        "expected_expiration_time": stamp(row["close_utc"] + _EXPECTED_AFTER_CLOSE),
        "latest_expiration_time": backstop,
        "expiration_time": backstop,
    }


def _quotes(bids: Levels, offers: Levels) -> dict[str, Any]:
    """Return the best of both sides, and how much rests there."""
    bid, bid_centi = bids[-1] if bids else (0, 0)
    ask, ask_centi = offers[-1] if offers else (TICKS_PER_DOLLAR, 0)
    return {
        "yes_bid_dollars": dollars_text(bid),
        "yes_ask_dollars": dollars_text(ask),
        "no_bid_dollars": dollars_text(TICKS_PER_DOLLAR - ask),
        "no_ask_dollars": dollars_text(TICKS_PER_DOLLAR - bid),
        "yes_bid_size_fp": contracts(bid_centi),
        "yes_ask_size_fp": contracts(ask_centi),
    }


def _sums(last: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "last_price_dollars": dollars_text(last.get("yes_price_ticks") or 0),
        "previous_yes_bid_dollars": "0.0000",
        "previous_yes_ask_dollars": "1.0000",
        "previous_price_dollars": "0.0000",
        "volume_fp": contracts(last.get("count_centi") or 0),
        "volume_24h_fp": contracts(last.get("of_a_day_centi") or 0),
        "open_interest_fp": contracts(last.get("open_interest_centi") or 0),
    }


def _outcome(row: Mapping[str, Any], status: str) -> dict[str, Any]:
    if status != "finalized":
        return {"status": status, "result": "", "expiration_value": "", "settlement_ts": None}
    return {
        "status": status,
        "result": row["result"],
        "expiration_value": f"{row['expiration_value_f']}.00",
        "settlement_ts": stamp(row["settled_utc"]),
        "settlement_value_dollars": "1.0000" if row["result"] == "yes" else "0.0000",
        "volume_fp": contracts(row["volume_centi"]),
    }


def _words(bracket: Bracket) -> str:
    if bracket.low_f is None:
        return f"{bracket.high_f}° or below"
    return f"{bracket.low_f}° or above" if bracket.high_f is None else f"{bracket.low_f}° to {bracket.high_f}°"


def _number(strike: float | None) -> float | int | None:
    return int(strike) if strike is not None and strike == int(strike) else strike
