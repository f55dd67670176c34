"""The exact engine: P(no later step of the day is above a barrier), swept backwards over a lattice of the residual.

One sweep of a curve serves all of its evaluations, whatever the state, the day bias and the threshold. There is no
sampling noise, and the error is that of the lattice.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import as_strided

from kwx.hazard.engines.barrier import Nodes, Singles, kept, step_back, transition
from kwx.hazard.engines.bias import STUDENT_REACH, Biases, biases_of
from kwx.hazard.engines.reading import Places, read
from kwx.hazard.engines.soon import Map, soon
from kwx.hazard.question import LEAST_SIGMA_F, STEPS, Answer, Floats, Ints, Noise, Question
from kwx.scoring.threads import one_blas_thread

_STEP_SIGMAS = 1.15
WIDEST_F = 60.0
_SD_KEPT = 5.0
_SD_LIKELY = 4.5
_SD_HELD = 4.0
_FEW_STEPS = 12
_STATES_LEFT = (0.0, 0.25, 0.5, 0.75, 1.0)
_ROWS_AT_ONCE = 8_000
_FAINT = np.float32(1e-20)
_FLUSH_STEPS = 8
_START_STEPS = 24


@dataclass(frozen=True, kw_only=True)
class Lattice:
    """The exact engine. `step_f` bounds the distance of its nodes: smaller is more exact and slower.

    A chance of a threshold at least 1 °F above the air is right to 1e-4. Closer to the air it takes nodes closer than
    the innovations: in hours with 0.22 °F a step of 0.25 °F is right to 4e-3 there, one of 0.125 °F to 3e-5.
    """

    step_f: float = 0.34
    threads: int = 1
    name: str = "lattice"

    def answer(self, question: Question) -> Answer:
        """Answer every evaluation; a threshold more than 1 °F below the lowest record is never kept, and answered 0."""
        question = replace(question, noise=with_some_noise(question.noise))
        # The products are small: spread over threads they wait for each other, on a busy machine ten times as long.
        with one_blas_thread(), ThreadPoolExecutor(self.threads) as pool:
            in_threads = pool.map if self.threads > 1 else map
            record_5m, record_60m = soon(question, in_threads)
            below = np.ones((len(question), question.thresholds))
            for members in _eve_and_day(question):
                below[members] = self._below(question.part(members), in_threads)
        return Answer(below=below, record_5m=record_5m, record_60m=record_60m)

    def _below(self, question: Question, in_threads: Map) -> Floats:
        below = np.ones((len(question), question.thresholds))
        biases = biases_of(question, spread_f=widest_sd_f(question.noise))
        barrier_f = biases.spacing_f
        nodes = _nodes(question, barrier_f=barrier_f, at_most_f=self.step_f)
        places = Places.of(question, biases, nodes=nodes, barrier_f=barrier_f)
        chains = _chains(question, biases, barrier_f=barrier_f)

        def answer(batch: Chains) -> None:
            for step, worth in sweep(question, batch, nodes=nodes, barrier_f=barrier_f):
                rows = batch.reading(step)
                if len(rows):
                    members, chain = batch.member[rows], batch.chain[rows]
                    below[members] = read(places, members, worth=worth, chain=chain, lowest_f=batch.lowest_f)

        for _ in in_threads(answer, _in_batches(chains, at_least=self.threads)):
            pass
        return below


def with_some_noise(noise: Noise) -> Noise:
    """Return the law with innovations that a lattice can carry."""
    return replace(noise, sigma_f=np.maximum(noise.sigma_f, LEAST_SIGMA_F))


def _nodes(question: Question, *, barrier_f: float, at_most_f: float) -> Nodes:
    """Return a lattice wide enough for every state and what becomes of it."""
    states_f = states_reach_f(question, np.arange(len(question))).max(initial=0.0)
    reach_f = max(air_reach_f(question.noise), float(states_f))
    return nodes_of(question.noise, barrier_f=barrier_f, at_most_f=at_most_f, reach_f=reach_f)


def nodes_of(noise: Noise, *, barrier_f: float, at_most_f: float, reach_f: float) -> Nodes:
    """Return a lattice of some reach, fine enough for the least innovation."""
    steps = int(np.ceil(barrier_f / min(at_most_f, _STEP_SIGMAS * noise.sigma_f.min()) - 1e-9))
    step_f = barrier_f / steps
    return Nodes(step_f=step_f, half=int(np.ceil(min(reach_f, WIDEST_F) / step_f)))


def air_reach_f(noise: Noise) -> float:
    """Return how far from zero the nodes must reach for what becomes of a residual that starts there."""
    return _SD_KEPT * widest_sd_f(noise)


def _eve_and_day(question: Question) -> Iterator[Ints]:
    """Yield the evaluations of curves that are read at few steps, as on an eve, and those of curves read all day.

    A state of which little is known yet stays near its curve: a narrower lattice carries it.
    """
    steps_read = np.bincount(np.unique(question.curve * (STEPS + 1) + question.step) // (STEPS + 1))
    few = steps_read[question.curve] <= _FEW_STEPS
    yield from (members for members in (np.flatnonzero(few), np.flatnonzero(~few)) if len(members))


def widest_sd_f(noise: Noise) -> float:
    """Return how far a residual that starts at zero spreads within a day, at most."""
    return _widest_sd_f(noise.rho, tuple(noise.sigma_f.max(axis=0).tolist()))


@lru_cache(maxsize=64)
def _widest_sd_f(rho: float, sigma_f: tuple[float, ...]) -> float:
    variance, widest = 0.0, 0.0
    for innovation_f in sigma_f:
        variance = rho**2 * variance + innovation_f**2
        widest = max(widest, variance)
    return float(np.sqrt(widest))


def states_reach_f(question: Question, member: Ints) -> Floats:
    """Return [n] how far from zero the nodes must reach for a state, bias and all, and its next step."""
    spread_f = _spread_f(question, member, left=1.0, sds=_SD_HELD)
    return np.asarray(np.abs(_states_f(question, member)) + spread_f + float(question.noise.sigma_f.max()))


def _states_f(question: Question, member: Ints) -> Floats:
    """Return [n] the residuals under the mean bias; zero for air of which nothing is known."""
    return np.asarray(np.nan_to_num(question.residual_f[member] - question.bias_f[member]), dtype=np.float64)


def _spread_f(question: Question, member: Ints, *, left: float | Floats, sds: float | None = None) -> Floats:
    """Return how far a residual can be from its mean, bias and all, at a step where a share `left` of the state is."""
    sds = _SD_LIKELY if sds is None else sds
    known = ~np.isnan(question.residual_f[member])
    bias_f = left * np.where(known, question.bias_sd_f[member], 0.0)
    shocks_f = np.sqrt(1 - np.square(left)) * widest_sd_f(question.noise)
    others_f = np.hypot(left * question.residual_sd_f[member], shocks_f)
    if question.tail_dof is None:
        return np.asarray(sds * np.hypot(bias_f, others_f), dtype=np.float64)
    return np.asarray(STUDENT_REACH * bias_f + sds * others_f, dtype=np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Chains:
    """Curves to sweep, the earliest start first, and the evaluations that read them, in the order of their steps.

    Of those that start together, curves that are read at few steps come before those that are read all day.

    Where the law depends on the lead, every evaluation has a chain of its own. reach_f is how far from zero a residual
    can come, of those that are read.
    """

    curve: Ints
    start: Ints
    lowest_f: Floats
    barriers: Ints
    reach_f: Floats
    member: Ints
    chain: Ints
    step: Ints

    def reading(self, step: int) -> Ints:
        """Return which of the evaluations read at a step."""
        first, end = np.searchsorted(self.step, [step, step + 1])
        return np.arange(first, end)

    def part(self, first: int, end: int) -> Chains:
        """Return some of the chains with their evaluations."""
        ours = (self.chain >= first) & (self.chain < end)
        return Chains(
            curve=self.curve[first:end],
            start=self.start[first:end],
            lowest_f=self.lowest_f[first:end],
            barriers=self.barriers[first:end],
            reach_f=self.reach_f[first:end],
            member=self.member[ours],
            chain=self.chain[ours] - first,
            step=self.step[ours],
        )


def _chains(question: Question, biases: Biases, *, barrier_f: float) -> Chains:
    """Return what to sweep for the evaluations that have a future."""
    member = np.flatnonzero(question.step < STEPS)
    step, curve = question.step[member], question.curve[member]
    key = curve * (STEPS + 1) + (step if question.noise.by_lead else 0)
    _, first, chain = np.unique(key, return_index=True, return_inverse=True)
    start, last = np.full(len(first), STEPS), np.zeros(len(first), dtype=np.int64)
    np.minimum.at(start, chain, step)
    np.maximum.at(last, chain, step)
    below_f, above_f = later_f(question, member)
    lowest_f, highest_f = barriers_needed(question, biases, member, above_f)
    low_f, high_f, reach_f = np.full(len(first), np.inf), np.full(len(first), -np.inf), np.zeros(len(first))
    np.minimum.at(low_f, chain, lowest_f)
    np.maximum.at(high_f, chain, highest_f)
    np.maximum.at(reach_f, chain, np.maximum(-below_f, above_f))
    order = np.lexsort((last, start))
    place = np.argsort(order, kind="stable")[chain]
    origin_f = question.first_threshold_f[curve[first]]
    aligned_f = origin_f + barrier_f * np.floor((low_f - origin_f) / barrier_f)
    barriers = np.ceil((high_f - aligned_f) / barrier_f).astype(np.int64) + 1
    reads = np.lexsort((place, step))
    return Chains(
        curve=curve[first][order], start=start[order], lowest_f=aligned_f[order], barriers=barriers[order],
        reach_f=reach_f[order], member=member[reads], chain=place[reads], step=step[reads],
    )  # fmt: skip


def barriers_needed(question: Question, biases: Biases, member: Ints, above_f: Floats) -> tuple[Floats, Floats]:
    """Return the lowest and highest barrier that each evaluation asks for and that is neither sure nor hopeless.

    Where all are either, both are the one next to what is neither. above_f is how far above zero its residual can come.
    """
    curve, step = question.curve[member], question.step[member]
    first_f = question.first_threshold_f[curve]
    record_f = np.where(np.isnan(question.record_f[member]), -np.inf, question.record_f[member]).min(axis=1)
    lowest_f = np.maximum(first_f, record_f - 1) - biases.centre_f[member] - biases.reach_f[member]
    highest_f = (
        first_f + (question.thresholds - 1) * question.apart_f - biases.centre_f[member] + biases.reach_f[member]
    )
    peak = _peaks(question.curves_f)[curve, step + 1]
    peak_f, left = question.curves_f[curve, peak], np.power(question.noise.rho, peak - step, dtype=np.float64)
    hopeless_f = peak_f + left * _states_f(question, member) - _spread_f(question, member, left=left)
    sure_f = peak_f + above_f
    open_f = np.clip([lowest_f, highest_f], hopeless_f, sure_f)
    low_f, high_f = np.minimum(np.maximum(open_f, lowest_f), highest_f)
    return low_f, high_f


def _peaks(curves_f: Floats) -> Ints:
    """Return [curves, steps] where each curve is highest from each step on."""
    backwards = curves_f[:, ::-1]
    is_higher = backwards == np.maximum.accumulate(backwards, axis=1)
    latest = np.maximum.accumulate(np.where(is_higher, np.arange(STEPS + 1), 0), axis=1)
    return STEPS - latest[:, ::-1]


def later_f(question: Question, member: Ints) -> tuple[Floats, Floats]:
    """Return [n] the lowest and the highest residual that any later step can have."""
    left = np.array(_STATES_LEFT)[:, None]
    mean_f, spread_f = left * _states_f(question, member), _spread_f(question, member, left=left)
    return (mean_f - spread_f).min(axis=0), (mean_f + spread_f).max(axis=0)


def _in_batches(chains: Chains, *, at_least: int) -> Iterator[Chains]:
    """Cut the chains into batches that begin at about the same step, and whose tables stay in the cache."""
    first = 0
    all_rows = int(chains.barriers.max(initial=1)) * len(chains.barriers)
    most_rows = min(_ROWS_AT_ONCE, -(-all_rows // at_least))
    while first < len(chains.curve):
        rows = np.maximum.accumulate(chains.barriers[first:]) * np.arange(1, len(chains.curve) - first + 1)
        late = chains.start[first:] - chains.start[first] > _START_STEPS
        count = max(1, int(np.argmax(np.append((rows > most_rows) | late, True))))
        yield chains.part(first, first + count)
        first += count


def sweep(question: Question, chains: Chains, *, nodes: Nodes, barrier_f: float) -> Iterator[tuple[int, Singles]]:
    """Yield each step from the last but one back to the first that is read, and the worth [barriers, chains, nodes].

    What stands for a barrier that no state can reach any more is one, for one that none can stay below zero.
    """
    barriers = int(chains.barriers.max())
    distance = (chains.lowest_f[:, None] - question.curves_f[chains.curve] - nodes.top_f) / nodes.step_f
    lowest, highest = open_barriers(question, chains, barrier_f=barrier_f, barriers=barriers)
    worth = np.ones((barriers, len(chains.curve), nodes.width), dtype=np.float32)
    spare = np.ones_like(worth)
    apart = round(barrier_f / nodes.step_f)
    for step in range(STEPS, int(chains.start[0]), -1):
        low, high = lowest[step], highest[step]
        worth[:low], spare[:low] = 0.0, 0.0
        ours, earlier = worth[low:high], spare[low:high]
        ours *= _kept(distance[:, step] + apart * low, barriers=high - low, apart=apart, width=nodes.width)
        if step % _FLUSH_STEPS == 0:
            # What is faint is gone long before it is denormal, which would slow every product.
            ours[np.abs(ours) < _FAINT] = 0.0
        for part, sigma_f in _runs(question.noise, chains.start, step):
            step_back(ours[:, part], transition(nodes, question.noise.rho, sigma_f), earlier[:, part])
        worth, spare = spare, worth
        yield step - 1, worth


def open_barriers(
    question: Question, chains: Chains, *, barrier_f: float, barriers: int
) -> tuple[list[int], list[int]]:
    """Return for each step the barriers, from … to, that are neither sure nor hopeless in every chain of a batch."""
    curves_f = question.curves_f[chains.curve]
    ahead_f = np.maximum.accumulate(curves_f[:, ::-1], axis=1)[:, ::-1] - chains.lowest_f[:, None]
    hopeless = (ahead_f - chains.reach_f[:, None]) / barrier_f
    sure = (ahead_f + chains.reach_f[:, None]) / barrier_f
    lowest = np.clip(np.floor(hopeless.min(axis=0)).astype(np.int64), 0, barriers)
    highest = np.clip(np.ceil(sure.max(axis=0)).astype(np.int64) + 1, lowest, barriers)
    return lowest.tolist(), highest.tolist()


def _runs(noise: Noise, start: Ints, step: int) -> Iterator[tuple[slice, float]]:
    """Yield stretches of chains that share the innovation of a step: all of them, or those of one bucket of leads."""
    if not noise.by_lead:
        yield slice(0, len(start)), round(float(noise.sigma_f[0, step - 1]), 9)
        return
    row = np.searchsorted(noise.lead_steps, np.maximum(step - start - 1, 0), side="right") - 1
    edges = np.flatnonzero(np.diff(row)) + 1
    for first, end in zip([0, *edges.tolist()], [*edges.tolist(), len(row)], strict=True):
        yield slice(first, end), round(float(noise.sigma_f[row[first], step - 1]), 9)


def _kept(distance_steps: Floats, *, barriers: int, apart: int, width: int) -> Singles:
    """Return [barriers, chains, nodes] the share of each node that a barrier leaves: a band along one vector each."""
    along = kept(distance_steps, apart * (barriers - 1) + width)
    row, item = along.strides
    return as_strided(along, (barriers, len(along), width), (apart * item, row, item), writeable=False)
