"""What the station reports: every five minutes in whole °C, every hour in tenths, with gaps and repetitions.

Each row is what the vendor's own words can say: Visual Crossing tells 0.1 °F, a METAR tenths of °C and whole knots. A
reading is the mean of the last two minutes in whole °F, as the instrument keeps it. No report is stamped at the opening
midnight itself: its air would be yesterday's and its stamp today's.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.demo.climate import STEPS_PER_F, Floats, Ints, climate
from pipelines.demo.session import MINUTE_US, SECOND_US
from pipelines.demo.weather import Sky, official_f
from pipelines.demo.world import World, draws
from pipelines.lags import OBS_LAG
from pipelines.weather.fill import is_filled
from pipelines.weather.humidity import relative_humidity_pct_expr
from pipelines.weather.reports import MPH_PER_KNOT, interval_of, wind_mph
from warehouse.lake.tables import UTC_TYPE
from warehouse.market.climate_day import FIVE_MINUTE_STEPS, MINUTES_PER_DAY, ClimateDay
from warehouse.market.temperature import (
    FAHRENHEIT_PER_CELSIUS,
    FREEZING_F,
    fahrenheit_of_celsius_expr,
    whole_celsius_expr,
)

REPORT_MINUTES = 5
_P_FILLED = {"nyc": 0.95}
_USUAL_P_FILLED = 0.015
_P_GAP = 0.3
_RELAY_MINUTE = 55
_SIX_HOURS = 360


def obs_frame(world: World, air: Sky, day: date) -> pl.DataFrame:
    """Return every report of one climate day."""
    chance = draws(world, air.city.key, "obs", event_date=day, falls_on=day)
    place = air.place(day)
    temperature_l = air.temperature_of(place)
    moist = _Moisture(air, place, chance)
    start_us = int(ClimateDay(air.city, day).start_utc.timestamp()) * SECOND_US
    stamp = pl.from_epoch(start_us + pl.col("minute") * MINUTE_US, time_unit="us").dt.replace_time_zone("UTC")
    rows = [
        frame.with_columns(
            ts_utc=stamp.cast(UTC_TYPE),
            known_utc=stamp.cast(UTC_TYPE) + OBS_LAG[source],
            source=pl.lit(source),
            station=pl.lit(air.city.station),
        )
        for source, frame in (
            ("vc", _five_minutes(air, temperature_l, moist, chance)),
            ("metar", _hourly(air, place, moist)),
        )
    ]
    return pl.concat(rows, how="diagonal").drop("minute")


class _Moisture:
    """Dew point and wind of one day, minute by minute; plausible, and traded by nobody."""

    def __init__(self, air: Sky, place: int, chance: np.random.Generator) -> None:
        here = climate(air.city.key)
        dry_f, windy, *gusts = chance.standard_normal(2 + 25)
        top_f = (int(air.tops_l[place]) + int(air.anomaly_l[place])) / STEPS_PER_F
        self._dew_f = top_f - here.dryness_f - here.night_f / 2 + 4 * float(dry_f)
        by_hour = here.wind_mph * np.exp(0.25 * float(windy) + 0.25 * np.array(gusts))
        # A straight line from one hour's draw to the next: both belong to this day.
        self._wind_mph = np.interp(np.arange(1441), 60 * np.arange(25), by_hour)

    def dew_f(self, temp_f: Floats) -> Floats:
        """Return the dew point beside these temperatures."""
        dew_f: Floats = np.minimum(self._dew_f + 0.12 * (temp_f - self._dew_f), temp_f - 0.2)
        return dew_f

    def wind_mph(self, minute: Ints) -> Floats:
        """Return the wind at the end of these minutes."""
        wind_mph: Floats = self._wind_mph[minute]
        return wind_mph


def _reading_f(temperature_l: Ints, minute: Ints) -> Ints:
    """Return the instrument's whole °F: the mean of the two minutes that end at `minute`, a half going up."""
    doubled = temperature_l[minute - 1] + temperature_l[minute - 2]
    return (doubled + STEPS_PER_F) // (2 * STEPS_PER_F)


def _five_minutes(air: Sky, temperature_l: Ints, moist: _Moisture, chance: np.random.Generator) -> pl.DataFrame:
    """Return the five-minute feed, in which the vendor now and then repeats a report instead of telling a new one."""
    minute = REPORT_MINUTES * np.arange(1, FIVE_MINUTE_STEPS)
    repeated = chance.random(len(minute)) < _P_FILLED.get(air.city.key, _USUAL_P_FILLED)
    kept = _outside_gap(minute, chance)
    repeated[0], repeated[minute % 60 == _RELAY_MINUTE] = False, False
    measured = minute[np.maximum.accumulate(np.where(repeated, 0, np.arange(len(minute))))]
    relayed = measured % 60 == _RELAY_MINUTE
    hour = measured - measured % 60
    reading_f = _reading_f(temperature_l, np.where(relayed, hour + air.city.metar_minute, measured))
    temp_f = _told_f(reading_f, whole=~relayed)
    told = pl.DataFrame(
        {
            "minute": minute,
            "temp_f": temp_f,
            "dew_f": moist.dew_f(temp_f.to_numpy()).round(1),
            "wind_mph": moist.wind_mph(measured).round(1),
        }
    ).filter(pl.Series(kept))
    told = told.with_columns(relative_humidity_pct_expr(pl.col("temp_f"), pl.col("dew_f")))
    return told.with_columns(*interval_of(pl.col("temp_f")), is_filled=is_filled(told))


