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
from kwx.hazard.engines.levels import Levels
from kwx.hazard.engines.states import STATE_TAPS, bell_nodes, on_nodes
from kwx.hazard.question import Floats, Ints, Question

_HEAVY = 0.5
_SHARED = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """Where the evaluations of a question stand in a table, and with which weights.

    Of its biases those up to bias_side[n] from the centre have a weight. The state of evaluation n lies on the nodes
    state_base[n] … with weights state_taps[n], of which those within state_side[n] of their middle are not zero; each
    further bias moves it by state_shift[n] nodes and the barriers by barrier_shift[n]. first_f is its first threshold
    over its central bias. `levels` serves those whose bias is certain.
    """

    nodes: Nodes
    barrier_f: float
    apart_f: int
    thresholds: int
    bias_weights: Singles
    bias_side: Ints
    state_base: Ints
    state_taps: Singles
    state_side: Ints
    state_shift: Ints
    barrier_shift: Ints
    first_f: Floats
    levels: Levels

    @classmethod
    def of(cls, question: Question, biases: Biases, *, nodes: Nodes, barrier_f: float) -> Places:
        """Find the places of every evaluation."""
        known = ~np.isnan(question.residual_f)
        centre_f = np.where(known, question.residual_f - biases.centre_f, 0.0)
        base, taps = on_nodes((nodes.top_f - centre_f) / nodes.step_f, question.residual_sd_f / nodes.step_f)
        return cls(
            nodes=nodes,
            barrier_f=barrier_f,
            apart_f=question.apart_f,
            thresholds=question.thresholds,
            bias_weights=biases.weights.astype(np.float32),
            bias_side=biases.sides,
            state_base=base,
            state_taps=taps,
            state_side=bell_nodes(question.residual_sd_f / nodes.step_f),
            state_shift=np.where(known, biases.stride * round(barrier_f / nodes.step_f), 0),
            barrier_shift=biases.stride,
            first_f=question.first_threshold_f[question.curve] - biases.centre_f,
            levels=Levels.of(question, nodes=nodes, barrier_f=barrier_f),
        )

    @cached_property
    def is_inside(self) -> NDArray[np.bool_]:
        """[n] whether a state lies inside the lattice under every bias."""
        middle = self.state_base + self.state_taps.shape[1] // 2
        reach = self.state_side + self.bias_side * self.state_shift
        inside: NDArray[np.bool_] = (middle >= reach) & (middle + reach <= self.nodes.width)
        return inside

    @cached_property
    def shifts(self) -> Ints:
        """[n] both shifts as one number."""
        return np.asarray(self.barrier_shift * 1_000 + self.state_shift)

    @cached_property
    def is_plain(self) -> bool:
        """Tell whether there is no bias and every state is a point inside the lattice: then few nodes are read."""
        return self.side == 0 and self.state_taps.shape[1] == STATE_TAPS and bool(self.is_inside.all())

    @property
    def side(self) -> int:
        """How many biases lie to either side of the mean."""
        return int(self.bias_weights.shape[1]) // 2


def read(places: Places, members: Ints, *, worth: Singles, chain: Ints, lowest_f: Floats) -> Floats:
    """Return P(no later step above the threshold) for some evaluations, one row each, at every threshold.

    `worth[j, c, i]` belongs to barrier lowest_f[c] + j · barrier_f, chain c and node i.
    """
    below = np.empty((len(members), places.thresholds), dtype=np.float32)
    if places.is_plain:
        first = np.rint((places.first_f[members] - lowest_f[chain]) / places.barrier_f).astype(np.int64)
        below[:] = _at_thresholds(_at_states(places, members, worth, chain), first, apart=1, count=places.thresholds)
    others = np.full(len(members), not places.is_plain)
    for rows in places.levels.crowds(members, chain):
        table, low_f = worth[:, chain[rows[0]]], float(lowest_f[chain[rows[0]]])
        below[rows] = places.levels.read(members[rows], worth=table, lowest_f=low_f)
        others[rows] = False
    for rows in _alike(places, members, np.flatnonzero(others)) if others.any() else ():
        below[rows] = _over_values(places, members[rows], worth=worth, chain=chain[rows], lowest_f=lowest_f)
    return np.maximum.accumulate(np.clip(below, 0.0, 1.0), axis=1)


