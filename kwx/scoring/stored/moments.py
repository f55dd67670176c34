"""When stored probabilities are scored: minutes of an event, counted from the local standard midnight of its day.

Minutes below zero are of the eve. A climate day has 1,440 minutes on DST days too, so a minute is one instant.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from warehouse.errors import Usage
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import MINUTES_PER_DAY

FIRST_MINUTE = -MINUTES_PER_DAY


def every(minutes: int) -> tuple[int, ...]:
    """Return the minutes of the eve and of the day that lie so many apart."""
    if not 1 <= minutes <= MINUTES_PER_DAY:
        raise Usage(f"instants every {minutes} minutes cannot be meant", hint=f"1 … {MINUTES_PER_DAY}")
    return tuple(range(FIRST_MINUTE, MINUTES_PER_DAY, minutes))


def day_start_utc() -> pl.Expr:
    """Return the local standard midnight that opens event_date in city."""
    hours = pl.col("city").replace_strict({key: city.standard_offset_hours for key, city in CITIES.items()})
    return pl.col("event_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC") - pl.duration(hours=hours)


def instants_of(events: pl.DataFrame, minutes_lst: Sequence[int]) -> pl.DataFrame:
    """Return a row for each event and minute, with its instant_utc; events have city and event_date."""
    wanted = sorted(set(minutes_lst))
    if not wanted or wanted[0] < FIRST_MINUTE or wanted[-1] >= MINUTES_PER_DAY:
        raise Usage("an event has the minutes from the midnight before its eve to that after its day")
    minutes = pl.DataFrame({"minute_lst": wanted}, schema={"minute_lst": pl.Int32})
    instant_utc = day_start_utc() + pl.duration(minutes=pl.col("minute_lst"))
    return events.join(minutes, how="cross", maintain_order="left_right").with_columns(instant_utc=instant_utc)
