"""Humidity: the same number for one report and for a column."""

from __future__ import annotations

import polars as pl
import pytest

from pipelines.weather.humidity import relative_humidity_pct, relative_humidity_pct_expr


@pytest.mark.parametrize(
    ("temp_f", "dew_f", "percent"), [(90, 67, 46.7), (50, 50, 100), (5, -10, 49.2), (104, 32, 8.3)]
)
def test_humidity_of_known_air(temp_f, dew_f, percent):
    """Magnus' formula gives the values of the tables."""
    assert percent == pytest.approx(relative_humidity_pct(temp_f, dew_f), abs=0.4)


def test_column_says_what_one_report_says():
    """The expression and the scalar agree over the whole climate."""
    air = [(temp_f / 2, temp_f / 2 - gap) for temp_f in range(-40, 220) for gap in (0, 3.7, 20)]
    frame = pl.DataFrame(air, schema=["temp_f", "dew_f"], orient="row")

    column = frame.select(relative_humidity_pct_expr(pl.col("temp_f"), pl.col("dew_f"))).to_series()

    assert [relative_humidity_pct(*pair) for pair in air] == pytest.approx(column.to_list(), abs=0.1001)