def _alike(places: Places, members: Ints, rows: Ints) -> Iterator[Ints]:
    """Yield those of the rows of members whose biases move them by the same shifts."""
    kind = places.shifts[members[rows]]
    if (kind == kind[0]).all():
        yield rows
        return
    for one in np.unique(kind):
        yield rows[kind == one]


def _over_values(places: Places, members: Ints, *, worth: Singles, chain: Ints, lowest_f: Floats) -> Singles:
    """Return [n, thresholds] the chances of evaluations whose biases move them alike, summed over the biases."""
    stride, side = int(places.barrier_shift[members[0]]), int(places.bias_side[members].max())
    weights = places.bias_weights[members, places.side - side : places.side + side + 1]
    summed = _over_biases(_worth(_states(places, members, side), worth, chain), weights, stride=stride)
    first = np.rint((places.first_f[members] - lowest_f[chain]) / places.barrier_f) + side * stride
    apart = round(places.apart_f / places.barrier_f)
    return _at_thresholds(summed, first.astype(np.int64), apart=apart, count=places.thresholds)


def _at_states(places: Places, members: Ints, worth: Singles, chain: Ints) -> Singles:
    """Return [n, barriers] what each state is worth in its chain, from the few nodes around it."""
    first = chain * places.nodes.width + places.state_base[members]
    near = worth.reshape(len(worth), -1)[:, first[:, None] + np.arange(STATE_TAPS)]
    values: Singles = np.einsum("jnt,nt->nj", near, places.state_taps[members])
    return values


def _states(places: Places, members: Ints, side: int) -> Singles:
    """Return [n, biases, nodes] the weights of the nodes under each bias."""
    width = places.nodes.width
    shift = int(places.state_shift[members[0]]) if side else 0
    unused = places.state_taps.shape[1] // 2 - int(places.state_side[members].max())
    taps = places.state_taps[members, unused : places.state_taps.shape[1] - unused]
    margin = side * shift + taps.shape[1]
    wide = np.zeros((len(members), width + 2 * margin), dtype=np.float32)
    base = np.clip(places.state_base[members] + unused + margin, 0, wide.shape[1] - taps.shape[1])
    wide[np.arange(len(members))[:, None], base[:, None] + np.arange(taps.shape[1])] = taps
    row, item = wide.strides
    begin = wide[:, margin + side * shift :]
    shape = (len(members), 2 * side + 1, width)
    states = np.array(as_strided(begin, shape, (row, -shift * item, item), writeable=False))
    outside = np.flatnonzero(~places.is_inside[members])
    if len(outside):
        states[outside] = _whole(states[outside])
    return states


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
    chains, count = np.unique(chain, return_counts=True)
    if len(chain) < _SHARED * len(chains):
        # A copy of the tables costs more than the product, so neighbours are taken as they lie.
        first, end = int(chains[0]), int(chains[-1]) + 1
        tables = worth[:, first:end] if len(chain) == len(chains) == end - first else worth.take(chain, axis=1)
        each: Singles = np.matmul(states, tables.transpose(1, 2, 0))
        return each
    values = np.empty((*states.shape[:2], len(worth)), dtype=np.float32)
    for one, many in zip(chains.tolist(), count.tolist(), strict=True):
        rows = np.flatnonzero(chain == one)
        flat = states[rows].reshape(many * states.shape[1], -1)
        values[rows] = (flat @ worth[:, one].T).reshape(many, states.shape[1], -1)
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
    row, bias, item = padded.strides
    # Each bias begins `stride` earlier than the one before it.
    shifted = as_strided(
        padded[:, :, 2 * reach :], (count, biases, barriers + 2 * reach), (row, bias - stride * item, item),
        writeable=False,
    )  # fmt: skip
    summed: Singles = np.matmul(weights[:, None, :], shifted)[:, 0]
    return summed


def _at_thresholds(summed: Singles, first: Ints, *, apart: int, count: int) -> Singles:
    """Take the thresholds: the first barrier of each row, then every `apart` further one."""
    ends = np.zeros((len(summed), 1), dtype=np.float32)
    padded = np.concatenate([ends, summed, ends + 1], axis=1)
    places = np.clip(first[:, None] + 1 + apart * np.arange(count), 0, padded.shape[1] - 1)
    return np.take_along_axis(padded, places, axis=1)
