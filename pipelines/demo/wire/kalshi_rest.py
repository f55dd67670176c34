"""The exchange's public REST endpoints: which path asks for what, and the lists of series, events and markets.

Markets that settled before the cutoff have left the live tier; series and events never leave it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from pipelines.demo.wire import kalshi_listings as listings
from pipelines.demo.wire.answers import Answer, Ask, as_json, stamp
from pipelines.demo.wire.kalshi_books import deepest, said_levels
from pipelines.demo.wire.kalshi_fees import event_fee_changes, series_fee_changes
from pipelines.demo.wire.kalshi_listings import Listed
from pipelines.demo.wire.kalshi_minutes import Minutes
from pipelines.demo.wire.kalshi_pages import (
    bad_request,
    listing,
    market_filter,
    not_found,
    number,
    page,
    status_filter,
)
from pipelines.demo.wire.kalshi_tape import Tape
from pipelines.demo.wire.told import Told
from warehouse.market.cities import City, city_of_series

ROOT = "/trade-api/v2"

_EVENTS_PER_PAGE = 200
_FEE_CHANGES_PER_PAGE = 100
_USUAL_MARKETS, _MARKETS_PER_PAGE = 100, 1_000
_BY_ONE = ("tickers", "event_ticker", "series_ticker", "mve_filter")
_WEEK = ("monday", "tuesday", "wednesday", "friday", "saturday", "sunday")
_ALL_DAY = [{"open_time": "00:00", "close_time": "00:00"}]
_MAINTAINED = [{"open_time": "00:00", "close_time": "03:00"}, {"open_time": "05:00", "close_time": "00:00"}]
_SCHEDULE = {
    "schedule": {
        "standard_hours": [
            {"start_time": "2020-01-01T00:00:00Z", "end_time": "2200-12-01T00:00:00Z", "thursday": _MAINTAINED}
            | dict.fromkeys(_WEEK, _ALL_DAY)
        ],
        "maintenance_windows": [],
    }
}
_OPEN = {"exchange_active": True, "trading_active": True, "intra_exchange_transfers_active": True}
_STATUS = {
    **_OPEN,
    "exchange_estimated_resume_time": None,
    "exchange_index_statuses": [{"exchange_index": 0, "description": "default", **_OPEN}],
}

Handler = Callable[..., Answer]


class KalshiRest:
    """The exchange's endpoints over one world."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._minutes = Minutes(told=told, tape=Tape(told))
        self._routes: tuple[tuple[tuple[str, ...], Handler], ...] = tuple(
            (tuple(path.split("/")), handler) for path, handler in self._paths().items()
        )

    def answer(self, ask: Ask) -> Answer:
        """Answer one question below the root of the API."""
        parts = ask.parts[2:]
        for pattern, handler in self._routes:
            if len(pattern) == len(parts) and all(
                word in ("*", part) for word, part in zip(pattern, parts, strict=True)
            ):
                said = [part for word, part in zip(pattern, parts, strict=True) if word == "*"]
                return handler(ask, *said)
        raise not_found("endpoint")

    def _paths(self) -> Mapping[str, Handler]:
        """Return handlers by path, the more particular first; a star is handed to its handler."""
        minutes = self._minutes
        return {
            "exchange/status": lambda ask: as_json(_STATUS),
            "exchange/schedule": lambda ask: as_json(_SCHEDULE),
            "series/fee_changes": self._series_fee_changes,
            "events/fee_changes": self._event_fee_changes,
            "series": self._all_series,
            "series/*": self._series,
            "series/*/markets/*/candlesticks": minutes.live,
            "series/*/events/*/candlesticks": minutes.event,
            "events": self._events,
            "events/*": self._event,
            "markets": self._live_markets,
            "markets/candlesticks": minutes.batch,
            "markets/orderbooks": self._books,
            "markets/trades": lambda ask: minutes.trades(ask, archived=False),
            "markets/*": lambda ask, ticker: self._market(ticker, archived=False),
            "markets/*/orderbook": self._book,
            "historical/cutoff": self._cutoff,
            "historical/markets": self._old_markets,
            "historical/trades": lambda ask: minutes.trades(ask, archived=True),
            "historical/markets/*": lambda ask, ticker: self._market(ticker, archived=True),
            "historical/markets/*/candlesticks": minutes.historical,
        }

    def _cutoff(self, ask: Ask) -> Answer:
        names = ("market_settled_ts", "trades_created_ts", "orders_updated_ts", "market_positions_last_updated_ts")
        return as_json(dict.fromkeys(names, stamp(self._told.cutoff_utc)))

    def _series_fee_changes(self, ask: Ask) -> Answer:
        found = series_fee_changes(
            self._told, series=ask.one("series_ticker"), with_past=ask.one("show_historical") == "true"
        )  # fmt: skip
        return as_json({"series_fee_change_arr": found})

    def _event_fee_changes(self, ask: Ask) -> Answer:
        found = event_fee_changes(self._told, event=ask.one("event_ticker"))
        chosen, cursor = page(found, ask, usual=_FEE_CHANGES_PER_PAGE, most=_MARKETS_PER_PAGE)
        return listing("event_fee_changes", chosen, cursor)

    def _all_series(self, ask: Ask) -> Answer:
        wanted = ask.one("category") in ("", listings.CATEGORY)
        return as_json({"series": [listings.series_record(self._told, city) for city in self._told.cities if wanted]})

    def _series(self, ask: Ask, ticker: str) -> Answer:
        city = city_of_series(ticker)
        if city not in self._told.cities or city is None or city.series != ticker:
            raise not_found("series")
        return as_json({"series": listings.series_record(self._told, city)})

    def _events(self, ask: Ask) -> Answer:
        has_status, min_close_s = status_filter(ask), number(ask, "min_close_ts", 0)
        named = ask.words("tickers")
        found = [
            (city, day)
            for city, day in self._listed_events(ask.one("series_ticker"))
            if not named or str(listings.event_ticker(city, day)) in named
            if any(
                has_status(one.status) and one.close_utc.timestamp() >= min_close_s
                for one in listings.markets_of(self._told, city, day)
            )
        ]
        chosen, cursor = page(found, ask, usual=_EVENTS_PER_PAGE, most=_EVENTS_PER_PAGE)
        return listing("events", [self._event_record(ask, *event) for event in chosen], cursor)

    def _event(self, ask: Ask, ticker: str) -> Answer:
        event = listings.event_named(self._told, ticker)
        if event is None:
            raise not_found("event")
        return as_json({"event": self._event_record(ask, *event), "markets": self._live_records(*event)})

    def _event_record(self, ask: Ask, city: City, day: date) -> dict[str, Any]:
        nested = self._live_records(city, day) if ask.one("with_nested_markets") == "true" else []
        return listings.event_record(self._told, city, day, markets=nested)

    def _live_records(self, city: City, day: date) -> list[dict[str, Any]]:
        markets = listings.markets_of(self._told, city, day)
        return [one.record for one in markets if not listings.is_history(self._told, one)]

    def _live_markets(self, ask: Ask) -> Answer:
        return self._markets(ask, archived=False)

    def _old_markets(self, ask: Ask) -> Answer:
        if sum(bool(ask.one(name)) for name in _BY_ONE) > 1:
            raise bad_request(f"only one of {', '.join(_BY_ONE)} may be supplied")
        return self._markets(ask, archived=True)

    def _markets(self, ask: Ask, *, archived: bool) -> Answer:
        keeps, named = market_filter(ask), ask.words("tickers")
        found = [
            listed.record
            for city, day in self._wanted_events(ask)
            for listed in listings.markets_of(self._told, city, day)
            if keeps(listed)
            and (not named or listed.ticker in named)
            and listings.is_history(self._told, listed) == archived
        ]
        chosen, cursor = page(found, ask, usual=_USUAL_MARKETS, most=_MARKETS_PER_PAGE)
        return listing("markets", chosen, cursor)

    def _market(self, ticker: str, *, archived: bool) -> Answer:
        listed = self._listed(ticker)
        if listed is None or listings.is_history(self._told, listed) != archived:
            raise not_found("market")
        return as_json({"market": listed.record})

    def _book(self, ask: Ask, ticker: str) -> Answer:
        if self._listed(ticker) is None:
            raise not_found("market")
        return as_json({"orderbook_fp": self._levels(ticker, depth=number(ask, "depth", 0))})

    def _books(self, ask: Ask) -> Answer:
        tickers = [ticker for ticker in ask.words("tickers") if self._listed(ticker) is not None]
        return as_json(
            {"orderbooks": [{"ticker": ticker, "orderbook_fp": self._levels(ticker, depth=0)} for ticker in tickers]}
        )

    def _levels(self, ticker: str, *, depth: int) -> dict[str, list[list[str]]]:
        event, listed = listings.event_named(self._told, listings.event_of_market(ticker)), self._listed(ticker)
        if event is None or listed is None or listed.status != "active":
            return {"yes_dollars": [], "no_dollars": []}
        bids, offers = self._told.levels(*event, ticker)
        return {
            "yes_dollars": deepest(said_levels(bids), depth),
            "no_dollars": deepest(said_levels(offers, in_no=True), depth),
        }

    def _listed(self, ticker: str) -> Listed | None:
        event = listings.event_named(self._told, listings.event_of_market(ticker))
        markets = listings.markets_of(self._told, *event) if event else []
        return next((one for one in markets if one.ticker == ticker), None)

    def _wanted_events(self, ask: Ask) -> Iterator[tuple[City, date]]:
        if tickers := ask.words("tickers"):
            names = list(dict.fromkeys(listings.event_of_market(ticker) for ticker in tickers))
        elif ask.one("event_ticker"):
            names = [ask.one("event_ticker")]
        else:
            yield from self._listed_events(ask.one("series_ticker"))
            return
        yield from (event for name in names if (event := listings.event_named(self._told, name)) is not None)

    def _listed_events(self, series: str) -> Iterator[tuple[City, date]]:
        """Yield every event that exists by now, the newest first; a legacy series has none of its own."""
        for day in reversed(self._told.world.event_dates):
            for city in self._told.cities:
                if series in ("", city.series) and listings.is_listed(self._told, city, day):
                    yield city, day
