"""The questions to every weather vendor, complete and priced, before anything is sent.

Windows are climate days in UTC wherever the vendor takes instants. Long ranges are cut at fixed dates, never at their
own start, so that two overlapping plans ask the same questions and the second is answered from what is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import quote

from pipelines.calls import Call
from pipelines.lags import FORECAST_LAG
from pipelines.weather.timeline import city_address, station_address
from warehouse.market.cities import CITIES, City
from warehouse.market.climate_day import ClimateDay, event_dates

MOS_MODELS = ("NBS", "LAV", "GFS")

_TIMELINE = "/VisualCrossingWebServices/rest/services/timeline"
_OBS_ELEMENTS = "datetime,datetimeEpoch,temp,dew,humidity,windspeed,winddir,cloudcover,source,stations"
_OBS_QUERY = {
    "unitGroup": "us",
    "include": "obs,minutes",
    "options": "minuteinterval_5,useobs,nonulls",
    "maxStations": "1",
    "maxDistance": "1609",
    "elements": _OBS_ELEMENTS,
    "contentType": "json",
}
_ONE_DAY = timedelta(days=1)
_VC_LATE = timedelta(hours=1)  # of a measurement, at most: the vendor's own is about eight minutes

# What each row of history costs: a row is a record, whatever its columns.
_FIVE_MINUTE_RECORDS = 288
_QUARTER_HOUR_RECORDS = 96
_HOURLY_RECORDS = 24

VC_RECENT_OBS_RECORDS = _FIVE_MINUTE_RECORDS + _FIVE_MINUTE_RECORDS // 24
"""What one question for the running day's measurements costs, over a day with its hour of two days."""

VC_NOWCAST_RECORDS = 2 * _QUARTER_HOUR_RECORDS
VC_FORECAST_RECORDS_A_DAY = 4 * _HOURLY_RECORDS
"""What the runs of one basis cost a city: two event dates, of two civil days each."""

# How long after its last instant an answer may still change.
_VC_SETTLES = timedelta(days=2)
_METAR_SETTLES = timedelta(days=1)
_MINUTE_PAGES_SETTLE = timedelta(days=3)  # collected a day later, gaps filled in the days after
_ARCHIVE_SETTLES = timedelta(days=45)  # the national archive revises


REPORTS_SETTLE = timedelta(hours=36)
"""How long after a climate day texts about it are asked for: a final report of the small hours, and its corrections."""


def vc_obs_calls(city: City, *, since: date, until: date, days_per_call: int = 7) -> list[Call]:
    """Return the questions for five-minute measurements of one station alone, a day of margin on either side.

    Ranges are civil days at the vendor's, so the margin is what makes climate days whole; it is paid for, which makes
    few long questions cheaper, and one day a question the easiest to stop and go on with.
    """
    return [
        Call(
            vendor="vc",
            kind="vc_obs",
            path=f"{_TIMELINE}/{station_address(city)}/{first - _ONE_DAY}/{last + _ONE_DAY}",
            query=_OBS_QUERY,
            asked={"city": city.key, "since": str(first), "until": str(last)},
            records=vc_obs_records((last - first).days + 1),
            final_after_utc=ClimateDay(city, last).end_utc + _VC_SETTLES,
        )
        for first, last in _pieces(since, until, days=days_per_call)
    ]


def vc_obs_records(days: int) -> int:
    """Return what a question for so many days of five-minute measurements costs, with its margin on either side."""
    return _FIVE_MINUTE_RECORDS * (days + 2)


def vc_recent_obs_call(city: City, *, heard_utc: datetime, now_utc: datetime) -> Call:
    """Return the question for five-minute measurements of the running civil day alone; never final.

    The day before is asked for too while something of it may be missing: what was measured shortly before midnight
    comes in after it, and after an outage everything since we heard last does. What is older, an ingest asks for.
    """
    first, last = (at.astimezone(city.tzinfo).date() for at in (heard_utc - _VC_LATE, now_utc))
    first = max(first, last - _ONE_DAY)
    return Call(
        vendor="vc",
        kind="vc_obs",
        path=f"{_TIMELINE}/{station_address(city)}/{first}/{last}",
        query=_OBS_QUERY,
        asked={"city": city.key},
        records=_FIVE_MINUTE_RECORDS * ((last - first).days + 1),
    )


