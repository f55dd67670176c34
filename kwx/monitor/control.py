"""Control limits of a figure of each date, from the dates before it: where it stays while nothing has changed.

The limits of individual values (Shewhart, Wheeler): the mean of the dates before, and 2.66 times the mean step from
one of them to the next on either side. A date is never judged by itself or by a later one, and by none of fewer than
six before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import polars as pl

from kwx.scoring.resampling import LEAST_BLOCKS

STEPS = 2.66
"""Three standard deviations, told by the mean step between neighbours: 3 / 1.128."""

LAW = (
    f"Limits are those of the dates before alone: their mean ± {STEPS} times their mean step from date to date, from"
    f" the seventh date on."
)
_SCHEMA = {"event_date": pl.Date, "value": pl.Float64, "centre": pl.Float64, "low": pl.Float64, "high": pl.Float64}


def controlled(values: Mapping[date, float], *, least: float = 0.0) -> pl.DataFrame:
    """Return event_date, value, centre, low and high of each date; what cannot be less than `least` has no limit below.

    The limits are null where too few dates come before.
    """
    dates = sorted(values)
    told = np.array([values[day] for day in dates])
    rows = [(day, values[day], *_limits(told[:place], least)) for place, day in enumerate(dates)]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _limits(before: np.ndarray[tuple[int], np.dtype[np.float64]], least: float) -> tuple[float | None, ...]:
    if len(before) < LEAST_BLOCKS:
        return None, None, None
    centre, reach = float(before.mean()), STEPS * float(np.abs(np.diff(before)).mean())
    return centre, max(centre - reach, least), centre + reach


def outside(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the dates whose figure lies outside its limits."""
    return rows.filter((pl.col("value") < pl.col("low")) | (pl.col("value") > pl.col("high")))


def verdict(rows: pl.DataFrame) -> str:
    """Say on which dates a figure was outside its limits, for the end of a sentence."""
    if rows["high"].null_count() == rows.height:
        return "too few dates for limits yet"
    beyond = outside(rows)["event_date"].to_list()
    return f"outside its limits on {', '.join(map(str, beyond))}" if beyond else "never outside its limits"
