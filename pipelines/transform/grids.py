"""Station reports to the regular grid of a climate day: the last report known by each step, and the running maximum.

A row holds only reports that had arrived at its instant. Whole-°C reports are intervals, and so is the maximum.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import polars as pl

from warehouse.lake.tables import OBS_1M, utc_expr
from warehouse.market.climate_day import ClimateDay

OFFICIAL_SOURCE = "metar"

_MICROSECONDS = 60_000_000
_REPORTED = ("source", "temp_f", "dew_f", "humidity_pct", "wind_mph")

Ints = npt.NDArray[np.int64]


def observation_grid(obs: pl.DataFrame, *, day: ClimateDay, step_minutes: int) -> pl.DataFrame:
    """Return every step of the climate day with the last report known by then and the running maximum so far.

    The last report is the youngest by its own stamp. Of several with one stamp an exact one counts before one in whole
    °C, then `metar` before other sources, then the name of the source in alphabetical order. A report that only repeats
    an older one (`is_filled`) says nothing: it neither refreshes the row nor enters the maximum. Reports of the eve
    may be given: they fill the first minutes, and never enter the maximum.

    Args:
        obs: rows of obs, any order, of one city; the day and, better, its eve.
        day: the climate day to lay out.
        step_minutes: 1 for obs_1m, 5 for obs_5m.
    """
    steps = _steps(day, step_minutes).to_frame()
    reports = _by_arrival(obs)
    heard = np.searchsorted(_instants(reports["known_utc"]), _instants(steps["ts_utc"]), side="right") - 1
    youngest = _youngest_so_far(reports["stamp_order"].to_numpy())
    current = reports[["ts_utc", *_REPORTED]][_places(heard, youngest)]
    maximum = _running_maximum(reports, day=day)[_places(heard, np.arange(reports.height))]
    age_minutes = (steps["ts_utc"] - current["ts_utc"]).dt.total_minutes().alias("stale_minutes")
    grid = pl.concat([steps, current.drop("ts_utc"), age_minutes.to_frame(), maximum], how="horizontal")
    return grid.select(pl.col(name).cast(dtype) for name, dtype in OBS_1M.schema.items())


def _by_arrival(obs: pl.DataFrame) -> pl.DataFrame:
    """Return the reports that say something new, as they arrived, each with its place in the order of stamps."""
    said = obs.filter(~pl.col("is_filled")).with_columns((pl.col("source") == OFFICIAL_SOURCE).alias("is_official"))
    # The worst of a tie comes first, so that a higher place is always the better report.
    by_stamp = said.sort(
        ["ts_utc", "is_whole_c", "is_official", "source", "known_utc", "temp_f"],
        descending=[False, True, False, True, True, False],
    )
    return by_stamp.with_row_index("stamp_order").sort("known_utc", "stamp_order")


def _running_maximum(reports: pl.DataFrame, *, day: ClimateDay) -> pl.DataFrame:
    """Return the maximum after each arrival; its bounds are the highest of the bounds of every report of the day."""
    ours = pl.col("ts_utc").is_between(utc_expr(day.start_utc), utc_expr(day.end_utc), closed="left")
    bounds = {"run_max_f": "temp_f", "run_max_lo_f": "temp_lo_f", "run_max_hi_f": "temp_hi_f"}
    return reports.select(
        pl.when(ours).then(pl.col(of)).cum_max().forward_fill().alias(name) for name, of in bounds.items()
    )


def _youngest_so_far(stamp_order: npt.NDArray[np.uint32]) -> Ints:
    """Return, after each arrival, which arrival so far has the youngest stamp."""
    order = stamp_order.astype(np.int64)
    leads = order == np.maximum.accumulate(order)
    return np.maximum.accumulate(np.where(leads, np.arange(len(order)), 0))


def _places(heard: Ints, of_arrival: Ints) -> pl.Series:
    """Turn the last arrival heard at each step into a place to read from; null before the first."""
    known = heard >= 0
    places = of_arrival[heard[known]]
    filled = np.full(len(heard), np.nan)
    filled[known] = places
    return pl.Series(filled, nan_to_null=True).cast(pl.UInt32)


def _instants(instants: pl.Series) -> Ints:
    micros: Ints = instants.to_numpy().view(np.int64)
    return micros


@lru_cache(maxsize=64)
def _steps(day: ClimateDay, step_minutes: int) -> pl.Series:
    return day.minutes_utc(step_minutes=step_minutes)
