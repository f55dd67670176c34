"""From places in the arrays to words in the tables: which city, event date, market and instant an entry is of."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.exec.bars.bars import Bars
from warehouse.lake.tables import UTC_TYPE

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
MINUTE = np.timedelta64(1, "m")


def market_columns(bars: Bars, minute: Ints, market: Ints) -> dict[str, pl.Series]:
    """Return the columns that place rows of markets, these numbered as they lie in [B, C, D]."""
    event = market % bars.settled_utc.size
    columns = event_columns(bars, minute, event)
    return columns | {"market_ticker": chosen(bars.tickers.ravel(), market)}


def event_columns(bars: Bars, minute: Ints, event: Ints) -> dict[str, pl.Series]:
    """Return the columns that place rows of events, these numbered as they lie in [C, D]."""
    city, day = np.divmod(event, len(bars.dates))
    return {
        "city": chosen(bars.cities, city),
        "event_date": pl.Series(bars.dates, dtype=pl.Date).gather(day),
        "ts_utc": instants(ends_utc(bars, minute, day)),
    }


def ends_utc(bars: Bars, minute: Ints, day: Ints) -> NDArray[np.datetime64]:
    """Return when some minutes of some dates end."""
    ends: NDArray[np.datetime64] = bars.starts_utc[day] + (minute + 1) * MINUTE
    return ends


def instants(values: NDArray[np.datetime64]) -> pl.Series:
    """Return instants as the lake has them."""
    return pl.Series(values.astype("datetime64[us]")).dt.replace_time_zone(UTC_TYPE.time_zone)


def chosen(words: Any, place: Ints) -> pl.Series:
    """Return the word at each place of a short list of them."""
    return pl.Series(np.asarray(words).astype(object), dtype=pl.String).gather(place)


def minutes_alive(bars: Bars) -> Bools:
    """Return [T, C, D] from the first minute in which any bracket of an event trades to the last one."""
    trades = bars.minutes.open.any(axis=1)
    begun: Bools = np.logical_or.accumulate(trades, axis=0)
    goes_on: Bools = np.logical_or.accumulate(trades[::-1], axis=0)[::-1]
    return begun & goes_on
