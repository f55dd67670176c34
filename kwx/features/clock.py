"""What the clock says: how long a market still trades, and the hour of the day.

The hour is of local standard time, not of the wall clock: the sun and the climate day keep it, so the warmest hour is
the same number in summer and in winter, and no day has an hour twice.
"""

from __future__ import annotations

import math

import polars as pl

from kwx.features.feature import Feature
from kwx.features.market import log_count
from warehouse.market.cities import CITIES

_MINUTES_A_DAY = 24 * 60
_MICROSECONDS_A_MINUTE = 60_000_000


def _offset_minutes() -> pl.Expr:
    """Return local standard time minus UTC of each row's city; null for a city that is not in the registry."""
    offset = pl.lit(None, pl.Int64)
    for hours in sorted({city.standard_offset_hours for city in CITIES.values()}):
        keys = [key for key, city in CITIES.items() if city.standard_offset_hours == hours]
        here = pl.any_horizontal(pl.col("city") == key for key in keys)  # is_in hashes every row's text
        offset = pl.when(here).then(pl.lit(hours * 60, pl.Int64)).otherwise(offset)
    return offset


def _turn() -> pl.Expr:
    """Return the angle of the hour hand of a 24-hour clock, from local standard midnight on."""
    minute = (pl.col("ts_utc").dt.epoch("us") // _MICROSECONDS_A_MINUTE + _offset_minutes()) % _MINUTES_A_DAY
    return minute.cast(pl.Float64) * (2 * math.pi / _MINUTES_A_DAY)


MINUTES_TO_CLOSE = Feature(
    name="minutes_to_close", meaning="minutes of trading left", sources=("minutes_to_close",),
    value=pl.col("minutes_to_close"), unit="min",
)  # fmt: skip
MINUTES_TO_CLOSE_LOG = Feature(
    name="minutes_to_close_log", meaning="log of 1 + minutes of trading left", sources=("minutes_to_close",),
    value=log_count(pl.col("minutes_to_close")), unit="log min",
)  # fmt: skip
HOUR_SIN = Feature(
    name="hour_sin", meaning="sine of the hour, local standard time", sources=("city", "ts_utc"), value=_turn().sin(),
)  # fmt: skip
HOUR_COS = Feature(
    name="hour_cos", meaning="cosine of the hour, local standard time", sources=("city", "ts_utc"), value=_turn().cos(),
)  # fmt: skip

OF_CLOCK = (MINUTES_TO_CLOSE, MINUTES_TO_CLOSE_LOG, HOUR_SIN, HOUR_COS)
