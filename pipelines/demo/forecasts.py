"""Two vendors' forecasts as issued: what was known of the day at that instant, plus the vendor's own error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from pipelines.demo.climate import PERSISTENCE_PER_MINUTE, STEPS_PER_F, Floats, Ints
from pipelines.demo.weather import REVEAL_MINUTES, Sky, expected_high_l, reveal_variance_l2
from pipelines.demo.world import World, draws
from warehouse.lake.tables import UTC_TYPE
from warehouse.market.climate_day import MINUTES_PER_DAY, ClimateDay, event_date_at

_WARM_HOURS = 14
_MINUTE = timedelta(minutes=1)
_FROM_LEAD = timedelta(minutes=REVEAL_MINUTES)
_HIGH_RESIDUAL_F = 1.3


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """When a vendor issues, how long it takes to publish, and how wrong it is beyond what nobody can know."""

    source: str
    hours_utc: tuple[int, ...]
    lag: timedelta
    bias_f: float
    error_f: float
    error_f_per_hour: float
    states_spread: bool

    def error_sd_f(self, minute: int) -> float:
        """Return the vendor's own error for a run issued `minute` minutes after the opening midnight."""
        return self.error_f + self.error_f_per_hour * max(0.0, _WARM_HOURS - minute / 60)


VENDORS = (
    Vendor(
        source="vc", hours_utc=(0,), lag=timedelta(hours=6), states_spread=False,
        bias_f=-0.4, error_f=0.6, error_f_per_hour=0.03,
    ),
    Vendor(
        source="nbm", hours_utc=(1, 7, 13, 19), lag=timedelta(minutes=75), states_spread=True,
        bias_f=0.0, error_f=0.4, error_f_per_hour=0.02,
    ),
)  # fmt: skip


def forecasts_frame(world: World, air: Sky, day: date) -> pl.DataFrame:
    """Return every run that speaks of one climate day, from two days before it."""
    runs = [_run(world, air, day, vendor, issued_utc) for vendor in VENDORS for issued_utc in _issues(air, day, vendor)]
    columns = {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}
    start_utc = pl.lit(ClimateDay(air.city, day).start_utc, UTC_TYPE)
    return pl.DataFrame(columns).select(
        source=pl.lit(pl.Series([vendor.source for vendor in VENDORS])).gather("vendor"),
        issued_utc=start_utc + pl.duration(minutes="issued"),
        valid_utc=start_utc + pl.duration(minutes="valid"),
        known_utc=start_utc + pl.duration(minutes="known"),
        temp_f=pl.col("temp_f").round(1),
        high_f=pl.col("high_f").round(1).fill_nan(None),
        high_sd_f=pl.col("high_sd_f").round(2).fill_nan(None),
    )


def _issues(air: Sky, day: date, vendor: Vendor) -> Iterator[datetime]:
    window = ClimateDay(air.city, day)
    issued_utc = window.start_utc - _FROM_LEAD
    while issued_utc < window.end_utc:
        if issued_utc.hour in vendor.hours_utc:
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
    valid = np.arange(60, MINUTES_PER_DAY + 1, 60)
    valid = valid[valid >= issued]
    of_the_day = np.where(valid == MINUTES_PER_DAY, 1.0, np.nan)  # a high stands at the closing midnight alone
    nothing = np.zeros_like(valid)
    return {
        "vendor": nothing + VENDORS.index(vendor),
        "issued": nothing + issued,
        "valid": valid,
        "known": nothing + issued + round(vendor.lag / _MINUTE),
        "temp_f": curve_f[valid - 1],
        "high_f": high_f * of_the_day,
        "high_sd_f": (_spread_f(air, vendor, issued) if vendor.states_spread else np.nan) * of_the_day,
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
