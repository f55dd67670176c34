"""What a ladder of brackets says of single degrees: the distribution, mean and median that its probabilities imply.

Brackets come as inclusive bounds in whole °F, the coldest first, None for an open end: those of one event at a time.
The mass of a bracket lies evenly over its degrees. That of an open one falls off from its bound: each step of two
degrees has 0.55 of the mass of the step before (reference: the market's mean in Crosier 2026), and ends where only a
ten-thousandth of it would be left.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from kwx.scoring.inputs import Floats, Ints, distributions
from warehouse.errors import Refused
from warehouse.market.brackets import Bracket, require_tiling

Bounds = Sequence[tuple[int | None, int | None]]

TAIL_RATIO = 0.55
STEP_F = 2
TAIL_STEPS = 16
"""The steps of an open end: 0.55 to the sixteenth is 7e-5."""
_HALF = 1e-9  # how far from a half a sum of probabilities may be and still mean it


def implied_degrees(p: ArrayLike, bounds: Bounds) -> tuple[int, Floats]:
    """Return the first degree and the distributions [N, J] over whole degrees that ladders p [N, B] imply."""
    rows = distributions(p)
    first_f, shares = degree_shares(bounds)
    if rows.shape[1] != len(shares):
        raise Refused(f"{rows.shape[1]} probabilities are not those of {len(shares)} brackets")
    return first_f, rows @ shares


def implied_mean_f(p: ArrayLike, bounds: Bounds) -> Floats:
    """Return the mean [N] of the implied distributions, in °F."""
    first_f, pmf = implied_degrees(p, bounds)
    mean_f: Floats = first_f + pmf @ np.arange(pmf.shape[1])
    return mean_f


def implied_median_f(p: ArrayLike, bounds: Bounds) -> Floats:
    """Return the median [N] of the implied distributions, in °F; a degree reaches from half below it to half above.

    Where a stretch without mass parts the two halves, the median is its middle.
    """
    first_f, pmf = implied_degrees(p, bounds)
    so_far = np.cumsum(pmf, axis=1)
    lowest = _crossing(pmf, so_far, (so_far >= 0.5 - _HALF).argmax(axis=1))
    highest = _crossing(pmf, so_far, (so_far > 0.5 + _HALF).argmax(axis=1))
    return first_f + (lowest + highest) / 2


def degree_shares(bounds: Bounds) -> tuple[int, Floats]:
    """Return the first degree, and [B, J] which share of a bracket's mass each degree has; every row sums to one."""
    require_tiling([Bracket(low, high) for low, high in bounds], event="of the ladder")
    tail_f = STEP_F * TAIL_STEPS
    spans = [_span(low, high, tail_f) for low, high in bounds]
    first_f, last_f = spans[0][0], spans[-1][1]
    shares = np.zeros((len(bounds), last_f - first_f + 1))
    for row, (low, high), (begin, end) in zip(shares, bounds, spans, strict=True):
        row[begin - first_f : end - first_f + 1] = _falling(low, high, end - begin + 1)
    return first_f, shares


def _span(low: int | None, high: int | None, tail_f: int) -> tuple[int, int]:
    """Return the first and the last degree on which a bracket has mass."""
    if low is None:
        assert high is not None, "a bracket has a bound"
        return high - tail_f + 1, high
    return low, low + tail_f - 1 if high is None else high


def _falling(low: int | None, high: int | None, degrees: int) -> Floats:
    """Return the share of each degree of a bracket, from its coldest one to its warmest."""
    if low is not None and high is not None:
        return np.full(degrees, 1 / degrees)
    outwards: Floats = np.power(TAIL_RATIO, np.arange(degrees) // STEP_F)
    shares: Floats = outwards / outwards.sum()
    return shares if high is None else shares[::-1]


def _crossing(pmf: Floats, so_far: Floats, place: Ints) -> Floats:
    """Return where in the degree at a place the distribution reaches a half, counted in degrees from the first."""
    row = np.arange(len(pmf))
    mass = pmf[row, place]
    into = (0.5 - (so_far[row, place] - mass)) / np.where(mass > 0, mass, 1.0)
    return np.asarray(place - 0.5 + np.clip(into, 0.0, 1.0), dtype=np.float64)
