"""Past days as the fit sees them: market, weather and what the weight depends on at chosen minutes, and what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.fuse.events import CityDay, Event
from kwx.fuse.market.minutes import MINUTE_US, Floats, Ints
from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.pools.contract import sound
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import Partition

STEP_MINUTES = 5
"""The weather is evaluated every five minutes: the minutes between say the same of it."""
_LOG_OF_NOTHING = -100.0
AHEAD_MINUTES = {"day": None, "1m": 1, "5m": 5}
"""By horizon: how many minutes later the market's own distribution is the target; None is what settled."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """N minutes of past events over W brackets, narrower events filled up with brackets that are dead.

    p_mkt, p_wx: [N, W] sound distributions. features: [N, 4]. target: [N, W] what is to be foretold: the bracket that
    won, or, for a horizon of minutes, the market's distribution so much later. winner: [N] the bracket that won.
    city: [N] a number in `cities`. day: [N] the event date. dead: [N, W].
    """

    cities: tuple[str, ...]
    p_mkt: Floats
    p_wx: Floats
    features: Floats
    target: Floats
    winner: Ints
    city: Ints
    day: NDArray[np.datetime64]
    dead: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.winner)

    def where(self, some: NDArray[np.bool_]) -> Sample:
        """Return some of the minutes."""
        rows = {one.name: getattr(self, one.name)[some] for one in fields(self) if one.name != "cities"}
        return replace(self, **rows)

    def of_city(self, city: str) -> Sample:
        """Return the minutes of one city."""
        return self.where(self.city == self.cities.index(city))

    @property
    def days(self) -> NDArray[np.datetime64]:
        """The event dates that are there, in order."""
        return np.unique(self.day)

    @cached_property
    def live(self) -> NDArray[np.bool_]:
        """[N, W] brackets to which both sides give a chance."""
        return (self.p_mkt > 0) & (self.p_wx > 0)

    @cached_property
    def log_wx(self) -> Floats:
        """[N, W] log p_wx, that of next to nothing on dead brackets."""
        return np.where(self.live, np.log(np.where(self.live, self.p_wx, 1.0)), _LOG_OF_NOTHING)

    @cached_property
    def log_mkt_over_wx(self) -> Floats:
        """[N, W] log p_mkt − log p_wx, 0 on dead brackets."""
        return np.where(self.live, np.log(np.where(self.live, self.p_mkt, 1.0)) - self.log_wx, 0.0)

    def __repr__(self) -> str:
        return f"Sample({len(self):,} minutes of {len(self.days)} dates in {len(self.cities)} cities)"


def sample_of_days(
    snapshot: Snapshot, city: str, labels: Mapping[date, int], recipe: MarketRecipe, *, horizon: str
) -> Sample | None:
    """Return the minutes of one city's labelled days; None where market and weather never stand side by side."""
    parts = []
    for event_date, label_f in sorted(labels.items()):
        city_day = CityDay.read(snapshot, Partition(city, event_date), recipe)
        for event in city_day.events([]):
            part = _of_event(event, city, event_date, label_f, horizon=horizon)
            if part is not None:
                parts.append(part)
    return joined(parts) if parts else None


def _of_event(event: Event, city: str, event_date: date, label_f: int, *, horizon: str) -> Sample | None:
    """Return every fifth minute at which both sides speak and the target is known."""
    winner = event.ladder.winner(label_f)
    target, known = _target(event, winner, AHEAD_MINUTES[horizon])
    on_step = event.minutes.ts_us % (STEP_MINUTES * MINUTE_US) == 0
    some = np.flatnonzero(event.has_market & event.has_weather & known & on_step)
    if not len(some):
        return None
    dead = event.weather.dead[some]
    return Sample(
        cities=(city,),
        p_mkt=sound(event.market.p[some], dead),
        p_wx=sound(event.weather.p[some], dead),
        features=event.features[some],
        target=target[some],
        winner=np.full(len(some), winner),
        city=np.zeros(len(some), dtype=np.int64),
        day=np.full(len(some), event_date, dtype="datetime64[D]"),
        dead=dead,
    )


def _target(event: Event, winner: int, ahead: int | None) -> tuple[Floats, NDArray[np.bool_]]:
    """Return [T, B] what is to be foretold at each minute, and at which minutes it is known."""
    p = event.market.p
    if ahead is None:
        came = np.zeros(p.shape)
        came[:, winner] = 1.0
        return came, np.ones(len(p), dtype=np.bool_)
    later = np.full(p.shape, np.nan)
    later[:-ahead] = p[ahead:]
    return later, ~np.isnan(later[:, 0])


def joined(parts: Sequence[Sample]) -> Sample:
    """Put samples one after another, all as wide as the widest."""
    width = max(part.p_mkt.shape[1] for part in parts)
    cities = tuple(dict.fromkeys(city for part in parts for city in part.cities))
    wide = [_widened(part, width, cities) for part in parts]
    names = [one.name for one in fields(Sample) if one.name != "cities"]
    return Sample(cities=cities, **{name: np.concatenate([getattr(part, name) for part in wide]) for name in names})


def _widened(part: Sample, width: int, cities: tuple[str, ...]) -> Sample:
    number = np.array([cities.index(city) for city in part.cities])
    spare = ((0, 0), (0, width - part.p_mkt.shape[1]))
    return replace(
        part,
        cities=cities,
        city=number[part.city],
        p_mkt=np.pad(part.p_mkt, spare),
        p_wx=np.pad(part.p_wx, spare),
        target=np.pad(part.target, spare),
        dead=np.pad(part.dead, spare, constant_values=True),
    )


def usable_labels(labels: pl.DataFrame, *, city: str, until: date, by_utc: datetime) -> dict[date, int]:
    """Return what settled, by event date: of days up to `until`, as far as it was known by an instant."""
    ours = labels.filter(
        (pl.col("city") == city) & (pl.col("event_date") <= until) & (pl.col("label_known_utc") <= by_utc)
    )
    return dict(ours.select("event_date", "label_f").iter_rows())
