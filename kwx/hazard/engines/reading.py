"""Reading a swept table: for each evaluation the chance at its own state and thresholds, summed over the day bias.

A bias δ lowers the state and every barrier by δ. Its values are whole steps of the lattice and of the barriers, and
the thresholds lie on barriers, so only the state is interpolated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from kwx.hazard.engines.barrier import Nodes, Singles
from kwx.hazard.engines.bias import Biases
from kwx.hazard.engines.interpolation import lagrange
from kwx.hazard.question import Floats, Ints, Question

_STATE_TAPS = 8
_HEAVY = 0.5
_BELL_STEPS = 0.9
_BELL_SD_KEPT = 5.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """Where the evaluations of a question stand in a table, and with which weights.

    Of its biases those up to bias_side[n] from the centre have a weight. The state of evaluation n lies on the nodes
    state_base[n] … with weights state_taps[n]; each further bias moves it by state_shift[n] nodes and the barriers by
    barrier_shift[n]. first_f is its first threshold over its central bias.
    """

    nodes: Nodes
    barrier_f: float
    apart_f: int
    thresholds: int
    bias_weights: Singles
    bias_side: Ints
    state_base: Ints
    state_taps: Singles
    state_shift: Ints
    barrier_shift: Ints
    first_f: Floats

    @classmethod
    def of(cls, question: Question, biases: Biases, *, nodes: Nodes, barrier_f: float) -> Places:
        """Find the places of every evaluation."""
        known = ~np.isnan(question.residual_f)
        centre_f = np.where(known, question.residual_f - biases.centre_f, 0.0)
        base, taps = _on_nodes((nodes.top_f - centre_f) / nodes.step_f, question.residual_sd_f / nodes.step_f)
        return cls(
            nodes=nodes,
            barrier_f=barrier_f,
            apart_f=question.apart_f,
            thresholds=question.thresholds,
            bias_weights=biases.weights.astype(np.float32),
            bias_side=biases.sides,
            state_base=base,
            state_taps=taps,
            state_shift=np.where(known, biases.stride * round(barrier_f / nodes.step_f), 0),
            barrier_shift=biases.stride,
            first_f=question.first_threshold_f[question.curve] - biases.centre_f,
        )

    @cached_property
    def is_inside(self) -> NDArray[np.bool_]:
        """[n] whether a state lies inside the lattice under every bias."""
        moved = self.bias_side * self.state_shift
        last = self.state_base + self.state_taps.shape[1] + moved
        inside: NDArray[np.bool_] = (self.state_base - moved >= 0) & (last <= self.nodes.width)
        return inside

    @cached_property
    def is_plain(self) -> bool:
        """Tell whether there is no bias and every state is a point inside the lattice: then few nodes are read."""
        return self.side == 0 and self.state_taps.shape[1] == _STATE_TAPS and bool(self.is_inside.all())

    @property
    def side(self) -> int:
        """How many biases lie to either side of the mean."""
        return int(self.bias_weights.shape[1]) // 2


def _on_nodes(place: Floats, sd_steps: Floats) -> tuple[Ints, Singles]:
    """Return the first node and the weights of the nodes on which each state lies: a point, or a bell."""
    reach = _STATE_TAPS + 2 * int(np.ceil(_BELL_SD_KEPT * sd_steps.max(initial=0.0)))
    base = np.floor(place).astype(np.int64) - (reach // 2 - 1)
    taps = np.zeros((len(place), reach))
    bell = sd_steps >= _BELL_STEPS
    away = (base[bell, None] + np.arange(reach) - place[bell, None]) / sd_steps[bell, None]
    taps[bell] = np.exp(-0.5 * np.minimum(away**2, 160))
    for offset, share in ((-(3**0.5), 1 / 6), (0.0, 2 / 3), (3**0.5, 1 / 6)):
        at = place[~bell] + offset * sd_steps[~bell]
        whole = np.floor(at)
        columns = (whole.astype(np.int64) - (_STATE_TAPS // 2 - 1) - base[~bell])[:, None] + np.arange(_STATE_TAPS)
        taps[np.flatnonzero(~bell)[:, None], columns] += share * lagrange(at - whole, _STATE_TAPS)
    return base, (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)


def read(places: Places, members: Ints, *, worth: Singles, chain: Ints, lowest_f: Floats) -> Floats:
    """Return P(no later step above the threshold) for some evaluations, one row each, at every threshold.

    `worth[j, c, i]` belongs to barrier lowest_f[c] + j · barrier_f, chain c and node i.
    """
    below = np.empty((len(members), places.thresholds), dtype=np.float32)
    if places.is_plain:
        first = np.rint((places.first_f[members] - lowest_f[chain]) / places.barrier_f).astype(np.int64)
        below[:] = _at_thresholds(_at_states(places, members, worth, chain), first, apart=1, count=places.thresholds)
    for rows in _alike(places, members):
        chosen, chains = members[rows], chain[rows]
        stride, side = int(places.barrier_shift[chosen[0]]), int(places.bias_side[chosen].max())
        weights = places.bias_weights[chosen, places.side - side : places.side + side + 1]
        by_bias = _worth(_states(places, chosen, side), worth, chains)
        summed = _over_biases(by_bias, weights, stride=stride)
        first = np.rint((places.first_f[chosen] - lowest_f[chains]) / places.barrier_f) + side * stride
        below[rows] = _at_thresholds(
            summed, first.astype(np.int64), apart=round(places.apart_f / places.barrier_f), count=places.thresholds
        )
    return np.maximum.accumulate(np.clip(below, 0.0, 1.0), axis=1)


def _alike(places: Places, members: Ints) -> Iterator[Ints]:
    """Yield the places of evaluations whose biases move them by the same shifts."""
    if places.is_plain:
        return
    kind = places.barrier_shift[members] * 1_000 + places.state_shift[members]
    for one in np.unique(kind):
        yield np.flatnonzero(kind == one)


def _at_states(places: Places, members: Ints, worth: Singles, chain: Ints) -> Singles:
    """Return [n, barriers] what each state is worth in its chain, from the few nodes around it."""
    first = chain * places.nodes.width + places.state_base[members]
    near = worth.reshape(len(worth), -1)[:, first[:, None] + np.arange(_STATE_TAPS)]
    values: Singles = np.einsum("jnt,nt->nj", near, places.state_taps[members])
    return values


def _states(places: Places, members: Ints, side: int) -> Singles:
    """Return [n, biases, nodes] the weights of the nodes under each bias."""
    width = places.nodes.width
    shift = int(places.state_shift[members[0]]) if side else 0
    taps = places.state_taps.shape[1]
    margin = side * shift + taps
    wide = np.zeros((len(members), width + 2 * margin), dtype=np.float32)
    base = np.clip(places.state_base[members] + margin, 0, wide.shape[1] - taps)
    wide[np.arange(len(members))[:, None], base[:, None] + np.arange(taps)] = places.state_taps[members]
    row, item = wide.strides
    begin = wide[:, margin + side * shift :]
    shape = (len(members), 2 * side + 1, width)
    states = np.array(as_strided(begin, shape, (row, -shift * item, item), writeable=False))
    return states if places.is_inside[members].all() else _whole(states)


def _whole(states: Singles) -> Singles:
    """Give a state beyond the lattice, which only a bias without weight can reach, to its last node."""
    total = states.sum(axis=2, keepdims=True)
    lost = total[..., 0] < _HEAVY
    if lost.any():
        states[lost] = 0.0
        side = states.shape[1] // 2
        states[:, : side + 1, 0][lost[:, : side + 1]] = 1.0
        states[:, side + 1 :, -1][lost[:, side + 1 :]] = 1.0
        total = states.sum(axis=2, keepdims=True)
    states /= total
    return states


def _worth(states: Singles, worth: Singles, chain: Ints) -> Singles:
    """Return [n, biases, barriers] what the states are worth in their chains."""
    tables = worth.transpose(1, 2, 0)
    chains, count = np.unique(chain, return_counts=True)
    if len(chains) == len(chain):
        # A copy of the tables costs more than the product, so all of them are taken as they lie.
        each: Singles = np.matmul(states, tables if len(chain) == len(tables) else tables[chain])
        return each
    values = np.empty((*states.shape[:2], len(worth)), dtype=np.float32)
    for one, many in zip(chains.tolist(), count.tolist(), strict=True):
        rows = np.flatnonzero(chain == one)
        flat = states[rows].reshape(many * states.shape[1], -1)
        values[rows] = (flat @ tables[one]).reshape(many, states.shape[1], -1)
    return values


def _over_biases(by_bias: Singles, weights: Singles, *, stride: int) -> Singles:
    """Return the sum over biases, each of which has lowered the barriers by `stride` more than the one before.

    Barriers below the lowest are never kept, those above the highest always; the result has as many of either as the
    outermost bias reaches.
    """
    count, biases, barriers = by_bias.shape
    reach = biases // 2 * stride
    padded = np.zeros((count, biases, barriers + 4 * reach), dtype=np.float32)
    padded[:, :, 2 * reach : 2 * reach + barriers] = by_bias
    padded[:, :, 2 * reach + barriers :] = 1.0
    summed = np.zeros((count, barriers + 2 * reach), dtype=np.float32)
    for place in range(biases):
        begin = reach - (place - biases // 2) * stride
        summed += weights[:, place, None] * padded[:, place, begin : begin + summed.shape[1]]
    return summed


def _at_thresholds(summed: Singles, first: Ints, *, apart: int, count: int) -> Singles:
    """Take the thresholds: the first barrier of each row, then every `apart` further one."""
    ends = np.zeros((len(summed), 1), dtype=np.float32)
    padded = np.concatenate([ends, summed, ends + 1], axis=1)
    places = np.clip(first[:, None] + 1 + apart * np.arange(count), 0, padded.shape[1] - 1)
    return np.take_along_axis(padded, places, axis=1)
