"""Whole °C to whole °F: the published table, the inverse, and columns that agree with scalars."""

from __future__ import annotations

import polars as pl
import pytest

from warehouse.market.temperature import (
    fahrenheit_interval,
    fahrenheit_interval_expr,
    fahrenheit_of_celsius,
    fahrenheit_of_celsius_expr,
    whole_celsius,
    whole_celsius_expr,
)

SUMMER = {
    20: (68, 68), 21: (69, 70), 22: (71, 72), 23: (73, 74), 24: (75, 76), 25: (77, 77), 26: (78, 79),
    27: (80, 81), 28: (82, 83), 29: (84, 85), 30: (86, 86), 31: (87, 88), 32: (89, 90), 33: (91, 92),
    34: (93, 94), 35: (95, 95), 36: (96, 97), 37: (98, 99), 38: (100, 101), 39: (102, 103), 40: (104, 104),
}  # fmt: skip


@pytest.mark.parametrize(("temp_c", "interval"), SUMMER.items())
def test_whole_celsius_names_one_or_two_whole_fahrenheit(temp_c, interval):
    """Four of five whole °C are ambiguous between two whole °F."""
    assert interval == fahrenheit_interval(temp_c)


def test_intervals_tile_the_whole_fahrenheit():
    """Every whole °F lies in the interval of exactly the °C in which it is reported, below zero too."""
    for temp_f in range(-60, 141):
        low_f, high_f = fahrenheit_interval(whole_celsius(temp_f))
        assert low_f <= temp_f <= high_f

    assert all(fahrenheit_interval(c)[1] + 1 == fahrenheit_interval(c + 1)[0] for c in range(-51, 60))


def test_columns_agree_with_scalars():
    """The expressions give what the functions give, negative degrees included."""
    frame = pl.DataFrame({"temp_c": range(-51, 61), "temp_f": range(-51, 61)})

    low_f, high_f = fahrenheit_interval_expr(pl.col("temp_c"))
    columns = frame.select(
        low_f, high_f, whole_celsius_expr(pl.col("temp_f")), fahrenheit_of_celsius_expr(pl.col("temp_c"))
    )

    scalars = [(*fahrenheit_interval(n), whole_celsius(n), fahrenheit_of_celsius(n)) for n in range(-51, 61)]
    assert scalars == columns.rows()


def test_every_fifth_celsius_is_an_exact_fahrenheit():
    """5 °C are 9 °F, without a rounding error."""
    assert [32 + 9 * n for n in range(-12, 13)] == [fahrenheit_of_celsius(5 * n) for n in range(-12, 13)]


@pytest.mark.parametrize(("temp_c", "temp_f"), [(0, 32.0), (100, 212.0), (-40, -40.0), (32.2, 89.96)])
def test_celsius_converts_to_fahrenheit(temp_c, temp_f):
    """Nine fifths and 32."""
    assert temp_f == pytest.approx(fahrenheit_of_celsius(temp_c), abs=1e-12)
