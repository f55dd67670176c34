"""Which minutes are to be decided now, and which of them somebody may still speak of.

A minute is due as soon as all prices of it are in, and at the latest when its grace is over. Minutes follow each other
without a hole. Of several that are due at once only the last one is spoken of, and not for long: what was known a
minute and more ago is no reason to trade now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Due:
    """One minute to be decided; late: cities whose prices are not in."""

    minute_utc: datetime
    speak: bool
    late: tuple[str, ...] = ()


def due_minutes(
    now_utc: datetime,
    *,
    decided_utc: datetime,
    priced_until: Mapping[str, datetime],
    settle_s: float,
    grace_s: float,
) -> list[Due]:
    """Return the minutes after the last decided one that are due, in order; of a gap its first minute and its last.

    priced_until: for each city the instant up to which all of its prices are in.
    """
    last = _last_due(now_utc, decided_utc, priced_until, settle_s=settle_s, grace_s=grace_s)
    if last is None:
        return []
    missed = range(1, (last - decided_utc) // MINUTE)
    silent = [Due(minute_utc=decided_utc + minutes * MINUTE, speak=False) for minutes in missed]
    late = tuple(city for city, until in sorted(priced_until.items()) if until < last)
    speak = now_utc - last < MINUTE + timedelta(seconds=grace_s)
    return [*silent, Due(minute_utc=last, speak=speak, late=late)]


def _last_due(
    now_utc: datetime, decided_utc: datetime, priced_until: Mapping[str, datetime], *, settle_s: float, grace_s: float
) -> datetime | None:
    """Return the youngest minute that is due, None where none is that was not decided."""
    over = floor_minute(now_utc - timedelta(seconds=grace_s))
    ended = floor_minute(now_utc - timedelta(seconds=settle_s))
    priced = floor_minute(min(priced_until.values(), default=now_utc))
    last = max(over, min(ended, priced))
    return last if last > decided_utc else None


def floor_minute(instant_utc: datetime) -> datetime:
    """Return the last whole minute at or before an instant."""
    return instant_utc.replace(second=0, microsecond=0)
