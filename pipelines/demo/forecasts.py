"""Two vendors' forecasts as issued: what was known of the day at that instant, plus the vendor's own error.

Each is told as its vendor tells it: Visual Crossing every hour in 0.1 °F, the National Blend every three in whole °F.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from pipelines.demo.climate import PERSISTENCE_PER_MINUTE, STEPS_PER_F, Floats, Ints
from pipelines.demo.weather import REVEAL_MINUTES, Sky, expected_high_l, reveal_variance_l2
from pipelines.demo.world import World, draws
from pipelines.lags import FORECAST_LAG
from warehouse.lake.tables import UTC_TYPE
from warehouse.market.cities import City
from warehouse.market.climate_day import MINUTES_PER_DAY, ClimateDay, event_date_at

_WARM_HOURS = 14
_MINUTE = timedelta(minutes=1)
_FROM_LEAD = timedelta(minutes=REVEAL_MINUTES)
_HIGH_RESIDUAL_F = 1.3


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """When a vendor issues, which hours it speaks of and how finely, and how wrong it is beyond what nobody can know.

    A run speaks of every `step_hours`, from `first_hours` after its issue on. A vendor that is asked by date is never
    asked for runs of a later date than that of the day.
    """

    source: str
    hours_utc: tuple[int, ...]
    step_hours: int
    first_hours: int
    digits: int
    bias_f: float
    error_f: float
    error_f_per_hour: float
    states_spread: bool
    asked_by_date: bool

    def error_sd_f(self, minute: int) -> float:
        """Return the vendor's own error for a run issued `minute` minutes after the opening midnight."""
        return self.error_f + self.error_f_per_hour * max(0.0, _WARM_HOURS - minute / 60)

    def valid_minutes(self, here: City, issued: int) -> Ints:
        """Return the minutes of a climate day of which a run speaks."""
        valid = np.arange(60, MINUTES_PER_DAY + 1, 60)
        on_step = (valid // 60 - here.standard_offset_hours) % self.step_hours == 0
        chosen: Ints = valid[on_step & (valid >= issued + 60 * self.first_hours)]
        return chosen

    def says_high(self, here: City, issued: int) -> bool:
        """Tell whether a run still speaks of the day's high, which the Blend tells in its column of 00Z."""
        evening = 60 * (24 + here.standard_offset_hours)
        return not self.states_spread or evening >= issued + 60 * self.first_hours


VENDORS = (
    Vendor(
        source="vc", hours_utc=(0,), asked_by_date=True, states_spread=False,
        step_hours=1, first_hours=1, digits=1,
        bias_f=-0.4, error_f=0.6, error_f_per_hour=0.03,
    ),
    Vendor(
        source="nbm", hours_utc=(1, 7, 13, 19), asked_by_date=False, states_spread=True,
        step_hours=3, first_hours=5, digits=0,
        bias_f=0.0, error_f=0.4, error_f_per_hour=0.02,
    ),
)  # fmt: skip


def forecasts_frame(world: World, air: Sky, day: date) -> pl.DataFrame:
    """Return every run that speaks of one climate day, from two days before it."""
    start_utc = pl.lit(ClimateDay(air.city, day).start_utc, UTC_TYPE)
    runs = [
        pl.DataFrame(_run(world, air, day, vendor, issued_utc)).select(
            source=pl.lit(vendor.source),
            issued_utc=start_utc + pl.duration(minutes="issued"),
            valid_utc=start_utc + pl.duration(minutes="valid"),
            known_utc=start_utc + pl.duration(minutes="issued") + FORECAST_LAG[vendor.source],
            temp_f=_told(pl.col("temp_f"), digits=vendor.digits),
            high_f=_told(pl.col("high_f"), digits=vendor.digits),
            high_sd_f=_told(pl.col("high_sd_f"), digits=vendor.digits),
        )
        for vendor in VENDORS
        for issued_utc in _issues(air, day, vendor)
    ]
    return pl.concat(runs).filter(pl.col("temp_f").is_not_null() | pl.col("high_f").is_not_null())


def _told(degrees_f: pl.Expr, *, digits: int) -> pl.Expr:
    rounded = degrees_f.round(digits) if digits else (degrees_f + 0.5).floor()
    return rounded.fill_nan(None)


def _issues(air: Sky, day: date, vendor: Vendor) -> Iterator[datetime]:
    window = ClimateDay(air.city, day)
    issued_utc = window.start_utc - _FROM_LEAD
    while issued_utc < window.end_utc:
        if issued_utc.hour in vendor.hours_utc and (issued_utc.date() <= day or not vendor.asked_by_date):
            yield issued_utc
        issued_utc += timedelta(hours=1)


def _run(world: World, air: Sky, day: date, vendor: Vendor, issued_utc: datetime) -> dict[str, Floats | Ints]:
    """Return one run as columns; minutes count from the opening midnight of the day."""
    issued = round((issued_utc - ClimateDay(air.city, day).start_utc) / _MINUTE)
    falls_on = event_date_at(issued_utc, city=air.city)
    # One draw per hour of the day of issue, so that a run's error does not depend on which other runs exist.
    errors = draws(world, air.city.key, vendor.source, event_date=day, falls_on=falls_on).standard_normal(24)
    error_f = vendor.bias_f + vendor.error_sd_f(issued) * float(errors[issued_utc.hour])
    curve_f, high_f = _outlook(air, air.place(day), issued, error_f=error_f)
    told = vendor.valid_minutes(air.city, issued)
    valid = np.union1d(told, [MINUTES_PER_DAY])
    # A high stands at the closing midnight alone.
    of_the_day = np.where((valid == MINUTES_PER_DAY) & vendor.says_high(air.city, issued), 1.0, np.nan)
    spread_f = max(1.0, _spread_f(air, vendor, issued)) if vendor.states_spread else np.nan
    return {
        "issued": np.zeros_like(valid) + issued,
        "valid": valid,
        "temp_f": np.where(np.isin(valid, told), curve_f[valid - 1], np.nan),
        "high_f": high_f * of_the_day,
        "high_sd_f": spread_f * of_the_day,
    }


def _outlook(air: Sky, place: int, minute: int, *, error_f: float) -> tuple[Floats, float]:
    """Return the expected curve of the day and its high, from nothing later than `minute`."""
    expected_l = air.expected_baseline_l(place, minute)
    wobble_now_l = float(air.wobble_l[place * MINUTES_PER_DAY + minute])
    later: Ints = np.arange(1, MINUTES_PER_DAY + 1) - minute
    fading_l = wobble_now_l * PERSISTENCE_PER_MINUTE ** np.maximum(later, 0)
    curve_f: Floats = (expected_l + fading_l) / STEPS_PER_F + error_f
    high_f = expected_high_l(expected_l + fading_l, since=max(minute, 0)) / STEPS_PER_F + error_f
    if minute > 0:
        so_far_f = float(air.temperature_of(place)[:minute].max()) / STEPS_PER_F
        high_f = max(high_f, so_far_f)
    return curve_f, high_f


def _unknown_f(air: Sky, minute: int) -> float:
    left_l2 = reveal_variance_l2(air.city)[REVEAL_MINUTES + min(minute, 0) :].sum()
    return float(np.sqrt(left_l2)) / STEPS_PER_F


def _spread_f(air: Sky, vendor: Vendor, minute: int) -> float:
    fading = min(1.0, (MINUTES_PER_DAY - max(minute, 0)) / MINUTES_PER_DAY)
    parts = (_unknown_f(air, minute), vendor.error_sd_f(minute), _HIGH_RESIDUAL_F * fading)
    return float(np.hypot.reduce(parts))