def _told_f(reading_f: Ints, *, whole: NDArray[np.bool_]) -> pl.Series:
    """Tell readings by way of whole °C or of tenths, and then in 0.1 °F."""
    reading = pl.col("reading_f")
    tenths = ((reading - FREEZING_F) / FAHRENHEIT_PER_CELSIUS).round(1)
    celsius = pl.when("whole").then(whole_celsius_expr(reading)).otherwise(tenths)
    frame = pl.DataFrame({"reading_f": reading_f, "whole": whole})
    return frame.select(fahrenheit_of_celsius_expr(celsius).round(1)).to_series()


def _hourly(air: Sky, place: int, moist: _Moisture) -> pl.DataFrame:
    """Return the hourly bulletins, whose tenths of °C name one whole °F, and whose groups tell the maxima so far."""
    minute = 60 * np.arange(24) + air.city.metar_minute
    reading_f = _reading_f(air.temperature_of(place), minute)
    tenths_c = np.rint(10 * (reading_f - FREEZING_F) / FAHRENHEIT_PER_CELSIUS)
    dew_f = moist.dew_f(reading_f.astype(np.float64))
    dew_tenths_c = np.minimum(np.rint(10 * (dew_f - FREEZING_F) / FAHRENHEIT_PER_CELSIUS), tenths_c)
    max_6h_f, max_24h_f = _maxima(air, place, minute)
    told = pl.DataFrame(
        {
            "minute": minute,
            "temp_lo_f": reading_f,
            "temp_hi_f": reading_f,
            "tenths_c": tenths_c,
            "dew_tenths_c": dew_tenths_c,
            "knots": np.rint(moist.wind_mph(minute) / MPH_PER_KNOT),
            "max_6h_f": max_6h_f,
            "max_24h_f": max_24h_f,
        }
    ).select(
        "minute",
        *(pl.col(name).cast(pl.Int32) for name in ("temp_lo_f", "temp_hi_f", "max_6h_f", "max_24h_f")),
        fahrenheit_of_celsius_expr(pl.col("tenths_c") / 10).round(2).alias("temp_f"),
        fahrenheit_of_celsius_expr(pl.col("dew_tenths_c") / 10).round(2).alias("dew_f"),
        wind_mph(pl.col("knots")),
        is_whole_c=pl.lit(False),
        is_filled=pl.lit(False),
    )
    return told.with_columns(relative_humidity_pct_expr(pl.col("temp_f"), pl.col("dew_f")))


def _maxima(air: Sky, place: int, minute: Ints) -> tuple[pl.Series, pl.Series]:
    """Return what the groups of the bulletins tell: every six hours the high of those hours, at last that of the day.

    The bulletins before 00, 06, 12 and 18Z look back six hours, also into the climate day before.
    """
    two_days_l = np.concatenate([air.temperature_of(place - 1), air.temperature_of(place)])
    windows_l = [two_days_l[MINUTES_PER_DAY + at - _SIX_HOURS : MINUTES_PER_DAY + at] for at in minute.tolist()]
    six_hours_f = official_f(np.array([window_l.max() for window_l in windows_l]))
    day_f = official_f(two_days_l[MINUTES_PER_DAY : MINUTES_PER_DAY + int(minute[-1])].max())
    synoptic = (minute // 60 - air.city.standard_offset_hours) % 6 == 5
    last = minute == minute[-1]
    return _where(synoptic, six_hours_f), _where(last, np.broadcast_to(day_f, last.shape))


def _where(said: NDArray[np.bool_], degrees_f: Ints) -> pl.Series:
    return pl.Series([degree if so else None for so, degree in zip(said.tolist(), degrees_f.tolist(), strict=True)])


def _outside_gap(minute: Ints, chance: np.random.Generator) -> NDArray[np.bool_]:
    """Tell which reports arrive at all: on some days 10 to 60 minutes of them do not."""
    happens, start, length = chance.random(3)
    first = start * 1440
    lost: NDArray[np.bool_] = (minute >= first) & (minute < first + 10 + 50 * length) & (happens < _P_GAP)
    return ~lost


def truth_minutes_frame(air: Sky, day: date) -> pl.DataFrame:
    """Return the air temperature that was, and its noiseless part, each minute of a climate day."""
    place = air.place(day)
    return pl.DataFrame(
        {
            "ts_utc": ClimateDay(air.city, day).minutes_utc(),
            "temp_f": air.temperature_of(place) / STEPS_PER_F,
            "baseline_f": air.baseline_of(place) / STEPS_PER_F,
        }
    )
