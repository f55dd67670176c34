"""One row per instant of a city's days: what was known then, and the degree from which the high is counted.

base_f is the highest report of the day in whole °F, rounded half up. Before the day's first report it is the forecast
high known then, rounded likewise; so it is while that stands FAR_F or more above the highest report: counted from the
cold of the morning nearly every high would be of the last class, which is open. An instant that knows neither has no
row. lowest_f is the lowest degree that the day
can still settle on: one below the lowest degree that the highest report can mean, which official rounding allows, and
never more than two below base_f; it is missing where base_f is a forecast.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.features.sharing import read_once
from kwx.features.tmax.day_so_far import STEP_MINUTES, day_so_far
from kwx.features.tmax.inputs import TmaxInputs
from kwx.features.tmax.instants import Clock, Instants, market_clock, utc_of
from kwx.features.tmax.official import official
from kwx.features.tmax.outlook import Outlook, outlook_at
from kwx.features.tmax.surprise import surprise
from warehouse.lake.store import Snapshot
from warehouse.market.climate_day import FIVE_MINUTE_STEPS, MINUTES_PER_DAY

Floats = NDArray[np.float64]

ROUNDING_F = 1
"""So much lower than every degree that the highest report can mean, at most, may the official high be."""
DEEPEST_F = -2
"""The lowest a day can settle on, counted from base_f, once it has a report."""
FAR_F = 8
"""A forecast that stands so much above the highest report is what the high is counted from."""
KEYS = ("city", "event_date", "ts_utc")


def read_snapshots(
    snapshot: Snapshot, city: str, *, since: date, until: date, clock: Clock = market_clock
) -> pl.DataFrame:
    """Return the snapshots of a city's days, both ends included, in the order of date and time."""
    return read_days(snapshot, city, since=since, until=until, clock=clock)[1]


def read_days(
    snapshot: Snapshot, city: str, *, since: date, until: date, clock: Clock = market_clock
) -> tuple[TmaxInputs, pl.DataFrame]:
    """Return what the snapshots of a city's days are made of, and these."""

    def read() -> tuple[TmaxInputs, pl.DataFrame]:
        inputs = TmaxInputs.read(snapshot, city, since=since, until=until)
        return inputs, snapshots_of(inputs, clock)

    return read_once(("snapshots", snapshot.paths, snapshot.number, city, since, until, clock), read)


def snapshots_of(inputs: TmaxInputs, clock: Clock = market_clock) -> pl.DataFrame:
    """Return the snapshots of some days at the instants of a clock."""
    instants = clock(inputs)
    rows = pl.DataFrame(
        {
            "city": pl.Series([day.city.key for day in inputs.days], dtype=pl.String).gather(instants.day),
            "event_date": pl.Series(inputs.dates, dtype=pl.Date).gather(instants.day),
            "ts_utc": utc_of(instants.ts_us),
            **_clock_columns(inputs, instants),
            **_day_columns(inputs, instants),
            **_outlook_columns(outlook_at(inputs, instants)),
        }
    )
    labelled = rows.join(inputs.labels, on="event_date", how="left", maintain_order="left")
    return _with_base(labelled).filter(pl.col("base_f").is_not_null())


def _clock_columns(inputs: TmaxInputs, instants: Instants) -> dict[str, Floats | NDArray[np.bool_]]:
    ordinal = np.array([one.timetuple().tm_yday for one in inputs.dates], dtype=np.float64)
    return {
        "is_eve": instants.minute < 0,
        "day_of_year": ordinal[instants.day],
        "standard_minute": instants.minute.astype(np.float64),
        "civil_minute": instants.civil_minute.astype(np.float64),
        "minutes_since_open": (instants.minute - instants.open_minute).astype(np.float64),
        "minutes_left": (MINUTES_PER_DAY - instants.minute).astype(np.float64),
    }


def _day_columns(inputs: TmaxInputs, instants: Instants) -> dict[str, Floats]:
    """Return the statistics of the last step that had ended; nothing on the eve."""
    step = np.clip(instants.minute // STEP_MINUTES, 0, FIVE_MINUTE_STEPS)
    so_far = day_so_far(inputs)
    parts = {"": so_far, "official_": official(inputs, so_far), "surprise_": surprise(inputs, so_far)}
    columns = {f"{part}{name}": values for part, told in parts.items() for name, values in vars(told).items()}
    return {name: values[instants.day, step] for name, values in columns.items()}


def _outlook_columns(outlook: Outlook) -> dict[str, Floats]:
    return {f"forecast_{name}": values for name, values in vars(outlook).items()}


def _with_base(rows: pl.DataFrame) -> pl.DataFrame:
    numbers = rows.with_columns(pl.col(pl.Float64).fill_nan(None))
    near = pl.col("forecast_high_f").is_null() | (pl.col("forecast_high_f") - pl.col("run_max_f") < FAR_F)
    observed = pl.col("run_max_f").is_not_null() & near
    said = pl.when(observed).then("run_max_f").otherwise("forecast_high_f")
    based = numbers.with_columns(is_observed=observed, base_f=(said + 0.5).floor().cast(pl.Int32))
    lowest = pl.max_horizontal(pl.col("run_max_lo_f").cast(pl.Int32) - ROUNDING_F, pl.col("base_f") + DEEPEST_F)
    return based.with_columns(lowest_f=pl.when("is_observed").then(lowest))
