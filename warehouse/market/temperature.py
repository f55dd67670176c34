"""Temperatures: °C to °F, and what a report in whole °C can mean.

The station measures in whole °F. A report in whole °C therefore names one or two whole °F: an interval, never a point.
"""

from __future__ import annotations

import polars as pl

FREEZING_F = 32
FAHRENHEIT_PER_CELSIUS = 1.8  # not 9 / 5 in two steps: a column engine divides by multiplying, which is another double


def fahrenheit_of_celsius(temp_c: float) -> float:
    """Convert a temperature to °F: 1.8 times it, plus 32."""
    return temp_c * FAHRENHEIT_PER_CELSIUS + FREEZING_F


def fahrenheit_of_celsius_expr(temp_c: pl.Expr) -> pl.Expr:
    """Convert a column to °F as doubles."""
    return temp_c.cast(pl.Float64) * FAHRENHEIT_PER_CELSIUS + FREEZING_F


def whole_celsius(temp_f: int) -> int:
    """Return the whole °C in which a whole °F is reported; no whole °F lies halfway between two."""
    return (10 * (temp_f - FREEZING_F) + 9) // 18


def whole_celsius_expr(temp_f: pl.Expr) -> pl.Expr:
    """Return the whole °C in which each whole °F is reported."""
    return ((temp_f.cast(pl.Int32) - FREEZING_F) * 10 + 9) // 18


def fahrenheit_interval(temp_c: int) -> tuple[int, int]:
    """Return the lowest and the highest whole °F that are reported as this whole °C."""
    return FREEZING_F - (9 - 18 * temp_c) // 10, FREEZING_F + (18 * temp_c + 9) // 10


def fahrenheit_interval_expr(temp_c: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Return the lowest and the highest whole °F that each whole °C can mean, named temp_lo_f and temp_hi_f."""
    eighteen = temp_c.cast(pl.Int32) * 18
    low_f = FREEZING_F - (9 - eighteen) // 10
    high_f = FREEZING_F + (eighteen + 9) // 10
    return low_f.alias("temp_lo_f"), high_f.alias("temp_hi_f")
