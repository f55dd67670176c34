"""The questions that a wish leads to, vendor by vendor, before anything is sent. Nothing here touches a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import polars as pl

from pipelines.calls import Call
from pipelines.kalshi import calls as kalshi
from pipelines.kalshi.answers import Cutoff
from pipelines.kalshi.filters import MarketFilter
from pipelines.weather import calls as weather
from warehouse.errors import Usage
from warehouse.market.cities import CITIES, City
from warehouse.market.climate_day import ClimateDay, event_date_at, event_dates

EXCHANGE_KINDS = ("markets", "candles", "trades")
SOURCES = {
    "obs": ("vc", "metar", "asos1min"),
    "forecasts": ("vc", "nbm", "lamp", "mos"),
    "settlements": ("kalshi", "cli", "twc", "dsm", "cf6", "ghcn", "iem_cli"),
}
_MODEL = {"nbm": "NBS", "lamp": "LAV", "mos": "GFS"}

ONLY_BY_NAME = ("iem_cli",)
"""A year in one table, of which each day's last report alone is told: an audit of what the texts say."""

USUAL_DAYS_PER_CALL = 7
UNSURE_NEAR_CUTOFF = timedelta(days=3)
TWC_PAGE_SINCE = date(2026, 6, 1)  # the page's own history begins here, ten weeks before it began to settle
_LISTED_AROUND = timedelta(days=2)
_ONE_DAY = timedelta(days=1)

Question = tuple[str, str, Call]
"""A kind, a city, and what is asked."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What shall be in the lake: kinds, cities, event dates, and sources (all of a kind where none is said)."""

    kinds: tuple[str, ...]
    cities: tuple[str, ...]
    since: date
    until: date
    sources: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        kinds: Sequence[str],
        cities: Sequence[str] = (),
        since: date | None = None,
        until: date | None = None,
        sources: Sequence[str] = (),
    ) -> Wish:
        """Return a wish that can be meant; both ends of the range have to be said."""
        if since is None or until is None:
            raise Usage("which days?", hint="say --since 2026-11-01 --until 2026-11-04, or --last 3")
        next(event_dates(since, until))
        known = {source for kind in kinds for source in SOURCES.get(kind, ("kalshi",))}
        if foreign := sorted(set(sources) - known):
            raise Usage(
                f"no vendor is asked for {foreign[0]!r} of {', '.join(kinds)}",
                hint=f"the sources are {' '.join(sorted(known))}",
            )
        return cls(kinds=tuple(kinds), cities=tuple(cities or CITIES), since=since, until=until, sources=tuple(sources))

    @property
    def of_exchange(self) -> bool:
        """True when the exchange has to be asked."""
        wanted = any(kind in EXCHANGE_KINDS for kind in self.kinds) or "settlements" in self.kinds
        return wanted and (not self.sources or "kalshi" in self.sources)

    def wants(self, kind: str, source: str) -> bool:
        """Tell whether a source of a kind is wished for."""
        by_default = not self.sources and source not in ONLY_BY_NAME
        return kind in self.kinds and (by_default or source in self.sources)


def newest_dates(count: int, *, cities: Sequence[str] = (), now_utc: datetime) -> tuple[date, date]:
    """Return the first and the last of so many event dates; the last is that of the city whose day is furthest on."""
    until = max(event_date_at(now_utc, city=CITIES[city]) for city in cities or CITIES)
    return until - (count - 1) * _ONE_DAY, until


def listing_calls(wish: Wish, *, now_utc: datetime, oldest_live_utc: datetime) -> Iterator[Question]:
    """Yield the questions for what is listed: fees, events, and markets of the tiers that the days lie in."""
    for here in _cities(wish):
        first, last = ClimateDay(here, wish.since), ClimateDay(here, wish.until)
        yield "markets", here.key, kalshi.series(here.series)
        yield "markets", here.key, kalshi.fee_changes(here.series)
        yield "markets", here.key, kalshi.events(here.series)
        if last.end_utc + _ONE_DAY >= oldest_live_utc - UNSURE_NEAR_CUTOFF:
            around = MarketFilter(
                series_ticker=here.series,
                min_close_utc=first.end_utc - _LISTED_AROUND,
                max_close_utc=last.end_utc + _LISTED_AROUND,
            )
            yield "markets", here.key, kalshi.markets(around)
        if first.end_utc <= min(oldest_live_utc + UNSURE_NEAR_CUTOFF, now_utc):
            yield "markets", here.key, kalshi.historical_markets(series_ticker=here.series)
    yield "markets", "all", kalshi.event_fee_changes()


def tape_calls(wish: Wish, markets: pl.DataFrame, *, cutoff: Cutoff, now_utc: datetime) -> Iterator[Question]:
    """Yield the questions for the minutes and trades of listed markets, each on its tier."""
    listed = markets.filter(pl.col("open_utc") < now_utc).sort("city", "event_date", "market_ticker")
    for (city, _), event in listed.group_by("city", "event_ticker", maintain_order=True):
        settled_utc = event["settled_utc"].max()
        close_utc = event["close_utc"].max()
        assert isinstance(close_utc, datetime)
        assert settled_utc is None or isinstance(settled_utc, datetime)
        if "candles" in wish.kinds:
            yield from (("candles", str(city), call) for call in _candles_of(event, settled_utc, cutoff, now_utc))
        if "trades" in wish.kinds:
            for ticker in event["market_ticker"]:
                yield from (("trades", str(city), call) for call in _trades_of(ticker, close_utc, cutoff, now_utc))


