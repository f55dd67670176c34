"""The settings of a demo world, and its chance: every draw is named by what it is for and the day on which it falls.

Whatever falls on one climate day is drawn from keys of that day alone, so neither the range that is asked for, nor the
process that asks, nor anything later can change it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np

from warehouse.errors import BadDateRange, Usage
from warehouse.market.cities import CITIES, city


@dataclass(frozen=True, kw_only=True)
class FeeChange:
    """A change of what the series of a city charges, or one event of it by its date, told before it takes effect.

    withdrawn_utc: when it was taken back, before it took effect; None where it came as it was told.
    """

    city: str
    announced_utc: datetime
    scheduled_utc: datetime
    fee_type: str | None = None
    multiplier_milli: int | None = None
    event_date: date | None = None
    withdrawn_utc: datetime | None = None

    def __post_init__(self) -> None:
        if self.announced_utc > self.scheduled_utc:
            raise Usage(
                f"a change of fees at {self.scheduled_utc} cannot be announced at {self.announced_utc}",
                hint="what is in force is known",
            )
        if self.withdrawn_utc is not None and not self.announced_utc < self.withdrawn_utc < self.scheduled_utc:
            raise Usage(
                f"a change of fees at {self.scheduled_utc} cannot be withdrawn at {self.withdrawn_utc}",
                hint="it is withdrawn after it was announced and before it takes effect",
            )


@dataclass(frozen=True, kw_only=True)
class World:
    """One world, told apart by its settings: the same settings always give the same bytes.

    `until` is the last event date. `efficiency` is 1 where quotes straddle the true probability, 0 where makers lag it
    by an hour. `fork` redraws everything that happens from the opening midnight of that climate day on: what was known
    before it must not differ between a world and its forks. `fee_changes` are those of the usual fee, by default none.
    """

    days: int = 14
    seed: int = 7
    until: date = date(2026, 11, 4)
    cities: tuple[str, ...] = tuple(CITIES)
    efficiency: float = 0.8
    books: bool = True
    fork: date | None = None
    fee_changes: tuple[FeeChange, ...] = ()

    def __post_init__(self) -> None:
        if self.days < 1:
            raise BadDateRange(f"a world of {self.days} days holds no event", hint="say --days 1 or more")
        if self.seed < 0:
            raise Usage(f"seed {self.seed} is negative", hint="a seed is a whole number from 0")
        if not 0 <= self.efficiency <= 1:
            raise Usage(f"efficiency {self.efficiency} is outside 0 … 1", hint="1 knows everything, 0 lags an hour")
        for key in self.cities:
            if city(key).key != key:
                raise Usage(f"city {key!r} is an alias", hint=f"its key is {city(key).key!r}")

    @property
    def event_dates(self) -> tuple[date, ...]:
        """The climate days whose highs are traded, oldest first."""
        return tuple(self.until - timedelta(days=back) for back in reversed(range(self.days)))

    @property
    def eve(self) -> date:
        """The day before the first event: its markets open on it, so its weather is part of the world."""
        return self.event_dates[0] - timedelta(days=1)


def described(world: World) -> dict[str, Any]:
    """Return the settings of a world as JSON has them; a world in which no fee changes is told without any."""
    said = {
        name: list(value) if isinstance(value, tuple) else str(value) if isinstance(value, date) else value
        for name, value in asdict(world).items()
        if name != "fee_changes"
    }
    changes = [
        {name: str(value) if isinstance(value, date) else value for name, value in asdict(change).items()}
        for change in world.fee_changes
    ]
    return said | ({"fee_changes": changes} if changes else {})


def draws(world: World, city_key: str, purpose: str, *, event_date: date, falls_on: date) -> np.random.Generator:
    """Return the chance of one purpose, for one event, as it falls on one climate day."""
    forked = world.fork is not None and falls_on >= world.fork
    words: Sequence[int] = (
        world.seed,
        *(_word(city_key), _word(purpose)),
        *(event_date.toordinal(), falls_on.toordinal(), int(forked)),
    )
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


@lru_cache(maxsize=256)
def _word(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
