"""Questions to the exchange: one builder for each endpoint, with its caps and its rules kept before anything is sent.

Windows are cut here. Cursors are followed by the client; which tier to ask, `answers.Cutoff` knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import msgspec

from pipelines.calls import NEVER, Call
from pipelines.kalshi.filters import MarketFilter, require_status_word, unix_s
from pipelines.payload import Payload
from warehouse.errors import Unparsable, Usage

ROOT = "/trade-api/v2"
TOKENS = 10
"""What one GET costs of the read budget."""

CANDLES_PER_CALL = 5_000
CANDLES_PER_BATCH = 10_000
TICKERS_PER_BATCH = 100
PERIODS_MINUTES = (1, 60, 1_440)
PERIOD = "period_interval"
"""Which of them was asked for; no answer says it."""

MARKETS_PER_PAGE = 1_000
TRADES_PER_PAGE = 1_000
EVENTS_PER_PAGE = 200
FEE_CHANGES_PER_PAGE = 100
DEEPEST = 100

SETTLES_DOWN = timedelta(days=1)
"""What ended this long ago is told the same way for ever."""

_JUST_BEYOND_CLOSE = timedelta(minutes=1)  # a last candle can be stamped one period after the close


def candle_window(open_utc: datetime, close_utc: datetime) -> tuple[datetime, datetime]:
    """Return the stamps of a market's candles: from its opening through one minute after its close."""
    return open_utc, close_utc + _JUST_BEYOND_CLOSE


def series(series_ticker: str) -> Call:
    """Ask for one series: its fee, its settlement sources."""
    return _call("kalshi_series", f"/series/{_name(series_ticker)}", asked={"series_ticker": series_ticker})


def fee_changes(series_ticker: str) -> Call:
    """Ask for every fee that a series ever had or will have."""
    query = {"series_ticker": series_ticker, "show_historical": "true"}
    return _call("kalshi_fee_changes", "/series/fee_changes", query=query, asked={"series_ticker": series_ticker})


def event_fee_changes() -> Call:
    """Ask for every fee that an event of the exchange has instead of its series': they are few, our events are many."""
    query = {"limit": str(FEE_CHANGES_PER_PAGE), "show_historical": "true"}
    return _call("kalshi_fee_changes", "/events/fee_changes", query=query, pages=True)


def events(series_ticker: str, *, status: str | None = None, with_nested_markets: bool = False) -> Call:
    """Ask for the events of a series, of one status or all; they are never moved to the historical tier."""
    if status is not None:
        require_status_word(status)
    query = {"series_ticker": series_ticker, "limit": str(EVENTS_PER_PAGE)}
    query |= {"status": status} if status else {}
    query |= {"with_nested_markets": "true"} if with_nested_markets else {}
    return _call("kalshi_events", "/events", query=query, asked={"series_ticker": series_ticker}, pages=True)


def event(event_ticker: str, *, with_nested_markets: bool = False) -> Call:
    """Ask for one event of any date."""
    query = {"with_nested_markets": "true"} if with_nested_markets else {}
    asked = {"series_ticker": _series_of(event_ticker)}
    return _call("kalshi_events", f"/events/{_name(event_ticker)}", query=query, asked=asked)


def markets(wanted: MarketFilter) -> Call:
    """Ask for the markets of the live tier."""
    if not wanted.query:
        raise Usage("a listing of all markets has no end worth waiting for", hint="name a series, an event or tickers")
    return _markets("/markets", wanted.query)


def market(ticker: str) -> Call:
    """Ask for one market of the live tier; the legacy tickers are only in the historical listing."""
    return _call("kalshi_markets", f"/markets/{_name(ticker)}", asked={"series_ticker": _series_of(ticker)})


def historical_markets(
    *, series_ticker: str | None = None, event_ticker: str | None = None, tickers: Sequence[str] = ()
) -> Call:
    """Ask for markets of the historical tier by exactly one of series, event or tickers."""
    said = {"series_ticker": series_ticker, "event_ticker": event_ticker, "tickers": ",".join(tickers)}
    query = {name: value for name, value in said.items() if value}
    if len(query) != 1:
        raise Usage(
            f"the historical tier lists by one filter, not by {' and '.join(query) or 'none'}",
            hint="series_ticker, event_ticker or tickers",
        )
    return _markets("/historical/markets", query)


