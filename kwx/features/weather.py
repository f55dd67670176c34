"""What the weather says of a bracket: the air, and where the running maximum stands to the bracket's edges.

A high settles in whole °F, so a bracket of low … high reaches from half a degree below to half a degree above. Reports
are often in whole °C, each of which names one or two whole °F; so the running maximum is an interval too, and the next
degree that a thermometer can show may step over a bracket. The eve has no running maximum, and an open bracket has one
edge only.
"""

from __future__ import annotations

import polars as pl

from kwx.features.feature import Feature
from warehouse.market.temperature import fahrenheit_interval_expr, whole_celsius_expr

_HALF_DEGREE_F = 0.5
_BEYOND_ALL_F = 10_000

TEMP_F = Feature(
    name="temp_f", meaning="air temperature, last known", sources=("wx_temp_1m",), value=pl.col("wx_temp_1m"),
    unit="°F",
)  # fmt: skip
RUN_MAX_F = Feature(
    name="run_max_f", meaning="highest temperature reported in the day so far", sources=("wx_run_max_f",),
    value=pl.col("wx_run_max_f"), unit="°F",
)  # fmt: skip
RUN_MAX_TO_LOW_F = Feature(
    name="run_max_to_low_f", meaning="how far the running maximum must rise to enter the bracket; below 0 it is past",
    sources=("low_f", "wx_run_max_f"), value=pl.col("low_f") - _HALF_DEGREE_F - pl.col("wx_run_max_f"), unit="°F",
)  # fmt: skip
RUN_MAX_TO_HIGH_F = Feature(
    name="run_max_to_high_f", meaning="how far the running maximum may rise within the bracket; below 0 it has left",
    sources=("high_f", "wx_run_max_f"), value=pl.col("high_f") + _HALF_DEGREE_F - pl.col("wx_run_max_f"), unit="°F",
)  # fmt: skip


def _lower(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    """Return the lower of a degree and a bound; null where the degree is."""
    return pl.when(one > other).then(other).otherwise(one)


def _higher(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    """Return the higher of a degree and a bound; null where the degree is."""
    return pl.when(one < other).then(other).otherwise(one)


def _shares(first_f: pl.Expr, last_f: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Return which share of some whole °F lies inside the bracket, and the share above it minus that below it.

    A bracket without a bound has no end there; one without any is no bracket.
    """
    is_bracket = pl.col("low_f").is_not_null() | pl.col("high_f").is_not_null()
    below_f = pl.col("low_f").fill_null(-_BEYOND_ALL_F) - 1
    high_f = pl.col("high_f").fill_null(_BEYOND_ALL_F)
    before_f = first_f - 1
    degrees = last_f - before_f
    above = _higher(last_f, high_f) - _higher(before_f, high_f)
    below = _lower(last_f, below_f) - _lower(before_f, below_f)
    inside = degrees - above - below
    return pl.when(is_bracket).then(inside / degrees), pl.when(is_bracket).then((above - below) / degrees)


def _next_celsius_f() -> tuple[pl.Expr, pl.Expr]:
    """Return the first and the last whole °F that the whole °C above the running maximum can mean."""
    return fahrenheit_interval_expr(whole_celsius_expr(pl.col("wx_run_max_hi_f")) + 1)


RUN_MAX_INSIDE = Feature(
    name="run_max_inside", meaning="share of the whole °F that the running maximum can mean inside the bracket",
    sources=("low_f", "high_f", "wx_run_max_lo_f", "wx_run_max_hi_f"),
    value=_shares(pl.col("wx_run_max_lo_f"), pl.col("wx_run_max_hi_f"))[0], unit="share",
)  # fmt: skip
NEXT_CELSIUS_INSIDE = Feature(
    name="next_celsius_inside", meaning="share of the whole °F of the next whole °C inside the bracket",
    sources=("low_f", "high_f", "wx_run_max_hi_f"), value=_shares(*_next_celsius_f())[0], unit="share",
)  # fmt: skip
NEXT_CELSIUS_PLACE = Feature(
    name="next_celsius_place", meaning="where the next whole °C lies: −1 below the bracket, 0 inside, 1 above",
    sources=("low_f", "high_f", "wx_run_max_hi_f"), value=_shares(*_next_celsius_f())[1],
)  # fmt: skip
DEW_F = Feature(
    name="dew_f", meaning="dew point, last known", sources=("wx_dew",), value=pl.col("wx_dew"), unit="°F",
)  # fmt: skip
HUMIDITY_PCT = Feature(
    name="humidity_pct", meaning="relative humidity, last known", sources=("wx_humidity",),
    value=pl.col("wx_humidity"), unit="%",
)  # fmt: skip
WIND_MPH = Feature(
    name="wind_mph", meaning="wind speed, last known", sources=("wx_wind",), value=pl.col("wx_wind"), unit="mph",
)  # fmt: skip

OF_WEATHER = (
    TEMP_F, RUN_MAX_F, RUN_MAX_TO_LOW_F, RUN_MAX_TO_HIGH_F, RUN_MAX_INSIDE, NEXT_CELSIUS_INSIDE, NEXT_CELSIUS_PLACE,
    DEW_F, HUMIDITY_PCT, WIND_MPH,
)  # fmt: skip