def vc_nowcast_call(city: City) -> Call:
    """Return the question for the running day and tomorrow: measured so far, forecast from there. Never final."""
    return Call(
        vendor="vc",
        kind="vc_nowcast",
        path=f"{_TIMELINE}/{station_address(city)}/today/tomorrow",
        query={
            "unitGroup": "us",
            "include": "obs,fcst,current,days,hours,minutes",
            "options": "minuteinterval_15,useobs,nonulls",
            "maxStations": "1",
            "maxDistance": "1609",
            "elements": f"{_OBS_ELEMENTS},tempmax",
            "contentType": "json",
        },
        asked={"city": city.key},
        records=VC_NOWCAST_RECORDS,
    )


def vc_forecast_calls(city: City, *, since: date, until: date, leads: Sequence[int] = (1, 0)) -> list[Call]:
    """Return the questions for what the runs of `leads` days before each event date forecast of it.

    Two civil days are asked for, because a climate day ends an hour into the second one in summer. A stored forecast
    is charged like history.
    """
    return [
        Call(
            vendor="vc",
            kind="vc_forecast",
            path=f"{_TIMELINE}/{quote(city_address(city), safe=',')}/{target}/{target + _ONE_DAY}",
            query={
                "unitGroup": "us",
                "include": "days,hours",
                "forecastBasisDate": str(basis),
                "contentType": "json",
            },
            asked={"city": city.key, "target": str(target), "basis": str(basis)},
            records=2 * _HOURLY_RECORDS,
            final_after_utc=datetime.combine(basis, time(), UTC) + FORECAST_LAG["vc"],
        )
        for target in event_dates(since, until)
        for basis in (target - timedelta(days=lead) for lead in leads)
    ]


def iem_afos_calls(city: City, *, since: date, until: date, product: str = "CLI") -> list[Call]:
    """Return the questions for every issuance of one product (CLI, DSM, CF6) of a city: prelim, final, corrected."""
    pil = city.cli_code if product == "CLI" else f"{product}{city.station[1:]}"
    return [
        Call(
            vendor="iem",
            kind="iem_afos",
            path="/cgi-bin/afos/retrieve.py",
            query={
                "pil": pil,
                "sdate": _minute(ClimateDay(city, first).start_utc),
                "edate": _minute(ClimateDay(city, last).end_utc + REPORTS_SETTLE),
                "fmt": "text",
                "limit": "9999",
                "order": "asc",
            },
            asked={"pil": pil, "city": city.key, "since": str(first), "until": str(last)},
            final_after_utc=ClimateDay(city, last).end_utc + REPORTS_SETTLE + _ONE_DAY,
        )
        for first, last in _pieces(since, until, days=31)
    ]


def iem_cli_calls(city: City, *, since: date, until: date) -> list[Call]:
    """Return the questions for the latest climate report of each day, one a year; no label on its own."""
    return [
        Call(
            vendor="iem",
            kind="iem_cli",
            path="/json/cli.py",
            query={"station": city.station, "year": str(year)},
            asked={"station": city.station, "city": city.key},
            final_after_utc=ClimateDay(city, date(year, 12, 31)).end_utc + _ARCHIVE_SETTLES,
        )
        for year in range(since.year, until.year + 1)
    ]


