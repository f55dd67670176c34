"""The eve of an event, seen from which today's anomaly is still open: which may come, and what each would be worth.

An exact sum over every anomaly that is possible and every wobble that midnight can bring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.demo.barriers import BLOCK, Pairs, in_blocks, step_back
from pipelines.demo.climate import REACH_L, STATES, Floats, Ints
from pipelines.demo.normal import normal_cdf
from pipelines.demo.weather import REVEAL_MINUTES, Sky, eve_minutes, reveal_variance_l2
from warehouse.market.climate_day import MINUTES_PER_DAY

_SURELY_SD = 7.5  # what lies farther out is less likely than the digits that are kept
_ROWS = 60  # minutes in one product: too few for BLAS to spread over threads, and a divisor of every eve
_CODES = 2**20


@dataclass(frozen=True, kw_only=True, eq=False)
class Eve:
    """One event's eve, minute by minute from the open to the last before midnight.

    `p_possible` is how likely each anomaly of `possible_l` still is. `today_l` and `yesterday_l` are the barriers, edge
    by possible anomaly, that it would set; `came` is the place of the anomaly that came.
    """

    states: Ints
    p_possible: Floats
    today_l: Ints
    yesterday_l: Ints
    came: int


def eve(air: Sky, place: int, edges_l: Ints) -> Eve:
    """Look at a day from its eve."""
    minutes = eve_minutes(air.city)
    midnight, anomaly_l = place * MINUTES_PER_DAY, int(air.anomaly_l[place])
    known_l = air.eve_anomaly_l(place)[:-1]
    left_l = np.sqrt(np.cumsum(reveal_variance_l2(air.city)[: REVEAL_MINUTES - minutes - 1 : -1])[::-1])
    lowest = min(anomaly_l, int(np.floor((known_l - _SURELY_SD * left_l).min())))
    highest = max(anomaly_l, int(np.ceil((known_l + _SURELY_SD * left_l).max())))
    possible_l = lowest + np.arange(-(-(highest + 1 - lowest) // BLOCK) * BLOCK)
    # What is less likely than all digits falls to the two outermost, so that the sum is one.
    below = normal_cdf((possible_l[:-1] + 0.5 - known_l[:, None]) / left_l[:, None])
    bounded = np.hstack([np.zeros((minutes, 1)), below, np.ones((minutes, 1))])
    today_l = edges_l[:, None] - air.tops_l[place] - possible_l
    return Eve(
        states=air.wobble_l[midnight - minutes : midnight] + REACH_L,
        p_possible=np.diff(bounded, axis=1),
        today_l=today_l,
        yesterday_l=np.zeros_like(today_l) + edges_l[:, None] - air.inherited_l[place],
        came=anomaly_l - lowest,
    )


def distinct_pairs(eves: list[Eve], *, hopeless_l: int) -> tuple[Pairs, list[Ints]]:
    """Return the pairs of barriers that any eve may need, and their numbers by eve, edge and possible anomaly."""
    today_l = np.concatenate([np.maximum(day.today_l, hopeless_l).ravel() for day in eves])
    yesterday_l = np.concatenate([day.yesterday_l.ravel() for day in eves])
    _, first, number = np.unique(today_l * _CODES + yesterday_l, return_index=True, return_inverse=True)
    ends = np.cumsum([day.today_l.size for day in eves])
    numbers = [part.reshape(day.today_l.shape) for part, day in zip(np.split(number, ends[:-1]), eves, strict=True)]
    return Pairs(today_l=today_l[first], yesterday_l=yesterday_l[first]), numbers


def wobbles_at_midnight(eves: list[Eve]) -> Floats:
    """Return P(wobble at midnight | wobble then) for each eve and minute."""
    minutes = len(eves[0].states)
    states = np.stack([day.states for day in eves])
    p_midnight = np.empty((len(eves), minutes, STATES))
    table = in_blocks(np.eye(STATES))
    for minute in range(minutes - 1, -1, -1):
        table = step_back(table, minute - minutes + 1)
        rows = table[:, states[:, minute]].transpose(1, 0, 2).reshape(len(eves), -1)
        p_midnight[:, minute] = rows[:, :STATES]
    return p_midnight


def worth_on_the_eve(day: Eve, p_midnight: Floats, at_midnight: Floats) -> Floats:
    """Return P(high ≤ edge) for each minute and edge; `at_midnight` is by edge, possible anomaly and wobble."""
    chunks = p_midnight.reshape(-1, 1, _ROWS, STATES)
    p_possible = day.p_possible.reshape(len(chunks), _ROWS, -1, BLOCK).transpose(0, 2, 1, 3)
    below = [(np.matmul(chunks, in_blocks(values.T)) * p_possible).sum(axis=(1, 3)).ravel() for values in at_midnight]
    return np.stack(below, axis=1)
