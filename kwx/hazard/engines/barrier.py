"""The lattice of the residual: its nodes, the transition between them, and where a barrier cuts through them.

An integral over the lattice is a sum of node values; a barrier between two nodes enters it as a smooth weight of
order 14 on the fourteen nodes around it, so that the sum stays about as exact as the lattice is without a barrier.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from kwx.hazard.engines.interpolation import powers
from kwx.hazard.question import Floats

Singles = NDArray[np.float32]

REACH = 7
"""How many nodes to either side of a barrier have a weight between zero and one."""
SLOTS = 2 * REACH + 2
"""Zero, the weights of those nodes from the highest down, one."""
_FRACTION_BITS = 11
_FRACTIONS = 1 << _FRACTION_BITS
_LENGTHS = 64
_BAND = 24
_REACH_SD = 5.5


def _cardinal_pieces() -> list[Polynomial]:
    """Return what one node adds to the interpolation through fourteen nodes, for each unit interval around it."""
    pieces = []
    for left in range(-REACH, REACH):
        others = [node for node in range(left - REACH + 1, left + REACH + 1) if node != 0]
        piece = Polynomial([1.0])
        for node in others:
            piece *= Polynomial([1.0, -1.0 / node])
        pieces.append(piece)
    return pieces


def _weight_pieces() -> list[Polynomial]:
    """Return the integral of the cardinal pieces from the far left, as polynomials in the distance to the node."""
    pieces, so_far = [], 0.0
    for left, piece in zip(range(-REACH, REACH), _cardinal_pieces(), strict=True):
        whole = piece.integ()
        pieces.append(whole - whole(left) + so_far)
        so_far = pieces[-1](left + 1)
    return pieces


def _by_fraction() -> Floats:
    """Return [powers, slots]: each weight as a polynomial in the fraction of a step."""
    table = np.zeros((2 * REACH + 1, SLOTS))
    table[0, -1] = 1.0
    for slot, piece in enumerate(_weight_pieces(), start=1):
        shifted = piece(Polynomial([slot - 1 - REACH, 1.0]))
        table[: len(shifted.coef), slot] = shifted.coef
    return table


_WEIGHTS = _by_fraction()


@lru_cache(maxsize=4)
def _edges(longest: int) -> Singles:
    """Return [fractions, nodes]: what barriers leave of a row of nodes, from far above them to far below them."""
    fractions = np.arange(_FRACTIONS) / _FRACTIONS
    weights = powers(fractions, len(_WEIGHTS)) @ _WEIGHTS
    above, below = np.zeros((_FRACTIONS, longest)), np.ones((_FRACTIONS, longest))
    return np.concatenate([above, weights[:, 1:-1], below], axis=1).astype(np.float32)


def kept(distance_steps: Floats, count: int) -> Singles:
    """Return [n, count] the share that each barrier leaves of a row of nodes, the highest first.

    `distance_steps` is how far the barriers lie above the highest node, negative below it, in steps of the lattice; it
    is rounded to 1/2048 of a step, which moves no chance by 1e-4.
    """
    longest = -(-count // _LENGTHS) * _LENGTHS
    scaled = np.rint(distance_steps * _FRACTIONS).astype(np.int64)
    first = (scaled >> _FRACTION_BITS) + (longest + REACH)
    np.minimum(np.maximum(first, longest - count, out=first), longest + 2 * REACH, out=first)
    first += (scaled & (_FRACTIONS - 1)) * _edges(longest).shape[1]
    share: Singles = _stretches(longest, count)[first].view(np.float32).reshape(len(first), count)
    return share


@lru_cache(maxsize=64)
def _stretches(longest: int, count: int) -> NDArray[np.void]:
    """Return every stretch of `count` nodes of _edges, without a copy; each as one item, which is taken fast."""
    edges = _edges(longest)
    stretch = np.dtype((np.void, count * edges.itemsize))
    return np.ndarray(edges.size - count + 1, stretch, edges, strides=edges.itemsize)


@dataclass(frozen=True, kw_only=True)
class Nodes:
    """A lattice: `width` nodes `step_f` apart, from the highest, at `top_f`, downwards."""

    step_f: float
    half: int

    @property
    def width(self) -> int:
        """The number of nodes."""
        return 2 * self.half + 1

    @property
    def top_f(self) -> float:
        """The highest node; the lowest lies as far below zero."""
        return self.half * self.step_f

    @property
    def at_f(self) -> Floats:
        """Where the nodes lie, the highest first."""
        return np.asarray(self.step_f * np.arange(self.half, -self.half - 1, -1), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Band:
    """A block of a transition: which nodes it starts from, which it can reach, and the chances between them.

    `chances` is [reached, origin], to be multiplied from the right to what the reached nodes are worth.
    """

    origin: slice
    reached: slice
    chances: Singles


@lru_cache(maxsize=256)
def transition(nodes: Nodes, rho: float, sigma_f: float) -> tuple[Band, ...]:
    """Return the transition of one step in bands that leave out what cannot be reached."""
    law = _law(nodes, nodes, rho, sigma_f)
    bands = []
    edges = np.linspace(0, nodes.width, max(1, round(nodes.width / _BAND)) + 1).round().astype(int).tolist()
    for origin in (slice(first, end) for first, end in pairwise(edges)):
        there = np.flatnonzero(law[origin].any(axis=0))
        reached = slice(int(there[0]), int(there[-1]) + 1)
        bands.append(Band(origin, reached, np.ascontiguousarray(law[origin, reached].T, dtype=np.float32)))
    return tuple(bands)


@lru_cache(maxsize=512)
def passage(origin: Nodes, reached: Nodes, rho: float, sigma_f: float) -> Singles:
    """Return [origin, reached] the chances of one step between two lattices, to carry mass forward."""
    return _law(origin, reached, rho, sigma_f).astype(np.float32)


def _law(origin: Nodes, reached: Nodes, rho: float, sigma_f: float) -> Floats:
    """Return [origin, reached] the chances of one step, normalised."""
    law = np.exp(-0.5 * ((reached.at_f[None, :] - rho * origin.at_f[:, None]) / sigma_f) ** 2)
    law[law < np.exp(-0.5 * _REACH_SD**2)] = 0.0
    law /= law.sum(axis=1, keepdims=True)
    return law


def step_back(worth: Singles, bands: tuple[Band, ...], out: Singles) -> None:
    """Write what each node, the last axis, was worth one step earlier, when `worth` says what it is worth now."""
    flat = worth.flags.c_contiguous and out.flags.c_contiguous
    now, before = (worth.reshape(-1, worth.shape[-1]), out.reshape(-1, out.shape[-1])) if flat else (worth, out)
    for band in bands:
        np.matmul(now[..., band.reached], band.chances, out=before[..., band.origin])
