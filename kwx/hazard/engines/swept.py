"""The lattice for whoever asks again and again about one day: each curve is swept once, and then only read.

What a sweep says of a step hangs on the law, the curve and how wide it is made, and on no evaluation. So it is made for
all of the day that is left, in one of a few widths, and kept. An evaluation is read from the narrowest that holds its
state and its barriers: it is told the same whatever was asked before it, or beside it. Answers are those of `Lattice`,
but for what a lattice rounds. Where the innovations depend on the lead every evaluation has a sweep of its own, and
nothing can be kept.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from kwx.hazard.engines.barrier import Nodes, Singles
from kwx.hazard.engines.bias import Biases, biases_of
from kwx.hazard.engines.lattice import (
    WIDEST_F,
    Chains,
    Lattice,
    air_reach_f,
    barriers_needed,
    later_f,
    nodes_of,
    open_barriers,
    states_reach_f,
    sweep,
    widest_sd_f,
    with_some_noise,
)
from kwx.hazard.engines.reading import Places, read
from kwx.hazard.engines.soon import soon
from kwx.hazard.question import STEPS, Answer, Floats, Ints, Question
from kwx.scoring.threads import one_blas_thread

_NARROWEST_F = 12.0
_WIDER = 1.5
"""Each width is so many times the one before it."""
_KEPT_BYTES = 400_000_000
_FIRST: Ints = np.zeros(1, dtype=np.int64)


class _Table(NamedTuple):
    """What barriers, lowest_f and upwards, are worth at a step: [barriers, 1, nodes]; below is 0 and above is 1."""

    lowest_f: float
    worth: Singles


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """The tables of a curve at its steps from `start` on."""

    nodes: Nodes
    start: int
    tables: list[_Table]

    @property
    def bytes(self) -> int:
        """How large it is."""
        return sum(table.worth.nbytes for table in self.tables)


class _Needed(NamedTuple):
    """What one evaluation needs of a sweep: how far its states reach, and its lowest and highest barrier."""

    reach_f: float
    lowest_f: float
    highest_f: float


@dataclass(frozen=True, kw_only=True)
class SweptLattice:
    """An engine that keeps what it swept. It is not to be shared between threads."""

    lattice: Lattice = field(default_factory=Lattice)
    kept: OrderedDict[bytes, Sweep] = field(default_factory=OrderedDict, repr=False, compare=False)
    name: str = "lattice"

    def answer(self, question: Question) -> Answer:
        """Answer every evaluation, each as if it were the only one."""
        if question.noise.by_lead:
            return self.lattice.answer(question)
        question = replace(question, noise=with_some_noise(question.noise))
        with one_blas_thread():
            record_5m, record_60m = soon(question)
            below = np.ones((len(question), question.thresholds))
            for member in np.flatnonzero(question.step < STEPS).tolist():
                below[member] = self._below(question.part(np.array([member])))
        return Answer(below=below, record_5m=record_5m, record_60m=record_60m)

    def _below(self, question: Question) -> Floats:
        """Return [thresholds] what one evaluation is told."""
        biases = biases_of(question, spread_f=widest_sd_f(question.noise))
        swept = self._sweep(question, biases)
        table = swept.tables[int(question.step[0]) - swept.start]
        places = Places.of(question, biases, nodes=swept.nodes, barrier_f=biases.spacing_f)
        told: Floats = read(places, _FIRST, worth=table.worth, chain=_FIRST, lowest_f=np.array([table.lowest_f]))[0]
        return told

    def _sweep(self, question: Question, biases: Biases) -> Sweep:
        """Return the sweep that an evaluation is read from: one that is kept and begins early enough, or a new one."""
        reach_f = _width_f(question, _needed(question, biases))
        key = _key(question, biases.spacing_f, reach_f)
        swept = self.kept.get(key)
        if swept is None or swept.start > question.step[0]:
            swept = self._swept(question, biases.spacing_f, reach_f)
        self.kept[key] = swept
        self.kept.move_to_end(key)
        while len(self.kept) > 1 and sum(one.bytes for one in self.kept.values()) > _KEPT_BYTES:
            self.kept.popitem(last=False)
        return swept

    def _swept(self, question: Question, barrier_f: float, reach_f: float) -> Sweep:
        """Sweep the curve of an evaluation down to its step."""
        nodes = nodes_of(question.noise, barrier_f=barrier_f, at_most_f=self.lattice.step_f, reach_f=reach_f)
        lowest_f, highest_f = _span_f(question, reach_f)
        origin_f = float(question.first_threshold_f[question.curve[0]]) % barrier_f
        lowest_f = origin_f + barrier_f * float(np.floor((lowest_f - origin_f) / barrier_f))
        barriers = int(np.ceil((highest_f - lowest_f) / barrier_f)) + 1
        nobody = np.empty(0, dtype=np.int64)
        chain = Chains(
            curve=question.curve[:1], start=question.step[:1], lowest_f=np.array([lowest_f]),
            barriers=np.array([barriers]), reach_f=np.array([nodes.top_f]), member=nobody, chain=nobody, step=nobody,
        )  # fmt: skip
        low, high = open_barriers(question, chain, barrier_f=barrier_f, barriers=barriers)
        tables = []
        for step, worth in sweep(question, chain, nodes=nodes, barrier_f=barrier_f):
            first, end = min(low[step + 1], barriers - 1), max(high[step + 1], low[step + 1] + 1)
            tables.append(_Table(lowest_f + barrier_f * first, worth[first:end].copy()))
        return Sweep(nodes=nodes, start=int(question.step[0]), tables=tables[::-1])


def _needed(question: Question, biases: Biases) -> _Needed:
    only = np.array([0])
    _, above_f = later_f(question, only)
    lowest_f, highest_f = barriers_needed(question, biases, only, above_f)
    reach_f = states_reach_f(question, only)
    return _Needed(reach_f=float(reach_f[0]), lowest_f=float(lowest_f[0]), highest_f=float(highest_f[0]))


def _width_f(question: Question, needed: _Needed) -> float:
    """Return the narrowest of the widths that holds what is needed; at the widest what lies beyond is given up."""
    reach_f = max(_NARROWEST_F, air_reach_f(question.noise))
    while reach_f < WIDEST_F:
        lowest_f, highest_f = _span_f(question, reach_f)
        if needed.reach_f <= reach_f and lowest_f <= needed.lowest_f and needed.highest_f <= highest_f:
            return reach_f
        reach_f *= _WIDER
    return WIDEST_F


def _span_f(question: Question, reach_f: float) -> tuple[float, float]:
    """Return from where to where barriers of a curve lie: around the warmest that is still ahead, at every step."""
    curve_f = question.curves_f[question.curve[0]]
    return float(curve_f[-1]) - reach_f, float(curve_f.max()) + reach_f


def _key(question: Question, spacing_f: float, reach_f: float) -> bytes:
    """Return all that a sweep hangs on: the curve, the law, where barriers lie, and how wide it is."""
    curve = int(question.curve[0])
    numbers = np.array([question.noise.rho, spacing_f, question.first_threshold_f[curve] % spacing_f, reach_f])
    return b"".join(one.tobytes() for one in (question.curves_f[curve], question.noise.sigma_f, numbers))
