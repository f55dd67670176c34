"""When a city's days are looked at: on the market's clock, or on the wall clock of the event day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.features.tmax.inputs import TmaxInputs
from warehouse.market.climate_day import MINUTES_PER_DAY

Ints = NDArray[np.int64]

OPENS = time(10)
"""The civil time of the eve at which an event's market opens where the lake does not say."""
TOD_MINUTES = (10 * 60, 23 * 60 + 45)
"""The civil minutes of the event day that a model of the time of day speaks of."""
_LAST_MINUTE = MINUTES_PER_DAY - 5
_MINUTE_US = 60_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Instants:
    """N instants, day after day, each day's in order.

    day: [N] the place of the event date in the inputs. minute: [N] minutes from the opening midnight of the climate
    day, negative on the eve. open_minute: [N] when the event's market opens, in the same minutes. civil_minute: [N]
    minutes of the wall clock from the civil midnight of the event date. ts_us: [N] microseconds since 1970.
    """

    day: Ints
    minute: Ints
    open_minute: Ints
    civil_minute: Ints
    ts_us: Ints


Clock = Callable[[TmaxInputs], Instants]


def market_clock(inputs: TmaxInputs, *, every_minutes: int = 5) -> Instants:
    """Return every so many minutes from each market's open to 23:55 of the event day, before the market's close."""
    first, last = _trading(inputs)
    first = -(-first // every_minutes) * every_minutes
    return _instants(inputs, first, np.minimum(last, _LAST_MINUTE), every_minutes)


def time_of_day(inputs: TmaxInputs, *, every_minutes: int = 15) -> Instants:
    """Return every so many minutes from 10:00 to 23:45 of each event day, by the wall clock."""
    ahead = _civil_ahead(inputs)
    first, last = TOD_MINUTES
    return _instants(inputs, first - ahead, last - ahead, every_minutes)


def _instants(inputs: TmaxInputs, first: Ints, last: Ints, every_minutes: int) -> Instants:
    counts = np.maximum((last - first) // every_minutes + 1, 0)
    day = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(day)) - np.repeat(np.cumsum(counts) - counts, counts)
    minute = first[day] + place * every_minutes
    return Instants(
        day=day,
        minute=minute,
        open_minute=_trading(inputs)[0][day],
        civil_minute=minute + _civil_ahead(inputs)[day],
        ts_us=starts_us(inputs)[day] + minute * _MINUTE_US,
    )


def starts_us(inputs: TmaxInputs) -> Ints:
    """Return [D] the opening midnight of each climate day in microseconds since 1970."""
    starts = [round(day.start_utc.timestamp()) for day in inputs.days]
    return np.array(starts, dtype=np.int64) * 1_000_000


def _trading(inputs: TmaxInputs) -> tuple[Ints, Ints]:
    """Return [D] the first minute of trading and the last before the close."""
    rows = inputs.trading.select(inputs.day_of(inputs.trading), "open_utc", "close_utc")
    told = {day: (opens, closes) for day, opens, closes in rows.iter_rows()}
    bounds = []
    for place, one in enumerate(inputs.days):
        start, eve = one.start_utc, one.event_date - timedelta(days=1)
        assumed = datetime.combine(eve, OPENS, one.city.tzinfo).astimezone(UTC)
        opens, closes = told.get(place, (None, None))
        minutes = [((instant or other) - start) // timedelta(minutes=1)
                   for instant, other in ((opens, assumed), (closes, start + timedelta(days=1)))]  # fmt: skip
        bounds.append(minutes)
    first, closes_at = np.array(bounds, dtype=np.int64).T
    return first, closes_at - 1


def _civil_ahead(inputs: TmaxInputs) -> Ints:
    """Return [D] how many minutes the wall clock of the event day, from 10:00 on, is ahead of standard time."""
    noons = ((datetime.combine(one.event_date, time(12), one.city.tzinfo), one.city) for one in inputs.days)
    ahead = [((noon.utcoffset() or timedelta()) - city.standard_offset) // timedelta(minutes=1) for noon, city in noons]
    return np.array(ahead, dtype=np.int64)


def utc_of(ts_us: Ints) -> pl.Series:
    """Return instants as a column."""
    return pl.from_epoch(pl.Series("ts_utc", ts_us), time_unit="us").dt.replace_time_zone("UTC")
