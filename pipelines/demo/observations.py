"""What the station reports: every five minutes in whole °C, every hour in tenths, late, with gaps and repetitions.

A reading is the mean of the last two minutes in whole °F, as the instrument keeps it. No report is stamped at the
opening midnight itself: its air would be yesterday's and its stamp today's.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.demo.climate import STEPS_PER_F, Floats, Ints, climate
from pipelines.demo.session import MINUTE_US, SECOND_US
from pipelines.demo.weather import Sky
from pipelines.demo.world import World, draws
from warehouse.lake.tables import UTC_TYPE
from warehouse.market.climate_day import FIVE_MINUTE_STEPS, ClimateDay
from warehouse.market.temperature import (
    FAHRENHEIT_PER_CELSIUS,
    FREEZING_F,
    fahrenheit_interval_expr,
    fahrenheit_of_celsius_expr,
    whole_celsius_expr,
)

REPORT_MINUTES = 5
_METAR_MINUTE = {"nyc": 51, "philadelphia": 54}
_USUAL_METAR_MINUTE = 53
_P_FILLED = {"nyc": 0.82}
_USUAL_P_FILLED = 0.015
_P_GAP = 0.3
_VC_LAG_SECONDS = (300, 480)
_METAR_LAG_SECONDS = (200, 280)
_RELAY_MINUTE = 55


def obs_frame(world: World, air: Sky, day: date) -> pl.DataFrame:
    """Return every report of one climate day."""
    chance = draws(world, air.city.key, "obs", event_date=day, falls_on=day)
    place = air.place(day)
    temperature_l = air.temperature_of(place)
    moist = _Moisture(air, place, chance)
    rows = [_five_minutes(air, temperature_l, moist, chance), _hourly(air, temperature_l, moist, chance)]
    start_us = int(ClimateDay(air.city, day).start_utc.timestamp()) * SECOND_US
    stamps = [
        pl.from_epoch(start_us + pl.col(name), time_unit="us").dt.replace_time_zone("UTC").cast(UTC_TYPE).alias(name)
        for name in ("ts_utc", "known_utc")
    ]
    degrees = [pl.col(name).cast(pl.Int32) for name in ("temp_lo_f", "temp_hi_f")]
    return pl.concat(rows).with_columns(*stamps, *degrees, station=pl.lit(air.city.station))


class _Moisture:
    """Dew point, humidity and wind of one day, minute by minute; plausible, and traded by nobody."""

    def __init__(self, air: Sky, place: int, chance: np.random.Generator) -> None:
        here = climate(air.city.key)
        dry_f, windy, *gusts = chance.standard_normal(2 + 25)
        top_f = (int(air.tops_l[place]) + int(air.anomaly_l[place])) / STEPS_PER_F
        self._dew_f = top_f - here.dryness_f - here.night_f / 2 + 4 * float(dry_f)
        by_hour = here.wind_mph * np.exp(0.25 * float(windy) + 0.25 * np.array(gusts))
        # A straight line from one hour's draw to the next: both belong to this day.
        self._wind_mph = np.interp(np.arange(1441), 60 * np.arange(25), by_hour)

    def columns(self, minute: Ints, temp_f: Floats) -> dict[str, Floats]:
        """Return the three columns for reports of these minutes and temperatures."""
        dew_f = np.minimum(self._dew_f + 0.12 * (temp_f - self._dew_f), temp_f - 0.2)
        humidity = 100 * _vapour(dew_f) / _vapour(temp_f)
        return {
            "dew_f": dew_f.round(1),
            "humidity_pct": humidity.round(1),
            "wind_mph": self._wind_mph[minute].round(1),
        }


def _vapour(temp_f: Floats) -> Floats:
    """Return the saturation vapour pressure relative to 0 °C, after Magnus."""
    celsius = (temp_f - FREEZING_F) / FAHRENHEIT_PER_CELSIUS
    pressure: Floats = np.exp(17.625 * celsius / (243.04 + celsius))
    return pressure


def _reading_f(temperature_l: Ints, minute: Ints) -> Ints:
    """Return the instrument's whole °F: the mean of the two minutes that end at `minute`, a half going up."""
    doubled = temperature_l[minute - 1] + temperature_l[minute - 2]
    return (doubled + STEPS_PER_F) // (2 * STEPS_PER_F)