def historical_market(ticker: str) -> Call:
    """Ask for one market of the historical tier."""
    asked = {"series_ticker": _series_of(ticker)}
    return _call("kalshi_markets", f"/historical/markets/{_name(ticker)}", asked=asked)


def candles(ticker: str, *, start_utc: datetime, end_utc: datetime, period_minutes: int = 1) -> tuple[Call, ...]:
    """Ask for the candles of one live market stamped within [start, end], in as few windows as the cap allows."""
    path = f"/series/{_name(_series_of(ticker))}/markets/{_name(ticker)}/candlesticks"
    return _candles(path, start_utc, end_utc, period_minutes)


def historical_candles(
    ticker: str, *, start_utc: datetime, end_utc: datetime, period_minutes: int = 1
) -> tuple[Call, ...]:
    """Ask the same of the historical tier, which speaks the other dialect and knows no series."""
    return _candles(f"/historical/markets/{_name(ticker)}/candlesticks", start_utc, end_utc, period_minutes)


def batch_candles(
    tickers: Sequence[str], *, start_utc: datetime, end_utc: datetime, period_minutes: int = 1
) -> tuple[Call, ...]:
    """Ask for the candles of many live markets; tickers times periods stays within the cap of every call."""
    _require_some(tickers)
    return tuple(
        _windowed(
            "/markets/candlesticks", window, period_minutes, query={"market_tickers": ",".join(tickers[first:beyond])}
        )
        for first in range(0, len(tickers), TICKERS_PER_BATCH)
        for beyond in (min(first + TICKERS_PER_BATCH, len(tickers)),)
        for window in windows(
            start_utc, end_utc, period_minutes=period_minutes, cap=CANDLES_PER_BATCH // (beyond - first)
        )
    )


def event_candles(event_ticker: str, *, start_utc: datetime, end_utc: datetime, period_minutes: int = 1) -> Call:
    """Ask for the candles of an event; the answer may end early, and `rest_of_event_candles` goes on from there."""
    path = f"/series/{_name(_series_of(event_ticker))}/events/{_name(event_ticker)}/candlesticks"
    return _windowed(path, _window(start_utc, end_utc), period_minutes)


def rest_of_event_candles(call: Call, payload: Payload) -> Call | None:
    """Return the question for what the exchange cut off, None when the answer reached the end of its window."""
    try:
        end_s = msgspec.json.decode(payload.body, type=_Adjusted).adjusted_end_ts
    except msgspec.DecodeError as error:
        raise Unparsable(f"{call}: the answer does not say where it ended ({error})") from error
    if end_s is None or end_s >= int(call.query["end_ts"]):
        return None
    if end_s < int(call.query["start_ts"]):
        raise Unparsable(f"{call}: the answer ended before its window began, at {end_s}")
    return replace(call, query={**call.query, "start_ts": str(end_s + 1)})


def trades(ticker: str, *, min_utc: datetime | None = None, max_utc: datetime | None = None) -> Call:
    """Ask for the trades of one live market; without a ticker the exchange would answer with everybody's."""
    return _trades("/markets/trades", ticker, min_utc, max_utc)


def historical_trades(ticker: str, *, min_utc: datetime | None = None, max_utc: datetime | None = None) -> Call:
    """Ask the same of the historical tier."""
    return _trades("/historical/trades", ticker, min_utc, max_utc)


def orderbook(ticker: str, *, depth: int = 0) -> Call:
    """Ask for the book of one market, down to a depth; 0 is all of it."""
    if not 0 <= depth <= DEEPEST:
        raise Usage(f"a book has no depth of {depth}", hint=f"1 to {DEEPEST} levels, or 0 for all")
    query = {"depth": str(depth)} if depth else {}
    return _call("kalshi_orderbook", f"/markets/{_name(ticker)}/orderbook", query=query, asked={"ticker": ticker})


def orderbooks(tickers: Sequence[str]) -> Call:
    """Ask for many books at once."""
    _require_some(tickers)
    # The name repeats, which a mapping cannot say; signatures leave the query out, wherever it stands.
    listed = urlencode([("tickers", ticker) for ticker in tickers])
    return _call("kalshi_orderbook", f"/markets/orderbooks?{listed}", asked={"ticker": ",".join(tickers)})


