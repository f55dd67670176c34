"""Questions about an account: one builder for each endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pipelines.calls import Call
from pipelines.kalshi.calls import ROOT, TOKENS
from pipelines.kalshi.portfolio.amounts import whole_seconds
from pipelines.kalshi.portfolio.places import named
from pipelines.kalshi.portfolio.records import Status
from warehouse.errors import Usage

PER_PAGE = 200
"""The most orders, fills, positions or settlements that one page has."""

TICKERS_PER_QUESTION = 100
EVENTS_PER_QUESTION = 10


def orders(
    *,
    status: Status | None = None,
    market_ticker: str | None = None,
    event_tickers: Sequence[str] = (),
    since_utc: datetime | None = None,
    until_utc: datetime | None = None,
) -> Call:
    """Ask for our orders of a status, a market, some events, a span of time, or all."""
    _require_at_most(event_tickers, EVENTS_PER_QUESTION, what="events")
    query = {"status": status, "ticker": market_ticker, "event_ticker": ",".join(event_tickers)}
    return _listing("kalshi_orders", "/portfolio/orders", query | _span(since_utc, until_utc))


def order(order_id: str) -> Call:
    """Ask for one order."""
    return _call("kalshi_order", f"/portfolio/orders/{named(order_id)}")


def queue_positions(*, market_tickers: Sequence[str] = (), event_ticker: str | None = None) -> Call:
    """Ask how much rests before our orders of some markets or of one event."""
    _require_at_most(market_tickers, TICKERS_PER_QUESTION, what="markets")
    query = {"market_tickers": ",".join(market_tickers), "event_ticker": event_ticker}
    if not any(query.values()):
        raise Usage("queue positions are told of markets or of an event", hint="name one")
    return _call("kalshi_queue_positions", "/portfolio/orders/queue_positions", query)


def queue_position(order_id: str) -> Call:
    """Ask how much rests before one order."""
    return _call("kalshi_queue_position", f"/portfolio/orders/{named(order_id)}/queue_position")


def balance() -> Call:
    """Ask for the money of the account."""
    return _call("kalshi_balance", "/portfolio/balance")


def positions(*, market_ticker: str | None = None, event_ticker: str | None = None) -> Call:
    """Ask for what is held and not settled."""
    query = {"ticker": market_ticker, "event_ticker": event_ticker, "settlement_status": "unsettled"}
    return _listing("kalshi_positions", "/portfolio/positions", query)


def fills(
    *,
    market_tickers: Sequence[str] = (),
    order_id: str | None = None,
    since_utc: datetime | None = None,
    until_utc: datetime | None = None,
) -> Call:
    """Ask for our fills of some markets, an order, a span of time, or all."""
    _require_at_most(market_tickers, TICKERS_PER_QUESTION, what="markets")
    query = {"ticker": ",".join(market_tickers), "order_id": order_id}
    return _listing("kalshi_fills", "/portfolio/fills", query | _span(since_utc, until_utc))


def settlements(*, since_utc: datetime | None = None, until_utc: datetime | None = None) -> Call:
    """Ask for what markets paid us in the end."""
    return _listing("kalshi_settlements", "/portfolio/settlements", _span(since_utc, until_utc))


def order_groups() -> Call:
    """Ask for our order groups."""
    return _call("kalshi_order_groups", "/portfolio/order_groups")


def order_group(order_group_id: str) -> Call:
    """Ask for one order group."""
    return _call("kalshi_order_group", f"/portfolio/order_groups/{named(order_group_id)}")


def exchange_status() -> Call:
    """Ask whether the exchange is open."""
    return _call("kalshi_status", "/exchange/status")


def user_data_timestamp() -> Call:
    """Ask up to which instant portfolio reads are complete."""
    return _call("kalshi_user_data_timestamp", "/exchange/user_data_timestamp")


def account_limits() -> Call:
    """Ask how much this key may ask."""
    return _call("kalshi_account_limits", "/account/limits")


def _listing(kind: str, path: str, query: Mapping[str, str | None]) -> Call:
    return _call(kind, path, {**query, "limit": str(PER_PAGE)}, pages=True)


def _call(kind: str, path: str, query: Mapping[str, str | None] | None = None, *, pages: bool = False) -> Call:
    said = {name: value for name, value in (query or {}).items() if value}
    return Call(vendor="kalshi", kind=kind, path=ROOT + path, query=said, pages=pages, tokens=TOKENS)


def _span(since_utc: datetime | None, until_utc: datetime | None) -> dict[str, str | None]:
    """Return a span in whole seconds that holds all of it: its last second is begun."""
    return {
        "min_ts": None if since_utc is None else str(whole_seconds(since_utc)),
        "max_ts": None if until_utc is None else str(whole_seconds(until_utc) + 1),
    }


def _require_at_most(names: Sequence[str], most: int, *, what: str) -> None:
    if len(names) > most:
        raise Usage(f"{len(names)} {what} are more than the {most} of one question")