def iem_asos_calls(city: City, *, since: date, until: date, report_type: str = "3,4") -> list[Call]:
    """Return the questions for METARs: routine and special (3,4), or the five-minute ones (1)."""
    return [
        Call(
            vendor="iem",
            kind="iem_asos",
            path="/cgi-bin/request/asos.py",
            query={
                "station": city.station[1:],
                "data": "tmpf,dwpf,sknt,metar",
                **_window(city, first, last),
                "tz": "UTC",
                "report_type": report_type,
                "format": "onlycomma",
                "missing": "empty",
                "trace": "empty",
            },
            asked={"city": city.key, "report_type": report_type, "since": str(first), "until": str(last)},
            final_after_utc=ClimateDay(city, last).end_utc + _METAR_SETTLES,
        )
        for first, last in _pieces(since, until, days=31)
    ]


def iem_asos1min_calls(city: City, *, since: date, until: date) -> list[Call]:
    """Return the questions for one-minute pages; they come a day late."""
    return [
        Call(
            vendor="iem",
            kind="iem_asos1min",
            path="/cgi-bin/request/asos1min.py",
            query={
                "station": city.station[1:],
                "vars": "tmpf,dwpf,sknt",
                **_window(city, first, last),
                "sample": "1min",
                "tz": "UTC",
                "what": "download",
            },
            asked={"city": city.key, "since": str(first), "until": str(last)},
            final_after_utc=ClimateDay(city, last).end_utc + _MINUTE_PAGES_SETTLE,
        )
        for first, last in _pieces(since, until, days=7)
    ]


def iem_mos_calls(city: City, *, since: date, until: date, models: Sequence[str] = MOS_MODELS) -> list[Call]:
    """Return the questions for guidance runs that speak of these days: issued from two days before to their end."""
    return [
        Call(
            vendor="iem",
            kind="iem_mos",
            path="/cgi-bin/request/mos.py",
            query={
                "station": city.station,
                "model": model,
                **_window(city, first, last, before=2 * _ONE_DAY),
                "format": "json",
            },
            asked={"city": city.key, "model": model, "since": str(first), "until": str(last)},
            final_after_utc=ClimateDay(city, last).end_utc + _METAR_SETTLES,
        )
        for model in models
        for first, last in _pieces(since, until, days=31)
    ]


def twc_climate_calls(*, since: date, until: date) -> list[Call]:
    """Return the questions for the page of all stations, one a day."""
    return [
        Call(
            vendor="twc",
            kind="twc_climate",
            path="/kalshi/api/climate/primary",
            query={"date": str(day)},
            asked={"date": str(day)},
            final_after_utc=max(ClimateDay(city, day).end_utc for city in CITIES.values()) + REPORTS_SETTLE,
        )
        for day in event_dates(since, until)
    ]


def ncei_daily_calls(city: City, *, since: date, until: date) -> list[Call]:
    """Return the questions for the national daily archive; an audit, days late and revised."""
    return [
        Call(
            vendor="ncei",
            kind="ncei_daily",
            path="/access/services/data/v1",
            query={
                "dataset": "daily-summaries",
                "stations": city.ghcn_id,
                "dataTypes": "TMAX,TMIN",
                "startDate": str(first),
                "endDate": str(last),
                "units": "standard",
                "format": "json",
                "includeStationName": "1",
            },
            asked={"city": city.key},
            final_after_utc=ClimateDay(city, last).end_utc + _ARCHIVE_SETTLES,
        )
        for first, last in _pieces(since, until, days=365)
    ]


def _pieces(since: date, until: date, *, days: int) -> Iterator[tuple[date, date]]:
    """Cut a range into pieces that end at fixed dates."""
    piece: list[date] = []
    for day in event_dates(since, until):
        if piece and day.toordinal() % days == 0:
            yield piece[0], piece[-1]
            piece = []
        piece.append(day)
    yield piece[0], piece[-1]


def _window(city: City, first: date, last: date, *, before: timedelta = timedelta(0)) -> dict[str, str]:
    return {
        "sts": _minute(ClimateDay(city, first).start_utc - before),
        "ets": _minute(ClimateDay(city, last).end_utc),
    }


def _minute(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%MZ")
