"""The demo world: a seeded simulator of weather, reports and markets whose truth is known exactly.

Weather is a finite Markov chain, so what every bracket is worth at every minute is an exact sum. Nothing here reads a
clock, a file or a network: the same `World` always gives the same bytes.

One caution: in the efficient world quotes straddle the truth, but a fill at the mid is not a fill that anyone could
have had.
"""

from __future__ import annotations

from pipelines.demo.days import CityDay, simulate
from pipelines.demo.world import World

__all__ = ["CityDay", "World", "simulate"]
