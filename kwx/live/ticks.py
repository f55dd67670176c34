"""When the loop looks: at whole multiples of its period from its start, never twice at once, never drifting.

A tick that takes longer than the period does not push those after it: they stay where they were due, and those that
came due in the meantime are missed and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

Monotonic = Callable[[], float]
Wait = Callable[[float], bool]
"""Waits so many seconds, or less where somebody says stop; tells whether somebody did."""

_SHORTEST_WAIT_S = 1e-6
"""What is left to wait may be less than a clock can tell."""


@dataclass(frozen=True, kw_only=True)
class Tick:
    """One look: its number since the start, how late it began, and how many ticks before it were missed."""

    number: int
    late_s: float
    missed: int


def ticks(period_s: float, *, monotonic: Monotonic, wait: Wait) -> Iterator[Tick]:
    """Yield a tick whenever one is due, the first at once, until somebody says stop."""
    start_s, number = monotonic(), 0
    while True:
        late_s = monotonic() - start_s - number * period_s
        if late_s < -_SHORTEST_WAIT_S:
            if wait(-late_s):
                return
            continue
        late_s = max(late_s, 0.0)
        missed = int(late_s // period_s)  # of those that are due, the youngest is this tick
        number += missed
        yield Tick(number=number, late_s=late_s - missed * period_s, missed=missed)
        number += 1
        if wait(0):
            return
