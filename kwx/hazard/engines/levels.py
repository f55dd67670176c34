"""Reading a swept table for many evaluations in one state: they differ in the level of their thresholds alone.

So it is where a curve is drawn through the last report: the bias is certain and the state is zero. What any barrier is
worth to that state is tabulated once, at every step of the lattice, and read at the thresholds of all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from kwx.hazard.engines.barrier import Nodes, Singles
from kwx.hazard.engines.interpolation import lagrange
from kwx.hazard.engines.states import bell_nodes, on_nodes
from kwx.hazard.question import Floats, Ints, Question

_TAPS = 8
_BESIDE = _TAPS // 2
_CROWD = 16
_SAME = 1e6


@dataclass(frozen=True, kw_only=True, eq=False)
class Levels:
    """The states of evaluations and the levels of their first thresholds, both under their bias where it is certain.

    kind: [n] the number of the state, alike where the states are; -1 where the bias is not certain or changes nothing,
    or the state lies near the end of the lattice. beside: for each kind that was read already, the nodes of its state
    and of those beside it.
    """

    nodes: Nodes
    barrier_f: float
    threshold_f: Floats
    state_f: Floats
    state_sd_f: Floats
    kind: Ints
    first_f: Floats
    beside: dict[int, Singles] = field(default_factory=dict)

    @classmethod
    def of(cls, question: Question, *, nodes: Nodes, barrier_f: float) -> Levels:
        """Find the levels of every evaluation."""
        state_f = question.residual_f - question.bias_f
        reach_f = _BESIDE * barrier_f + nodes.step_f * bell_nodes(question.residual_sd_f / nodes.step_f)
        certain = (question.bias_sd_f == 0) & (question.bias_f != 0) & (np.abs(state_f) + reach_f < nodes.top_f)
        kind = np.full(len(question), -1)
        kind[certain] = _numbered(state_f[certain], question.residual_sd_f[certain])
        return cls(
            nodes=nodes, barrier_f=barrier_f, state_f=state_f, state_sd_f=question.residual_sd_f, kind=kind,
            threshold_f=np.arange(0.0, question.thresholds * question.apart_f, question.apart_f),
            first_f=question.first_threshold_f[question.curve] - question.bias_f,
        )  # fmt: skip

    @cached_property
    def are_some(self) -> bool:
        """Tell whether any evaluation can be read so."""
        return bool((self.kind >= 0).any())

    def crowds(self, members: Ints, chain: Ints) -> Iterator[Ints]:
        """Yield the places of members that share state and chain, where they are many."""
        certain = np.flatnonzero(self.kind[members] >= 0) if self.are_some else np.empty(0, dtype=np.int64)
        if len(certain) < _CROWD:
            return
        key = chain[certain] * (int(self.kind.max()) + 1) + self.kind[members[certain]]
        if (key == key[0]).all():
            yield certain
            return
        alike, count = np.unique(key, return_counts=True)
        yield from (certain[key == one] for one in alike[count >= _CROWD])

    def read(self, members: Ints, *, worth: Singles, lowest_f: float) -> Floats:
        """Return P(no later step above the threshold) at every threshold of members that share state and chain.

        `worth[j, i]` belongs to barrier lowest_f + j · barrier_f and node i.
        """
        by_level = self._by_level(int(members[0]), worth)
        level = (self.first_f[members] - lowest_f) / self.nodes.step_f
        whole = np.floor(level)
        first = whole.astype(np.int64) - (_BESIDE - 1) + _BESIDE * self._between
        # Thresholds lie on barriers, so all of a member are as far past a step of the lattice.
        up = np.rint(self.threshold_f / self.nodes.step_f).astype(np.int64)
        near = np.clip(first[:, None] + up + np.arange(_TAPS)[:, None, None], 0, len(by_level) - 1)
        below: Floats = (by_level[near] * lagrange(level - whole, _TAPS).T[..., None]).sum(axis=0)
        return below

    @property
    def _between(self) -> int:
        """How many steps of the lattice lie between two barriers."""
        return round(self.barrier_f / self.nodes.step_f)

    def _by_level(self, member: int, worth: Singles) -> Floats:
        """Return the worth of one state under barriers a step of the lattice apart, from _BESIDE below the lowest on.

        A barrier that lies between two is told by its neighbours, with states that are off by as much as they are:
        along that shift the worth changes slowly. Below the lowest is zero, above the highest one.
        """
        states = self._states_beside(member)
        values = (states.reshape(-1, states.shape[-1]) @ worth.T).reshape(*states.shape[:2], -1)
        barriers = values.shape[-1]
        padded = np.zeros((*values.shape[:2], barriers + 4 * _BESIDE))
        padded[..., 2 * _BESIDE : 2 * _BESIDE + barriers] = values
        padded[..., 2 * _BESIDE + barriers :] = 1.0
        count = barriers + 2 * _BESIDE
        shifted = [padded[:, place, place + 1 : place + 1 + count] for place in range(_TAPS)]
        weights = lagrange(np.arange(self._between) / self._between, _TAPS)
        by_level: Floats = np.einsum("ip,pij->ji", weights, np.stack(shifted)).reshape(-1)
        return by_level

    def _states_beside(self, member: int) -> Singles:
        """Return [steps past a barrier, neighbouring barriers, nodes] the weights of the nodes for a state."""
        kind = int(self.kind[member])
        if kind not in self.beside:
            past, near = np.arange(self._between)[:, None], np.arange(1 - _BESIDE, _BESIDE + 1)
            self.beside[kind] = self._states(member, self._between * near - past)
        return self.beside[kind]

    def _states(self, member: int, steps_up: Ints) -> Singles:
        """Return [..., nodes] the weights of the nodes for a state that lies some steps of the lattice higher."""
        place, sd = self.nodes.top_f - self.state_f[[member]], self.state_sd_f[[member]]
        base, taps = on_nodes(place / self.nodes.step_f, sd / self.nodes.step_f)
        states = np.zeros((*steps_up.shape, self.nodes.width), dtype=np.float32)
        np.put_along_axis(states, base[0] - steps_up[..., None] + np.arange(taps.shape[1]), taps[0], axis=-1)
        return states


def _numbered(state_f: Floats, sd_f: Floats) -> Ints:
    """Return [n] the numbers of states and their spreads, the same for the same."""
    _, states = np.unique(np.rint(_SAME * state_f), return_inverse=True)
    spreads, spread = np.unique(sd_f, return_inverse=True)
    return states * len(spreads) + spread
