"""Ticks keep their beat, however long the work of one takes."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwx.live.ticks import ticks


class _World:
    """A clock that waiting and working move."""

    def __init__(self, stops_at_s: float = float("inf")) -> None:
        self.now_s, self.stops_at_s = 1_000.0, stops_at_s

    def wait(self, seconds: float) -> bool:
        self.now_s += seconds
        return self.now_s >= self.stops_at_s


def test_ticks_do_not_drift_by_what_a_tick_takes() -> None:
    world, at = _World(), []
    for tick in islice(ticks(9, monotonic=lambda: world.now_s, wait=world.wait), 5):
        at.append(world.now_s)
        world.now_s += 2.5
        assert tick.missed == 0
    assert at == [1_000, 1_009, 1_018, 1_027, 1_036]


def test_a_long_tick_misses_those_behind_it_and_the_beat_goes_on() -> None:
    world, seen = _World(), []
    for tick in islice(ticks(10, monotonic=lambda: world.now_s, wait=world.wait), 3):
        seen.append((tick.number, tick.missed, tick.late_s, world.now_s))
        world.now_s += 34 if tick.number == 0 else 1
    assert seen == [(0, 0, 0, 1_000), (3, 2, 4, 1_034), (4, 0, 0, 1_040)]


def test_somebody_who_says_stop_is_heard_while_it_waits() -> None:
    world = _World(stops_at_s=1_020)
    assert sum(1 for _ in ticks(9, monotonic=lambda: world.now_s, wait=world.wait)) == 3


@given(st.lists(st.floats(0, 100, allow_nan=False), min_size=1, max_size=30), st.floats(0.5, 20))
def test_every_due_instant_is_a_tick_or_missed_and_none_is_both(works: list[float], period_s: float) -> None:
    world, expected = _World(), 0
    for work, tick in zip(works, ticks(period_s, monotonic=lambda: world.now_s, wait=world.wait), strict=False):
        assert tick.number == expected + tick.missed
        assert 0 <= tick.late_s < period_s or tick.late_s == pytest.approx(period_s)
        expected = tick.number + 1
        world.now_s += work
