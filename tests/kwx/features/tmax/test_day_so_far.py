"""The statistics of a day so far, on a day written by hand."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.features.tmax.day_so_far import DaySoFar, day_so_far
from kwx.features.tmax.inputs import TmaxInputs
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

DAY = ClimateDay(CITIES["denver"], date(2026, 7, 1))


def of_reports(temps_f: dict[int, float], *, stale: dict[int, int] | None = None) -> DaySoFar:
    """Return the statistics of a day whose steps of the grid have these temperatures, five minutes old."""
    top, rows = None, []
    for step in range(1, 289):
        temp_f, age = temps_f.get(step), (stale or {}).get(step, 5)
        if temp_f is not None and age <= 5 * step:
            top = temp_f if top is None else max(top, temp_f)
        rows.append((DAY.start_utc + timedelta(minutes=5 * step), temp_f, age if temp_f is not None else None, top))
    schema = {
        "ts_utc": pl.Datetime("us", "UTC"),
        "temp_f": pl.Float64,
        "stale_minutes": pl.Int32,
        "run_max_f": pl.Float64,
    }
    grid = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        event_date=pl.lit(DAY.event_date), source=pl.lit("vc"),
        run_max_lo_f=pl.col("run_max_f").cast(pl.Int32), run_max_hi_f=pl.col("run_max_f").cast(pl.Int32),
    )  # fmt: skip
    empty = pl.DataFrame(schema={"event_date": pl.Date})
    inputs = TmaxInputs(
        city=DAY.city, dates=(DAY.event_date,), grid=grid, words=empty, highs=empty, curves=empty, trading=empty,
        labels=empty,
    )  # fmt: skip
    return day_so_far(inputs)


def test_a_straight_rise_is_told_as_its_slope():
    so_far = of_reports({step: 50 + 0.25 * step for step in range(1, 200)})
    np.testing.assert_allclose(so_far.slope_1h[0, [12, 100, 199]], 3.0)
    np.testing.assert_allclose(so_far.slope_3h[0, [36, 100, 199]], 3.0)
    assert np.isnan(so_far.slope_3h[0, :18]).all()


def test_a_slope_of_fewer_than_half_of_its_steps_is_not_told():
    so_far = of_reports({step: 50.0 + step for step in range(1, 60) if step < 40 or step % 3 == 0})
    assert not np.isnan(so_far.slope_1h[0, 39])
    assert np.isnan(so_far.slope_1h[0, 55])


def test_the_highest_its_age_and_its_plateau():
    temps_f = (
        dict.fromkeys(range(1, 100), 60.0) | dict.fromkeys(range(100, 110), 70.0) | dict.fromkeys(range(110, 289), 68.5)
    )
    so_far = of_reports(temps_f)
    assert so_far.minutes_since_max[0, [99, 100, 150]].tolist() == [490, 0, 250]
    assert so_far.plateau_minutes[0, [99, 100, 109, 150]].tolist() == [495, 5, 50, 255]
    assert so_far.min_f[0, 288] == 60
    assert so_far.mean_f[0, 110] == pytest.approx((99 * 60 + 10 * 70 + 68.5) / 110)


def test_morning_ends_at_noon_of_standard_time():
    so_far = of_reports({step: float(step) / 2 for step in range(1, 289)})
    assert so_far.morning_max_f[0, [100, 144, 288]].tolist() == [50, 72, 72]
    assert np.isnan(so_far.afternoon_max_f[0, 144])
    assert so_far.afternoon_max_f[0, [145, 288]].tolist() == [72.5, 144]


def test_a_report_of_the_eve_is_nothing_of_the_day():
    so_far = of_reports({1: 90.0, 2: 90.0, 3: 61.0}, stale={1: 10, 2: 15})
    assert np.isnan(so_far.last_f[0, :3]).all()
    assert so_far.last_f[0, 3] == so_far.min_f[0, 3] == so_far.mean_f[0, 3] == 61
    assert so_far.reports[0, :5].tolist() == [0, 0, 0, 1, 1]


def test_one_report_that_stands_for_many_steps_is_one_report_and_grows_old():
    so_far = of_reports(dict.fromkeys(range(1, 11), 60.0), stale={step: 5 * step for step in range(1, 11)})
    assert so_far.reports[0, 10] == 1
    assert so_far.stale_minutes[0, 10] == 50
    assert so_far.share_seen[0, [3, 10]].tolist() == [1.0, 0.3]


def test_at_the_opening_midnight_nothing_of_the_day_is_known():
    so_far = of_reports({1: 60.0})
    assert all(np.isnan(values[0, 0]) or values[0, 0] == 0 for values in vars(so_far).values())
