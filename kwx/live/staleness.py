"""Which cities may risk nothing new now, and why: prices that are not in, or a source that has been silent too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from kwx.config.live import FeedFields
from kwx.exec.minute import Minute
from kwx.live.journal.record import PRICES, WEATHER

Stale = Mapping[str, tuple[str, ...]]
"""By city, the sources that are too old."""

WEATHER_FEEDS = ("metar", "vc_obs")
"""Where observations come from: one of them that is heard is enough."""


def stale_cities(
    minute_utc: datetime,
    cities: Sequence[str],
    *,
    priced_until: Mapping[str, datetime],
    heard_of: Mapping[tuple[str, str], datetime | None],
    fields: FeedFields,
) -> dict[str, tuple[str, ...]]:
    """Return what is too old at a minute, by city; a city of which all is fresh is not in it."""
    found = {}
    for city in cities:
        sources = (
            (PRICES, [priced_until.get(city)], fields.stale_prices_seconds),
            (WEATHER, [heard_of.get((feed, city)) for feed in WEATHER_FEEDS], fields.stale_weather_seconds),
        )
        old = tuple(name for name, heard, limit_s in sources if _is_old(minute_utc, heard, limit_s))
        if old:
            found[city] = old
    return found


def _is_old(minute_utc: datetime, heard: Sequence[datetime | None], limit_s: float) -> bool:
    newest = max((instant for instant in heard if instant is not None), default=None)
    return newest is None or minute_utc - newest > timedelta(seconds=limit_s)


def is_off(ahead_s: float | None, most_s: float, *, must_be_known: bool) -> bool:
    """Tell whether our clock is further from the exchange's than it may be; also where it must be known and is not."""
    return must_be_known if ahead_s is None else abs(ahead_s) > most_s


def off_the_clock(minute: Minute) -> Minute:
    """Return a minute of which nobody knows when it is: the step lets no city risk anything new."""
    return minute._replace(clock_off=np.ones_like(minute.clock_off))


def not_fresh(minute: Minute, cities: Sequence[str], stale: Stale) -> Minute:
    """Return a minute in which no bracket of a stale city is fresh: the step lets it risk nothing new."""
    is_stale = np.array([city in stale for city in cities])[:, None]
    return minute._replace(fresh=minute.fresh & ~is_stale)
