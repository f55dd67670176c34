"""Texts as stations and offices send them: METAR, the daily climate report (CLI), the daily summary message (DSM)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl

from pipelines.demo.climate import PEAK_EXCESS_F, STEPS_PER_F, top_l
from pipelines.demo.settlements import cli_product_id, dsm_product_id
from warehouse.market.cities import City
from warehouse.market.climate_day import ClimateDay
from warehouse.market.temperature import FAHRENHEIT_PER_CELSIUS, FREEZING_F

_PLACES = {
    "austin": ("AUSTIN BERGSTROM", "AUSTIN/SAN ANTONIO TX"),
    "chicago": ("CHICAGO-MIDWAY", "CHICAGO IL"),
    "denver": ("DENVER", "DENVER CO"),
    "los_angeles": ("LOS ANGELES INTL AIRPORT", "LOS ANGELES/OXNARD CA"),
    "miami": ("MIAMI", "MIAMI,FL"),
    "nyc": ("CENTRAL PARK NY", "NEW YORK, NY"),
    "philadelphia": ("PHILADELPHIA PA", "MOUNT HOLLY NJ"),
}
_RECORD_ABOVE_F = 25
_RULER = "." * 67


@dataclass(frozen=True, kw_only=True)
class Extremes:
    """The highest and the lowest whole degree of a span of a day, and when, in local standard time."""

    high_f: int
    high_at: time
    low_f: int
    low_at: time


def extremes(truth_minutes: pl.DataFrame, day: ClimateDay, *, until_utc: datetime | None = None) -> Extremes:
    """Return the extremes of a day up to an instant, from its true minutes."""
    known = truth_minutes.sort("ts_utc").filter(pl.col("ts_utc") <= (until_utc or day.end_utc))
    temp_f = known["temp_f"].to_numpy()
    at = {"high": int(temp_f.argmax()), "low": int(temp_f.argmin())}
    whole = {name: int(np.floor(temp_f[place] + 0.5)) for name, place in at.items()}
    # The last minute of a day would be stamped with the next day's midnight.
    clock = {name: time(*divmod(min(place + 1, 1439), 60)) for name, place in at.items()}
    return Extremes(high_f=whole["high"], high_at=clock["high"], low_f=whole["low"], low_at=clock["low"])


def cli_text(city: City, day: date, report: Mapping[str, object], facts: Extremes) -> str:
    """Write one climate report: `report` is a row of settlements, `facts` what the station measured by then."""
    issued_utc, as_of_utc = report["issued_utc"], report["as_of_utc"]
    assert isinstance(issued_utc, datetime)
    place, office = _place(city)
    correction = " (CORRECTION)" if report["is_correction"] else ""
    local = issued_utc.astimezone(city.tzinfo)
    lines = [
        *_heading(cli_product_id(city, issued_utc), issued_utc, city.cli_code, corrected=bool(correction)),
        "",
        f"CLIMATE REPORT{correction}",
        f"NATIONAL WEATHER SERVICE {office}",
        f"{_clock(local, colon=False)} {local:%Z %a %b %d %Y}".upper(),
        "",
        "." * 35,
        "",
        f"...THE {place} CLIMATE SUMMARY FOR {f'{day:%B}'.upper()} {day.day} {day.year}...",
        *_as_of(as_of_utc, city),
        "",
        "CLIMATE NORMAL PERIOD: 1991 TO 2020",
        "CLIMATE RECORD PERIOD: 1928 TO 2026",
        "",
        *_temperatures(city, day, report["high_f"], facts, whole_day=as_of_utc is None),
        "",
        "PRECIPITATION (IN)",
        f"  {'YESTERDAY' if as_of_utc is None else 'TODAY'}        0.00          2.41 1951   0.11  -0.11     0.05",
        "",
        *_normals_for_tomorrow(city, day),
        "$$",
    ]
    return "\n".join(lines) + "\n"


def dsm_text(city: City, day: date, report: Mapping[str, object], facts: Extremes) -> str:
    """Write the final summary message of a day."""
    issued_utc = report["issued_utc"]
    assert isinstance(issued_utc, datetime)
    high, low = (
        f"{degrees}{at:%H%M}" for degrees, at in ((report["high_f"], facts.high_at), (facts.low_f, facts.low_at))
    )
    pil = f"DSM{city.station[1:]}"
    said = f"{city.station} DS {day:%d/%m} {high}/ {low}// {report['high_f']}/ {facts.low_f}//"
    heading = _heading(dsm_product_id(city, issued_utc), issued_utc, pil)
    return "\n".join([*heading, f"{said}9991234/00/00/00/00/00=", ""])


def metar_text(report: Mapping[str, object], *, low_f: float | None = None) -> str:
    """Write the bulletin of one row of obs, with its groups; `low_f` is the lowest degree beside its maxima."""
    ts_utc, wind_mph = report["ts_utc"], report["wind_mph"]
    assert isinstance(ts_utc, datetime)
    assert isinstance(wind_mph, float)
    temp, dew = (_tenths_c(report[name]) for name in ("temp_f", "dew_f"))
    knots = round(wind_mph / 1.15078)
    direction = f"{10 * (1 + ts_utc.hour):03d}{knots:02d}KT" if knots else "00000KT"
    groups = [f"T{_group(temp)}{_group(dew)}", *_long_groups(report, low_f)]
    body = f"{direction} 10SM FEW050 {_whole_c(temp)}/{_whole_c(dew)} A2996"
    return f"{report['station']} {ts_utc:%d%H%M}Z {body} RMK AO2 SLP140 {' '.join(groups)}"


def _long_groups(report: Mapping[str, object], low_f: float | None) -> list[str]:
    """Return the groups of six hours and of a day, where the report has them."""
    low = _tenths_c(report["temp_f"] if low_f is None else low_f)
    groups = []
    if report["max_6h_f"] is not None:
        groups += [f"1{_group(_tenths_c(report['max_6h_f']))}", f"2{_group(low)}"]
    if report["max_24h_f"] is not None:
        groups.append(f"4{_group(_tenths_c(report['max_24h_f']))}{_group(low)}")
    return groups


def _tenths_c(degrees_f: object) -> int:
    assert isinstance(degrees_f, int | float)
    return round(10 * (degrees_f - FREEZING_F) / FAHRENHEIT_PER_CELSIUS)


def _group(tenths_c: int) -> str:
    return f"{int(tenths_c < 0)}{abs(tenths_c):03d}"


def _whole_c(tenths_c: int) -> str:
    """Round tenths to whole °C, a half going up; minus is M, of a zero from below too."""
    whole = (tenths_c + 5) // 10
    return f"{'M' if tenths_c < 0 and whole <= 0 else ''}{abs(whole):02d}"


def _heading(product_id: str, issued_utc: datetime, pil: str, *, corrected: bool = False) -> list[str]:
    _, office, wmo, _ = product_id.split("-")
    mark = " CCA" if corrected else ""
    return ["000 ", f"{wmo} {office} {issued_utc:%d%H%M}{mark}", pil]


def _as_of(as_of_utc: object, city: City) -> list[str]:
    if not isinstance(as_of_utc, datetime):
        return []
    local = as_of_utc.astimezone(city.tzinfo)
    return [f"VALID TODAY AS OF {local:%I%M %p} LOCAL TIME."]


def _temperatures(city: City, day: date, high_f: object, facts: Extremes, *, whole_day: bool) -> list[str]:
    normal_f = _normal_high_f(city, day)
    high, departure = ("MM", "") if high_f is None else (str(high_f), str(int(str(high_f)) - normal_f))
    record_f = normal_f + _RECORD_ABOVE_F
    return [
        "WEATHER ITEM   OBSERVED TIME   RECORD YEAR NORMAL DEPARTURE LAST",
        "                VALUE   (LST)  VALUE       VALUE  FROM      YEAR",
        "                                                  NORMAL",
        _RULER,
        "TEMPERATURE (F)",
        f" {'YESTERDAY' if whole_day else 'TODAY'}",
        f"  MAXIMUM        {high:>3} {_clock(facts.high_at):>8} {record_f:>3}    1936 {normal_f:>3} {departure:>6}",
        f"  MINIMUM        {facts.low_f:>3} {_clock(facts.low_at):>8}",
    ]


def _normals_for_tomorrow(city: City, day: date) -> list[str]:
    normal_f = _normal_high_f(city, day + timedelta(days=1))
    return [
        f"THE {_place(city)[0]} CLIMATE NORMALS FOR TOMORROW",
        "                         NORMAL    RECORD    YEAR",
        f" MAXIMUM TEMPERATURE (F)   {normal_f}        {normal_f + _RECORD_ABOVE_F}      1936",
        f" MINIMUM TEMPERATURE (F)   {normal_f - 18}        {normal_f - 40}      1917",
        "",
    ]


def _normal_high_f(city: City, day: date) -> int:
    return round(top_l(city.key, day) / STEPS_PER_F + PEAK_EXCESS_F)


def _clock(at: time | datetime, *, colon: bool = True) -> str:
    form = "%I:%M %p" if colon else "%I%M %p"
    return at.strftime(form).removeprefix("0")


def _place(city: City) -> tuple[str, str]:
    return _PLACES.get(city.key, (city.name.upper(), city.name.upper()))
