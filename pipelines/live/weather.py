"""The questions of a running day to the weather vendors, and what Visual Crossing's records allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from pipelines.calls import Call
from pipelines.ingest.questions import TWC_PAGE_SINCE
from pipelines.live.feed import Questions
from pipelines.live.settings import FeedSettings
from pipelines.weather import calls as weather
from warehouse.errors import Usage
from warehouse.market.cities import CITIES, City
from warehouse.market.climate_day import event_date_at

_Asked = Callable[[City, datetime, datetime], Sequence[Call]]

_LATE_REPORTS = timedelta(hours=2)
"""How long after midnight reports of the day before may still come in."""

_DAY = timedelta(days=1)
_DAY_S = 86_400
_TEXTS = ("CLI", "DSM", "CF6")
_OF_ALL = "all"


def vc_obs(cities: Sequence[str]) -> Questions:
    """Return the question for the five-minute measurements of the running civil day, and of the one that just ended."""
    return _each(
        cities,
        lambda here, heard_utc, now_utc: [weather.vc_recent_obs_call(here, heard_utc=heard_utc, now_utc=now_utc)],
    )


def vc_nowcast(cities: Sequence[str]) -> Questions:
    """Return the question for the forecast of this moment."""
    return _each(cities, lambda here, heard_utc, now_utc: [weather.vc_nowcast_call(here)])


def metar(cities: Sequence[str]) -> Questions:
    """Return the question for the reports of the running climate day, and of days of which some may be missing."""

    def asked(here: City, heard_utc: datetime, now_utc: datetime) -> list[Call]:
        since, until = (event_date_at(at, city=here) for at in (heard_utc - _LATE_REPORTS, now_utc))
        return weather.iem_asos_calls(here, since=since, until=until)

    return _each(cities, asked)


def vc_forecast(cities: Sequence[str]) -> Questions:
    """Return the questions for stored runs about today and tomorrow, once nothing of them can change any more."""

    def asked(here: City, heard_utc: datetime, now_utc: datetime) -> list[Call]:
        today = event_date_at(now_utc, city=here)
        runs = weather.vc_forecast_calls(here, since=today, until=today + _DAY)
        return [call for call in runs if call.final_after_utc <= now_utc]

    return _each(cities, asked)


def guidance(cities: Sequence[str]) -> Questions:
    """Return the questions for runs of guidance about today and tomorrow."""

    def asked(here: City, heard_utc: datetime, now_utc: datetime) -> list[Call]:
        today = event_date_at(now_utc, city=here)
        return weather.iem_mos_calls(here, since=today, until=today + _DAY)

    return _each(cities, asked)


def reports(cities: Sequence[str]) -> Questions:
    """Return the questions for official reports about every climate day of which there may still come some."""

    def asked(here: City, heard_utc: datetime, now_utc: datetime) -> list[Call]:
        since, until = (event_date_at(at, city=here) for at in (now_utc - weather.REPORTS_SETTLE, now_utc))
        products = (weather.iem_afos_calls(here, since=since, until=until, product=product) for product in _TEXTS)
        return [call for calls in products for call in calls]

    return _each(cities, asked)


def twc_page(cities: Sequence[str]) -> Questions:
    """Return the questions for the page of all stations, about the same days."""

    def asked(heard_utc: datetime, now_utc: datetime) -> list[Call]:
        oldest = min(event_date_at(now_utc - weather.REPORTS_SETTLE, city=CITIES[key]) for key in cities)
        first, last = max(TWC_PAGE_SINCE, oldest), now_utc.date()
        return weather.twc_climate_calls(since=first, until=last) if first <= last else []

    return {_OF_ALL: asked}


def paced(settings: FeedSettings, *, cities: int, records_per_day: int | None) -> tuple[float, float]:
    """Return how often measurements and nowcasts of Visual Crossing are asked, in seconds, within a day's records.

    Stored forecasts come first: there are few, and each is asked for once.
    """
    wanted_s = settings.vc_obs_s, settings.nowcast_s
    if records_per_day is None:
        return wanted_s
    left = records_per_day - cities * weather.VC_FORECAST_RECORDS_A_DAY
    costs = weather.VC_RECENT_OBS_RECORDS, weather.VC_NOWCAST_RECORDS
    wanted = sum(cities * cost * _DAY_S / every_s for cost, every_s in zip(costs, wanted_s, strict=True))
    stretch = max(1.0, wanted / left) if left > 0 else float("inf")
    obs_s, nowcast_s = (every_s * stretch for every_s in wanted_s)
    if obs_s > _DAY_S / 2:
        raise Usage(
            f"{records_per_day:,} records a day do not pay for measurements of {cities} cities twice a day",
            hint="say more records, or fewer cities; without Visual Crossing's key its feeds are left out",
        )
    return obs_s, nowcast_s


def _each(cities: Sequence[str], asked: _Asked) -> Questions:
    def of(here: City) -> Callable[[datetime, datetime], Sequence[Call]]:
        return lambda heard_utc, now_utc: asked(here, heard_utc, now_utc)

    return {key: of(CITIES[key]) for key in cities}