def weather_calls(
    wish: Wish, *, now_utc: datetime, with_vc: bool, vc_records_per_day: int | None = None
) -> Iterator[Question]:
    """Yield the questions to the weather vendors; the eve is weather of the first day too, and no day is yet to come.

    Forecasts come first: they are few, and must not wait for a budget that observations use up.
    """
    eve = wish.since - _ONE_DAY
    for here in _cities(wish):
        for call in _forecasts_of(wish, here, now_utc=now_utc, with_vc=with_vc):
            yield "forecasts", here.key, call
    for here in _cities(wish):
        until = min(wish.until, event_date_at(now_utc, city=here))
        if until < eve:
            continue
        days_per_call = _days_paid_for(vc_records_per_day)
        for call in _obs_of(wish, here, since=eve, until=until, with_vc=with_vc, days_per_call=days_per_call):
            yield "obs", here.key, call
        for call in _settlements_of(wish, here, since=eve, until=until):
            yield "settlements", here.key, call
    last = min(wish.until, now_utc.date())
    first = max(eve, TWC_PAGE_SINCE)
    if wish.wants("settlements", "twc") and first <= last:
        for call in weather.twc_climate_calls(since=first, until=last):
            yield "settlements", "all", call


def _days_paid_for(vc_records_per_day: int | None) -> int:
    """Return how many days of observations one question may hold; refuse a plan that pays for none."""
    if vc_records_per_day is None:
        return USUAL_DAYS_PER_CALL
    least = weather.vc_obs_records(1)
    if vc_records_per_day < least:
        raise Usage(
            f"{vc_records_per_day} records a day pay for no day of five-minute observations: one costs {least}",
            hint="say more --vc-records, or choose other sources: --source metar",
        )
    fitting = [days for days in range(1, USUAL_DAYS_PER_CALL + 1) if weather.vc_obs_records(days) <= vc_records_per_day]
    return fitting[-1]


def _cities(wish: Wish) -> list[City]:
    return [CITIES[key] for key in wish.cities]


def _candles_of(event: pl.DataFrame, settled_utc: datetime | None, cutoff: Cutoff, now_utc: datetime) -> list[Call]:
    open_utc, close_utc = event["open_utc"].min(), event["close_utc"].max()
    assert isinstance(open_utc, datetime)
    assert isinstance(close_utc, datetime)
    start_utc, end_utc = kalshi.candle_window(open_utc, min(close_utc, now_utc))
    tickers = event["market_ticker"].to_list()
    live = list(kalshi.batch_candles(tickers, start_utc=start_utc, end_utc=end_utc))
    old = [c for ticker in tickers for c in kalshi.historical_candles(ticker, start_utc=start_utc, end_utc=end_utc)]
    return _on_tier(live, old, settled_utc, cutoff.market_settled_utc)


def _trades_of(ticker: str, close_utc: datetime, cutoff: Cutoff, now_utc: datetime) -> list[Call]:
    ended = kalshi.candle_window(close_utc, close_utc)[1]
    until = {"max_utc": ended} if ended <= now_utc else {}
    live, old = kalshi.trades(ticker, **until), kalshi.historical_trades(ticker, **until)
    return _on_tier([live], [old], close_utc, cutoff.trades_created_utc)


def _on_tier(live: list[Call], old: list[Call], at_utc: datetime | None, cutoff_utc: datetime) -> list[Call]:
    """Return the calls of the tier that has what happened then; near the cutoff those of both, for it moves."""
    if at_utc is None or at_utc >= cutoff_utc + UNSURE_NEAR_CUTOFF:
        return live
    if at_utc < cutoff_utc - UNSURE_NEAR_CUTOFF:
        return old
    return [replace(call, may_be_unknown=True) for call in (*live, *old)]


def _obs_of(wish: Wish, here: City, *, since: date, until: date, with_vc: bool, days_per_call: int) -> Iterator[Call]:
    if wish.wants("obs", "vc") and with_vc:
        yield from weather.vc_obs_calls(here, since=since, until=until, days_per_call=days_per_call)
    if wish.wants("obs", "metar"):
        yield from weather.iem_asos_calls(here, since=since, until=until)
    if wish.wants("obs", "asos1min"):
        yield from weather.iem_asos1min_calls(here, since=since, until=until)


def _forecasts_of(wish: Wish, here: City, *, now_utc: datetime, with_vc: bool) -> Iterator[Call]:
    if wish.wants("forecasts", "vc") and with_vc:
        runs = weather.vc_forecast_calls(here, since=wish.since, until=wish.until)
        yield from (call for call in runs if call.asked["basis"] <= str(now_utc.date()))
        if ClimateDay(here, wish.since).start_utc <= now_utc < ClimateDay(here, wish.until).end_utc:
            yield weather.vc_nowcast_call(here)
    models = [model for source, model in _MODEL.items() if wish.wants("forecasts", source)]
    if models:
        yield from weather.iem_mos_calls(here, since=wish.since, until=wish.until, models=models)


def _settlements_of(wish: Wish, here: City, *, since: date, until: date) -> Iterator[Call]:
    for product in ("cli", "dsm", "cf6"):
        if wish.wants("settlements", product):
            yield from weather.iem_afos_calls(here, since=since, until=until, product=product.upper())
    if wish.wants("settlements", "iem_cli"):
        yield from weather.iem_cli_calls(here, since=since, until=until)
    if wish.wants("settlements", "ghcn"):
        yield from weather.ncei_daily_calls(here, since=since, until=until)
