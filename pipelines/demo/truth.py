"""The exact worth of every bracket at every minute, given the whole state of the world at that minute.

Backward recursion over the lattice: u(e, y) = P(all later minutes of the day stay at or below y | wobble e). Barriers
are counted from the top of the baseline, so that one table serves every day of a season. No sampling, no interpolation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipelines.demo.climate import (
    PEAK_EXCESS_F,
    REACH_L,
    STATES,
    STEPS_PER_F,
    Floats,
    Ints,
    depth_l,
    season,
    shock_l,
    transition,
)
from pipelines.demo.normal import normal_cdf
from pipelines.demo.weather import REVEAL_MINUTES, Sky, eve_minutes, reveal_variance_l2, sky
from pipelines.demo.world import World
from warehouse.market.climate_day import MINUTES_PER_DAY

EDGES = 5
EDGE_STEP_F = 2
_HALF_LADDER_F = 4
LISTED_MINUTES_BEFORE = 7
_DIGITS = 12  # finer digits depend on the order in which a machine sums
# Columns go through the recursion in blocks, whose products are too small for BLAS to spread over threads: thirty times
# faster on a busy machine, and the same bytes on any number of cores.
_BLOCK = 19
_BLOCKS = -(-STATES // _BLOCK)


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


@lru_cache(maxsize=4)
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
    expected_l = np.array([air.tops_l[place] + air.expected_anomaly_l(int(place), listing) for place in places])
    lowest = np.floor(expected_l / STEPS_PER_F + PEAK_EXCESS_F).astype(np.int64) - _HALF_LADDER_F
    return lowest[:, None] + EDGE_STEP_F * np.arange(EDGES)


class _Sweep:
    """One backward pass over the days of one city that share a season, from the close to the open of their markets."""

    def __init__(self, air: Sky, places: Ints, edges_f: Ints, depth: Ints) -> None:
        self._air = air
        self._places = places
        self._depth = depth
        self._eve = eve_minutes(air.city)
        self._eve_anomaly_l = np.stack([air.eve_anomaly_l(int(place)) for place in places])
        # Column of the barrier that keeps the high at or below an edge, while the anomaly is still unknown.
        top_l = air.tops_l[places][:, None]
        self._open_column = STEPS_PER_F * edges_f + STEPS_PER_F // 2 - top_l + REACH_L
        self._column = self._open_column - air.anomaly_l[places][:, None]

    def below(self) -> Floats:
        """Return P(high ≤ edge) for each day, minute and edge."""
        result = np.empty((len(self._places), self._eve + MINUTES_PER_DAY + 1, EDGES))
        for minute, table in self._tables():
            states = self._air.wobble_l[self._places * MINUTES_PER_DAY + minute] + REACH_L
            if minute >= 0:
                column = np.clip(self._column, 0, STATES - 1)
                result[:, self._eve + minute] = table[column // _BLOCK, states[:, None], column % _BLOCK]
            else:
                result[:, self._eve + minute] = self._before_the_day(_rows(table, states), minute)
        result[:, self._eve :] *= self._reachable()
        return result

    def _tables(self) -> Iterator[tuple[int, Floats]]:
        """Yield u(e, y) in blocks of barriers at each minute, from the closing midnight back to the opening."""
        table = np.ones((_BLOCKS, STATES, _BLOCK))
        barriers = np.arange(_BLOCKS * _BLOCK).reshape(_BLOCKS, 1, _BLOCK)
        above = np.arange(STATES)[:, None] - barriers
        for minute in range(MINUTES_PER_DAY, -self._eve - 1, -1):
            yield minute, table
            if minute > 0:
                table[above > self._depth[minute - 1]] = 0.0
            table = np.matmul(transition(shock_l((minute - 1) % MINUTES_PER_DAY + 1)), table)
            table[table < 1e-30] = 0.0

    def _reachable(self) -> NDArray[np.bool_]:
        """Tell, for each day, minute and edge, whether the running maximum still allows a high at or below the edge."""
        wobbles = np.stack([self._air.wobble_of(int(place)) for place in self._places])
        running = np.maximum.accumulate(wobbles[:, 1:] - self._depth, axis=1)
        running = np.hstack([np.full((len(self._places), 1), -(10**6)), running])
        barrier = self._column[:, None, :]
        return (running[:, :, None] <= barrier - REACH_L) & (barrier >= 0)

    def _before_the_day(self, rows: Floats, minute: int) -> Floats:
        """Average over the anomalies that are still possible: Σ_c P(barrier exactly c) · P(anomaly ≤ edge - c)."""
        edge = np.zeros((len(rows), 1))
        mass = np.diff(np.hstack([edge, rows, edge + 1]), axis=1)
        lowest = self._open_column[:, :1] - STATES
        reach = STATES + 1 + STEPS_PER_F * EDGE_STEP_F * (EDGES - 1)
        known_l = self._eve_anomaly_l[:, self._eve + minute]
        left_l = np.sqrt(reveal_variance_l2(self._air.city)[REVEAL_MINUTES + minute :].sum())
        possible = normal_cdf((lowest + np.arange(reach) + 0.5 - known_l[:, None]) / left_l)
        windows = sliding_window_view(possible, STATES + 1, axis=1)[:, :: STEPS_PER_F * EDGE_STEP_F]
        below: Floats = np.einsum("dec,dc->de", windows, mass[:, ::-1])
        return below


def _rows(table: Floats, states: Ints) -> Floats:
    """Return u(e, ·) of each state over all barriers."""
    return table[:, states].transpose(1, 0, 2).reshape(len(states), -1)[:, :STATES]