def cutoff() -> Call:
    """Ask where the historical tier begins; it moves, so it is asked on every run."""
    return _call("kalshi_cutoff", "/historical/cutoff")


def status() -> Call:
    """Ask whether the exchange is open."""
    return _call("kalshi_status", "/exchange/status")


def schedule() -> Call:
    """Ask when the exchange is open, and when it is being maintained."""
    return _call("kalshi_schedule", "/exchange/schedule")


Window = tuple[int, int]
"""The first and the last second of a window, both inside."""


def windows(start_utc: datetime, end_utc: datetime, *, period_minutes: int, cap: int) -> Iterator[Window]:
    """Cut [start, end] into windows of at most `cap` periods: every second is in exactly one of them."""
    start_s, end_s = _window(start_utc, end_utc)
    span_s = cap * _period_s(period_minutes)
    for first_s in range(start_s, end_s + 1, span_s):
        yield first_s, min(first_s + span_s - 1, end_s)


class _Adjusted(msgspec.Struct):
    adjusted_end_ts: int | None = None


def _call(
    kind: str,
    path: str,
    *,
    query: dict[str, str] | None = None,
    asked: dict[str, str] | None = None,
    pages: bool = False,
    final_after_utc: datetime = NEVER,
) -> Call:
    return Call(
        vendor="kalshi",
        kind=kind,
        path=ROOT + path,
        query=query or {},
        asked=asked or {},
        pages=pages,
        tokens=TOKENS,
        final_after_utc=final_after_utc,
    )


def _markets(path: str, query: dict[str, str]) -> Call:
    named = query.get("series_ticker") or query.get("event_ticker") or query.get("tickers", "")
    asked = {"series_ticker": _series_of(named)} if named else {}
    limit = {"limit": str(MARKETS_PER_PAGE)}
    return _call("kalshi_markets", path, query=query | limit, asked=asked, pages=True)


def _candles(path: str, start_utc: datetime, end_utc: datetime, period_minutes: int) -> tuple[Call, ...]:
    cut = windows(start_utc, end_utc, period_minutes=period_minutes, cap=CANDLES_PER_CALL)
    return tuple(_windowed(path, window, period_minutes) for window in cut)


def _windowed(path: str, window: Window, period_minutes: int, *, query: dict[str, str] | None = None) -> Call:
    _period_s(period_minutes)
    start_s, end_s = window
    period = {PERIOD: str(period_minutes)}
    said = {"start_ts": str(start_s), "end_ts": str(end_s)} | period
    return _call("kalshi_candles", path, query=(query or {}) | said, asked=period, final_after_utc=_final_after(end_s))


def _trades(path: str, ticker: str, min_utc: datetime | None, max_utc: datetime | None) -> Call:
    if not ticker:
        raise Usage("trades are asked for by ticker", hint="without one the exchange answers with everybody's trades")
    query = {"ticker": ticker, "limit": str(TRADES_PER_PAGE)}
    query |= {} if min_utc is None else {"min_ts": str(unix_s(min_utc))}
    query |= {} if max_utc is None else {"max_ts": str(unix_s(max_utc))}
    final = NEVER if max_utc is None else _final_after(unix_s(max_utc))
    return _call("kalshi_trades", path, query=query, pages=True, final_after_utc=final)


def _final_after(end_s: int) -> datetime:
    return datetime.fromtimestamp(end_s, UTC) + SETTLES_DOWN


def _window(start_utc: datetime, end_utc: datetime) -> Window:
    start_s, end_s = unix_s(start_utc), unix_s(end_utc)
    if end_s < start_s:
        raise Usage(f"the window ends before it begins: {start_utc.isoformat()} to {end_utc.isoformat()}")
    return start_s, end_s


def _period_s(period_minutes: int) -> int:
    if period_minutes not in PERIODS_MINUTES:
        raise Usage(f"there are no candles of {period_minutes} minutes", hint=f"of {PERIODS_MINUTES} minutes")
    return 60 * period_minutes


def _series_of(ticker: str) -> str:
    return ticker.partition(",")[0].partition("-")[0]


def _name(ticker: str) -> str:
    if not ticker:
        raise Usage("a ticker is empty")
    return quote(ticker, safe="")


def _require_some(tickers: Sequence[str]) -> None:
    if not tickers:
        raise Usage("no ticker is named")
