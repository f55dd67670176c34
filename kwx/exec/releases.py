"""When reports that move prices are due, so that no order waits for them: others read them within seconds.

metar_6h     The bulletins before 00, 06, 12 and 18 UTC tell the highest temperature of the last six hours.
metar_24h    The bulletin before local-standard midnight tells that of the day.
dsm          The station's summary of the day, minutes after that midnight.
preliminary  The office's report of four in the afternoon by the wall clock, the day's high so far.
final        The office's report of the whole day, next morning.

Each comes once a day between two minutes: from its stamp until the last of us can have it. A bulletin's stamp is sharp;
the afternoon's report comes 23 to 43 minutes after four on eight days of ten; the last two are usual minutes, from
which a day may differ by half an hour and more: what they tell is of an event that no longer trades.

Not guarded are a station's summaries within the day: each sends them at hours of its own that nobody publishes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipelines.lags import OBS_LAG, SETTLEMENT_LAG
from warehouse.market.cities import CITIES, City
from warehouse.market.climate_day import MINUTES_PER_DAY

Minutes = NDArray[np.int64]

_MINUTE, _HOUR_MINUTES = timedelta(minutes=1), 60
_METAR_MINUTES = OBS_LAG["metar"] // _MINUTE
_REPORT_MINUTES = SETTLEMENT_LAG["cli"] // _MINUTE
_PRELIMINARY = (16 * _HOUR_MINUTES + 23, 16 * _HOUR_MINUTES + 43)
_DSM = 16
_HOURS_BEFORE_SYNOPTIC = (5, 11, 17, 23)


class Clock(Enum):
    """By which clock a report keeps its time."""

    UTC = "utc"
    STANDARD = "local standard"
    CIVIL = "wall clock"


@dataclass(frozen=True, kw_only=True)
class Release:
    """One report of a city: the minutes of the day, by its clock, between which it becomes public."""

    report: str
    clock: Clock
    first_minute: int
    last_minute: int


@lru_cache
def releases_of(city: City) -> tuple[Release, ...]:
    """Return every report of a city's day."""
    synoptic = [_metar("metar_6h", Clock.UTC, hour, city) for hour in _HOURS_BEFORE_SYNOPTIC]
    final = city.final_report_utc.hour * _HOUR_MINUTES + city.final_report_utc.minute
    early, late = _PRELIMINARY
    return (
        *synoptic,
        _metar("metar_24h", Clock.STANDARD, 23, city),
        _report("dsm", Clock.STANDARD, _DSM, _DSM),
        _report("preliminary", Clock.CIVIL, early, late),
        _report("final", Clock.UTC, final, final),
    )


def release_minutes(city: str, start_utc: datetime, minutes: int, guard_minutes: int) -> NDArray[np.bool_]:
    """Return for each of the minutes after an instant whether a report is due within the guard around its end.

    Minute t ends t + 1 minutes after the start. Without a guard no minute is one.
    """
    near = np.zeros(minutes, np.bool_)
    if guard_minutes == 0:
        return near
    clocks = {clock: _shown(clock, CITIES[city], start_utc, minutes) for clock in Clock}
    for release in releases_of(CITIES[city]):
        begins = release.first_minute - guard_minutes
        lasts = release.last_minute - release.first_minute + 2 * guard_minutes
        near |= (clocks[release.clock] - begins) % MINUTES_PER_DAY <= lasts
    return near


def _metar(report: str, clock: Clock, hour: int, city: City) -> Release:
    stamp = hour * _HOUR_MINUTES + city.metar_minute
    return Release(report=report, clock=clock, first_minute=stamp, last_minute=stamp + _METAR_MINUTES)


def _report(report: str, clock: Clock, first: int, last: int) -> Release:
    return Release(report=report, clock=clock, first_minute=first, last_minute=last + _REPORT_MINUTES)


def _shown(clock: Clock, city: City, start_utc: datetime, minutes: int) -> Minutes:
    """Return what a clock shows at the end of each minute, in minutes since some midnight."""
    start = start_utc.astimezone(UTC)
    ends: Minutes = start.hour * _HOUR_MINUTES + start.minute + np.arange(1, minutes + 1)
    if clock is Clock.UTC:
        return ends
    if clock is Clock.STANDARD:
        return ends + city.standard_offset // _MINUTE
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    hours = ends // _HOUR_MINUTES
    # Clocks are put forward and back on whole hours of UTC.
    offsets = [_offset_minutes(city, midnight + timedelta(hours=int(h))) for h in range(hours[0], hours[-1] + 1)]
    shown: Minutes = ends + np.array(offsets)[hours - hours[0]]
    return shown


def _offset_minutes(city: City, at_utc: datetime) -> int:
    offset = at_utc.astimezone(city.tzinfo).utcoffset()
    assert offset is not None
    return offset // _MINUTE
