"""Backward recursion over the lattice: u(e, y) = P(all later minutes of the day stay at or below y | wobble e).

A barrier is what an edge leaves to the wobble, counted from the top of the baseline, so that one table serves every day
of a season. In the hours after midnight what is left of yesterday's air shifts the baseline: there a barrier is
a pair, what the edge leaves over today's top and what over yesterday's. No sampling, no interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipelines.demo.climate import REACH_L, STATES, Floats, Ints, shock_l, transition
from pipelines.demo.weather import HANDOVER_MINUTES, lingering_l
from warehouse.market.climate_day import MINUTES_PER_DAY

# Columns go through the recursion in blocks, and states in bands, whose products are too small for BLAS to spread over
# threads: thirty times faster on a busy machine, and the same bytes on any number of cores.
BLOCK = 38
_BLOCKS = -(-STATES // BLOCK)
_STATE_L = np.arange(-REACH_L, REACH_L + 1, dtype=np.int16)
_NOTHING = 1e-15
_BAND = 19
# A step takes at most fifteen digits off, so what is faint is gone long before it is denormal and slows every product.
_FAINT = 1e-30
_FLUSH_MINUTES = 8


def in_blocks(columns: Floats) -> Floats:
    """Cut a table of states by columns into blocks, the last one filled up with zeros."""
    blocks = -(-columns.shape[1] // BLOCK)
    padded = np.zeros((len(columns), blocks * BLOCK))
    padded[:, : columns.shape[1]] = columns
    return np.ascontiguousarray(padded.reshape(len(columns), blocks, BLOCK).transpose(1, 0, 2))


def step_back(table: Floats, minute: int) -> Floats:
    """Return blocks of P-weighted sums over the wobble's step that ends `minute` minutes into the day, or before it."""
    earlier: Floats = np.empty_like(table)
    for rows, columns, band in _bands(shock_l((minute - 1) % MINUTES_PER_DAY + 1)):
        np.matmul(band, table[:, columns], out=earlier[:, rows])
    if minute % _FLUSH_MINUTES == 0:
        earlier[earlier < _FAINT] = 0.0
    return earlier


@lru_cache(maxsize=16)
def _bands(spread_l: float) -> tuple[tuple[slice, slice, Floats], ...]:
    """Cut a transition into bands of rows, each with the columns that its rows can reach in one step."""
    step = transition(spread_l)
    bands = []
    for first in range(0, STATES, _BAND):
        rows = slice(first, min(first + _BAND, STATES))
        reached = np.nonzero(step[rows].any(axis=0))[0]
        columns = slice(int(reached[0]), int(reached[-1]) + 1)
        bands.append((rows, columns, np.ascontiguousarray(step[rows, columns])))
    return tuple(bands)


class Steady:
    """Barriers over the day's own baseline alone, one for each distance that the wobble can reach."""

    def __init__(self, depth: Ints) -> None:
        self._depth = depth
        self._table = np.ones((_BLOCKS, STATES, BLOCK))
        self._barrier_l = np.arange(_BLOCKS * BLOCK).reshape(_BLOCKS, 1, BLOCK) - REACH_L
        self._above_l = _STATE_L[:, None] - self._barrier_l

    def step_back(self, minute: int) -> None:
        """Go from the end of a minute of the day to its beginning."""
        self._table[self._above_l > self._depth[minute - 1]] = 0.0
        self._table = step_back(self._table, minute)

    def at(self, state: Ints, barrier_l: Ints) -> Floats:
        """Return u of each wobble state and barrier; beyond its reach the wobble meets none."""
        column = np.clip(barrier_l, -REACH_L, REACH_L) + REACH_L
        values: Floats = self._table[column // BLOCK, state, column % BLOCK]
        return values

    def columns(self, barrier_l: Ints) -> Floats:
        """Return u of all states, one row for each barrier."""
        return self.at(np.arange(STATES)[None, :], barrier_l[:, None])

    def hopeless_l(self) -> int:
        """Return the highest barrier under which no state has a chance to stay."""
        best = self._table.max(axis=1, keepdims=True)
        return int(self._barrier_l[best < _NOTHING].max(initial=-REACH_L))


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """Distinct pairs of barriers: over today's own top, and over the top that would continue yesterday's air."""

    today_l: Ints
    yesterday_l: Ints

    def limits_l(self, depth: Ints) -> Ints:
        """Return the highest wobble that each pair allows at the end of each minute of the hand-over."""
        minute = np.arange(1, HANDOVER_MINUTES + 1)
        gap_l = (self.today_l - self.yesterday_l)[:, None]
        limit_l = self.today_l[:, None] - lingering_l(gap_l, minute) + depth[:HANDOVER_MINUTES]
        reached: Ints = np.minimum(limit_l, REACH_L)
        return reached

    def parting_minutes(self, depth: Ints) -> Ints:
        """Return the last minute in which each pair allows another wobble than its steady barrier does; 0 is never."""
        steady_l = np.clip(self.today_l, -REACH_L, REACH_L)[:, None] + depth[:HANDOVER_MINUTES]
        parted = self.limits_l(depth) != np.minimum(steady_l, REACH_L)
        last: Ints = (parted * np.arange(1, HANDOVER_MINUTES + 1)).max(axis=1)
        return last


class Handover:
    """Pairs of barriers from the end of the hand-over back to the opening midnight.

    Later than its parting minute a pair is as good as its steady barrier, so it is carried only from there.
    """

    def __init__(self, pairs: Pairs, depth: Ints) -> None:
        parting = pairs.parting_minutes(depth)
        order = np.argsort(-parting, kind="stable")
        blocks = -(-len(order) // BLOCK)
        padded = np.concatenate([order, np.repeat(order[-1:], blocks * BLOCK - len(order))])
        self._place = np.argsort(order, kind="stable")
        self._today_l = pairs.today_l
        self._members = padded.reshape(blocks, BLOCK)
        self._parting = parting[self._members[:, 0]]
        # By minute first: each minute reads all of its limits and none of another's.
        self._limit_l = pairs.limits_l(depth).astype(np.int16).T[:, self._members]
        self._table = np.empty((0, STATES, BLOCK))

    def step_back(self, minute: int, steady: Steady) -> None:
        """Go from the end of a minute of the hand-over to its beginning; `steady` still stands at its end."""
        carried, wanted = len(self._table), int((self._parting >= minute).sum())
        if wanted > carried:
            joining = steady.columns(self._today_l[self._members[carried:wanted]].ravel())
            blocks = joining.reshape(wanted - carried, BLOCK, STATES).transpose(0, 2, 1)
            self._table = np.concatenate([self._table, blocks])
        limit_l = self._limit_l[minute - 1, :wanted]
        np.copyto(self._table, 0.0, where=_STATE_L[:, None] > limit_l[:, None, :])
        self._table = step_back(self._table, minute)

    def columns(self, steady: Steady) -> Floats:
        """Return u of all states, one row for each pair."""
        values = steady.columns(self._today_l)
        block, column = np.divmod(self._place, BLOCK)
        carried = block < len(self._table)
        values[carried] = self._table[block[carried], :, column[carried]]
        return values

    def at(self, state: Ints, pair: Ints, steady: Steady) -> Floats:
        """Return u of each wobble state and pair, given by its number."""
        state, pair = np.broadcast_arrays(state, pair)
        values = steady.at(state, self._today_l[pair])
        block, column = np.divmod(self._place[pair], BLOCK)
        carried = block < len(self._table)
        values[carried] = self._table[block[carried], state[carried], column[carried]]
        return values
