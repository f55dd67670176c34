"""The day bias as a sum over values that are whole steps of the barriers, and so whole shifts of the lattice.

A bias lowers the state and the barriers by the same amount; along that shift the chances change slowly, so few values
are as good as the whole bell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from kwx.hazard.engines.interpolation import lagrange, powers
from kwx.hazard.question import Floats, Ints, Question

_SPACINGS_F = (1.0, 0.5, 0.25, 0.125)
_SPACING_SD = 1.2
_SPACING_SPREADS = 0.57
_STRIDE_SPREADS = 0.62
_SD_KEPT = 4.3
STUDENT_REACH = 6.0
"""Student's law of the day bias is cut at so many times its scale, in every engine: no day is off by more."""
_TAPS = 10
_WEIGHTLESS = 1e-5
_SHARES = np.array([0.025, 0.2, 0.42, 0.56, 0.76, 0.88, 1.0, 1.15])
"""Up to which share of the spread one value, two, three … of a normal bias err by less than 1e-4."""
_STUDENT_SHARES = 0.55
_SD_INTEGRATED = 9.0
_INTEGRATED = 2_001
_EVEN_SPACING = 0.75


@dataclass(frozen=True, kw_only=True, eq=False)
class Biases:
    """For each evaluation the values centre_f + (q - side) · stride · spacing_f, q = 0 … 2 · side, and their weights.

    centre_f is the whole multiple of spacing_f next to the mean.
    """

    spacing_f: float
    centre_f: Floats
    stride: Ints
    weights: Floats

    @property
    def side(self) -> int:
        """How many values lie to either side of the centre."""
        return int(self.weights.shape[1]) // 2

    @cached_property
    def sides(self) -> Ints:
        """[n] how many values to either side of the centre have a weight."""
        distance = np.abs(np.arange(self.weights.shape[1]) - self.side)
        furthest: Ints = ((np.abs(self.weights) > _WEIGHTLESS) * distance).max(axis=1)
        return furthest

    @cached_property
    def reach_f(self) -> Floats:
        """[n] how far from the centre the outermost of them lie."""
        return np.asarray(self.spacing_f * self.sides * self.stride, dtype=np.float64)


