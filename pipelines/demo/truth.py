"""The exact worth of every bracket at every minute, given the whole state of the world at that minute.

On the day itself it is looked up in the recursion over barriers; on the eve the day's anomaly is still open, so it is a
sum over all that may come. No sampling, no interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipelines.demo.barriers import Handover, Steady
from pipelines.demo.climate import REACH_L, STEPS_PER_F, Floats, Ints, depth_l, season
from pipelines.demo.eve import distinct_pairs, eve, wobbles_at_midnight, worth_on_the_eve
from pipelines.demo.weather import HANDOVER_MINUTES, Sky, eve_minutes, expected_high_l, sky
from pipelines.demo.world import World
from warehouse.market.climate_day import MINUTES_PER_DAY

EDGES = 5
EDGE_STEP_F = 2
_HALF_LADDER_F = 4
LISTED_MINUTES_BEFORE = 7
_DIGITS = 12  # finer digits depend on the order in which a machine sums


@dataclass(frozen=True, kw_only=True, eq=False)
class Worth:
    """What the brackets of one city's events are worth: `below[i, t, b]` is P(high ≤ edges_f[i, b]), t minutes in."""

    event_dates: tuple[date, ...]
    edges_f: Ints
    below: Floats

    def edges_of(self, day: date) -> Ints:
        """Return the highest degree of each bracket of an event but the warmest."""
        edges: Ints = self.edges_f[self.event_dates.index(day)]
        return edges

    def brackets_of(self, day: date) -> Floats:
        """Return the true probability of each bracket, coldest first, at each minute from open to close."""
        below = self.below[self.event_dates.index(day)].T
        ends = np.ones((1, below.shape[1]))
        return np.diff(np.vstack([0 * ends, below, ends]), axis=0)


@lru_cache(maxsize=8)
def worth(world: World, city_key: str) -> Worth:
    """Return the exact worth of every bracket of every event of one city."""
    air = sky(world, city_key)
    places = np.array([air.place(day) for day in world.event_dates])
    edges_f = _ladder_edges(air, places)
    below = np.empty((len(places), eve_minutes(air.city) + MINUTES_PER_DAY + 1, EDGES))
    for name in sorted({season(day) for day in world.event_dates}):
        chosen = np.array([season(day) == name for day in world.event_dates])
        below[chosen] = _Sweep(air, places[chosen], edges_f[chosen], depth_l(city_key, name)).below()
    below = np.maximum.accumulate(np.clip(below.round(_DIGITS), 0, 1), axis=2)
    return Worth(event_dates=world.event_dates, edges_f=edges_f, below=below)


def _ladder_edges(air: Sky, places: Ints) -> Ints:
    """Centre each ladder on the high that is expected when its markets are listed, shortly before they open."""
    listing = -eve_minutes(air.city) - LISTED_MINUTES_BEFORE
    expected_l = np.array([expected_high_l(air.expected_baseline_l(int(place), listing)) for place in places])
    lowest = np.floor(expected_l / STEPS_PER_F).astype(np.int64) - _HALF_LADDER_F
    return lowest[:, None] + EDGE_STEP_F * np.arange(EDGES)


class _Sweep:
    """One backward pass over the days of one city that share a season, from the close to the open of their markets."""

    def __init__(self, air: Sky, places: Ints, edges_f: Ints, depth: Ints) -> None:
        self._air = air
        self._places = places
        self._depth = depth
        self._eve = eve_minutes(air.city)
        self._edges_l = STEPS_PER_F * edges_f + STEPS_PER_F // 2
        self._steady = Steady(depth)

    def below(self) -> Floats:
        """Return P(high ≤ edge) for each day, minute and edge."""
        result = np.empty((len(self._places), self._eve + MINUTES_PER_DAY + 1, EDGES))
        self._after_the_handover(result[:, self._eve :])
        eves = [eve(self._air, int(place), edges_l) for place, edges_l in zip(self._places, self._edges_l, strict=True)]
        pairs, numbers = distinct_pairs(eves, hopeless_l=self._steady.hopeless_l())
        handover = Handover(pairs, self._depth)
        came = np.stack([number[:, day.came] for number, day in zip(numbers, eves, strict=True)])
        self._during_the_handover(result[:, self._eve :], handover, came)
        result[:, self._eve :] *= self._reachable()
        at_midnight = handover.columns(self._steady)
        p_midnight = wobbles_at_midnight(eves)
        for place, day in enumerate(eves):
            result[place, : self._eve] = worth_on_the_eve(day, p_midnight[place], at_midnight[numbers[place]])
        return result

    def _after_the_handover(self, result: Floats) -> None:
        barrier_l = self._edges_l - (self._air.tops_l + self._air.anomaly_l)[self._places][:, None]
        for minute in range(MINUTES_PER_DAY, HANDOVER_MINUTES, -1):
            result[:, minute] = self._steady.at(self._states(minute), barrier_l)
            self._steady.step_back(minute)

    def _during_the_handover(self, result: Floats, handover: Handover, came: Ints) -> None:
        for minute in range(HANDOVER_MINUTES, 0, -1):
            result[:, minute] = handover.at(self._states(minute), came, self._steady)
            handover.step_back(minute, self._steady)
            self._steady.step_back(minute)
        result[:, 0] = handover.at(self._states(0), came, self._steady)

    def _states(self, minute: int) -> Ints:
        return self._air.wobble_l[self._places * MINUTES_PER_DAY + minute][:, None] + REACH_L

    def _reachable(self) -> NDArray[np.bool_]:
        """Tell, for each day, minute and edge, whether the running maximum still allows a high at or below the edge."""
        temperatures_l = np.stack([self._air.temperature_of(int(place)) for place in self._places])
        running_l = np.maximum.accumulate(temperatures_l, axis=1)
        at_midnight = np.ones((len(self._places), 1, EDGES), dtype=bool)
        return np.hstack([at_midnight, running_l[:, :, None] <= self._edges_l[:, None, :]])