def _five_minutes(air: Sky, temperature_l: Ints, moist: _Moisture, chance: np.random.Generator) -> pl.DataFrame:
    minute = REPORT_MINUTES * np.arange(1, FIVE_MINUTE_STEPS)
    repeated = chance.random(len(minute)) < _P_FILLED.get(air.city.key, _USUAL_P_FILLED)
    lag_s = chance.integers(*_VC_LAG_SECONDS, len(minute))
    kept = _outside_gap(minute, chance)
    repeated[0], repeated[minute % 60 == _RELAY_MINUTE] = False, False
    measured = minute[np.maximum.accumulate(np.where(repeated, 0, np.arange(len(minute))))]
    relayed = measured % 60 == _RELAY_MINUTE
    hour = measured - measured % 60
    reading_f = _reading_f(temperature_l, np.where(relayed, hour + _metar_minute(air), measured))
    said = _said(reading_f, whole=~relayed)
    temp_f = said["temp_f"].to_numpy()
    columns = _columns("vc", minute, lag_s, temp_f, moist.columns(measured, temp_f))
    columns |= {name: said[name] for name in ("temp_lo_f", "temp_hi_f", "is_whole_c")}
    return pl.DataFrame(columns | {"is_filled": repeated}).filter(pl.Series(kept))


def _said(reading_f: Ints, *, whole: NDArray[np.bool_]) -> pl.DataFrame:
    """Say readings in whole °C, which can mean two whole °F, or in tenths, which name one."""
    reading, celsius = pl.col("reading_f"), whole_celsius_expr(pl.col("reading_f"))
    tenths = ((reading - FREEZING_F) / FAHRENHEIT_PER_CELSIUS).round(1)
    low_f, high_f = fahrenheit_interval_expr(celsius)
    return pl.DataFrame({"reading_f": reading_f, "is_whole_c": whole}).select(
        fahrenheit_of_celsius_expr(pl.when("is_whole_c").then(celsius).otherwise(tenths)).round(2).alias("temp_f"),
        pl.when("is_whole_c").then(low_f).otherwise(reading).alias("temp_lo_f"),
        pl.when("is_whole_c").then(high_f).otherwise(reading).alias("temp_hi_f"),
        "is_whole_c",
    )


def _hourly(air: Sky, temperature_l: Ints, moist: _Moisture, chance: np.random.Generator) -> pl.DataFrame:
    """Return the hourly bulletins, whose tenths of °C name one whole °F."""
    minute = 60 * np.arange(24) + _metar_minute(air)
    never = np.zeros(len(minute), dtype=bool)
    said = _said(_reading_f(temperature_l, minute), whole=never)
    temp_f = said["temp_f"].to_numpy()
    lag_s = chance.integers(*_METAR_LAG_SECONDS, len(minute))
    columns = _columns("metar", minute, lag_s, temp_f, moist.columns(minute, temp_f))
    columns |= {name: said[name] for name in ("temp_lo_f", "temp_hi_f", "is_whole_c")}
    return pl.DataFrame(columns | {"is_filled": never})


def _columns(source: str, minute: Ints, lag_s: Ints, temp_f: Floats, moisture: dict[str, Floats]) -> dict[str, object]:
    ts_us = minute * MINUTE_US
    known_us = ts_us + lag_s * SECOND_US
    return {"ts_utc": ts_us, "known_utc": known_us, "source": [source] * len(minute), "temp_f": temp_f} | moisture


def _metar_minute(air: Sky) -> int:
    return _METAR_MINUTE.get(air.city.key, _USUAL_METAR_MINUTE)


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