def biases_of(question: Question, *, spread_f: float) -> Biases:
    """Return the values and weights of the day bias of every evaluation; `spread_f` is that of the day's residuals.

    The chances change along a bias no faster than over a share of that spread.
    """
    mean_f, sd_f = question.bias_f, question.bias_sd_f
    if not (mean_f.any() or sd_f.any()):
        ones = np.ones(len(mean_f), dtype=np.int64)
        return Biases(
            spacing_f=float(question.apart_f), centre_f=mean_f, stride=ones, weights=np.ones((len(mean_f), 1))
        )
    fine = _SPACING_SPREADS * spread_f
    spacing_f = next((spacing for spacing in _SPACINGS_F if spacing <= fine), _SPACINGS_F[-1])
    longest = max(1, int(_STRIDE_SPREADS * spread_f / spacing_f))
    stride = np.clip(np.floor(_SPACING_SD * sd_f / spacing_f), 1, longest).astype(np.int64)
    kept = _SD_KEPT if question.tail_dof is None else STUDENT_REACH
    side = _TAPS + int(np.ceil((kept * sd_f / (spacing_f * stride)).max()))
    value_f = np.asarray(spacing_f * stride[:, None] * np.arange(-side, side + 1), dtype=np.float64)
    centre_f = spacing_f * np.rint(mean_f / spacing_f)
    off_f = mean_f - centre_f
    narrow = _SPACING_SD * sd_f < spacing_f
    weights = np.empty(value_f.shape)
    weights[~narrow] = _bell((value_f - off_f[:, None])[~narrow] / sd_f[~narrow, None], question.tail_dof)
    nodes, chances = _gauss(question.tail_dof, 8) if sd_f[narrow].any() else (np.zeros(1), np.ones(1))
    places = (off_f[narrow, None] + nodes * sd_f[narrow, None]) / spacing_f
    weights[narrow] = _between(np.clip(places, -side + _TAPS // 2, side - _TAPS // 2), chances, side)
    weights /= weights.sum(axis=1, keepdims=True)
    used = np.flatnonzero(np.abs(weights).max(axis=0) > _WEIGHTLESS)
    spare = min(int(used[0]), 2 * side - int(used[-1]))
    weights = weights[:, spare : 2 * side + 1 - spare]
    return Biases(spacing_f=spacing_f, centre_f=centre_f, stride=stride, weights=weights)


def few_values(tail_dof: float | None, share: Floats, p: Floats) -> tuple[Floats, Floats]:
    """Return [..., values] a few values of a standard bias and their chances, for what depends on it weakly.

    `share` is how large the bias is in the spread of what is asked for, `p` how much the mean over it counts in the
    end: the error of n values grows with the 2n-th power of the share, so what counts little needs fewer. Where even
    many are not enough, the values lie evenly, as close as the largest share needs.
    """
    count = np.arange(1, len(_SHARES) + 1)
    shares = _SHARES if tail_dof is None else _STUDENT_SHARES * _SHARES
    with np.errstate(divide="ignore"):
        excess = 2 * count * (np.log(share)[..., None] - np.log(shares))
    kind = (excess > -np.log(np.maximum(p, _WEIGHTLESS))[..., None]).sum(axis=-1)
    rules = [_gauss(tail_dof, number) for number in count.tolist()]
    rules.append(_even(tail_dof, float(share.max(initial=0.0))))
    used = np.unique(kind).tolist()
    table = np.zeros((2, len(rules), max(len(rules[number][0]) for number in used)))
    for number in used:
        table[:, number, : len(rules[number][0])] = rules[number]
    return table[0, kind], table[1, kind]


def _even(tail_dof: float | None, share: float) -> tuple[Floats, Floats]:
    """Return values that lie evenly over a standard bias, and their chances."""
    reach = _SD_KEPT if tail_dof is None else STUDENT_REACH
    side = int(np.ceil(reach * max(1.0, share) / _EVEN_SPACING))
    values = reach * np.arange(-side, side + 1) / side
    chances = _bell(values[None], tail_dof)[0]
    return values, chances / chances.sum()


@lru_cache
def _gauss(tail_dof: float | None, count: int) -> tuple[Floats, Floats]:
    """Return the few values and chances that are exact for every polynomial of a degree below twice their number."""
    reach = _SD_INTEGRATED if tail_dof is None else STUDENT_REACH
    fine = np.linspace(-reach, reach, _INTEGRATED)
    density = _bell(fine[None], tail_dof)[0]
    basis, _ = np.linalg.qr(np.sqrt(density)[:, None] * powers(fine / reach, count))
    values, vectors = np.linalg.eigh(basis.T @ (fine[:, None] * basis))
    return values, (basis.T @ np.sqrt(density / density.sum()) @ vectors) ** 2


def _bell(scaled: Floats, tail_dof: float | None) -> Floats:
    """Return the density at values [n, values] that lie evenly, in standard deviations or scales, but for a factor.

    Where the law is cut, a value counts with as much of its surroundings as lies within.
    """
    if tail_dof is None:
        return np.exp(-0.5 * np.minimum(scaled**2, 1_000))
    density: Floats = (1 + scaled**2 / tail_dof) ** (-(tail_dof + 1) / 2)
    apart = scaled[:, 1:2] - scaled[:, :1]
    return density * np.clip((STUDENT_REACH - np.abs(scaled)) / apart + 0.5, 0.0, 1.0)


def _between(places: Floats, chances: Floats, side: int) -> Floats:
    """Return [n, values] the weights that interpolate at places [n, k] with their chances, counted from the centre."""
    weights = np.zeros((len(places), 2 * side + 1))
    rows = np.arange(len(places))[:, None]
    for place, chance in zip(places.T, chances.tolist(), strict=True):
        whole = np.floor(place)
        first = whole.astype(np.int64) + side - (_TAPS // 2 - 1)
        weights[rows, first[:, None] + np.arange(_TAPS)] += chance * lagrange(place - whole, _TAPS)
    return weights
