"""Relative humidity from temperature and dew point: one formula for every source that does not say it itself."""

from __future__ import annotations

import math

import polars as pl

from warehouse.market.temperature import FAHRENHEIT_PER_CELSIUS, FREEZING_F

# Magnus' formula with the constants of Alduchov and Eskridge (1996), over water.
_SLOPE = 17.625
_OFFSET_C = 243.04


def relative_humidity_pct(temp_f: float, dew_f: float) -> float:
    """Return relative humidity in % to one decimal: the vapour pressure at the dew point over that of saturation."""
    exponent = _exponent((dew_f - FREEZING_F) / FAHRENHEIT_PER_CELSIUS)
    return round(100 * math.exp(exponent - _exponent((temp_f - FREEZING_F) / FAHRENHEIT_PER_CELSIUS)), 1)


def relative_humidity_pct_expr(temp_f: pl.Expr, dew_f: pl.Expr) -> pl.Expr:
    """Return the same for columns, named humidity_pct; null where either is."""
    dew, temp = ((degrees - FREEZING_F) / FAHRENHEIT_PER_CELSIUS for degrees in (dew_f, temp_f))
    exponent = _SLOPE * dew / (_OFFSET_C + dew) - _SLOPE * temp / (_OFFSET_C + temp)
    return (100 * exponent.exp()).round(1).alias("humidity_pct")


def _exponent(celsius: float) -> float:
    return _SLOPE * celsius / (_OFFSET_C + celsius)
