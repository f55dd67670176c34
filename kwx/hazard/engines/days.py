"""The lattice for many days at once: each is told what it would be told alone, to the bit, at the cost of one of many.

What is said of a day must not hang on the days beside it: else a day that is run again, with others, moves in its last
digits. So the nodes, the barriers and the biases of a day are its own; days whose nodes are alike are only swept side
by side. Their products are cut into blocks of as many rows, for a product of another shape sums in another order, and
each barrier is let in, and read, where its own curve asks for it. Where even the place of a row within a block moves
its sum, as in some libraries of linear algebra, every day is swept by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from kwx.hazard.engines.barrier import Nodes, Singles, kept_at, steps_rounded, transition
from kwx.hazard.engines.bias import biases_of
from kwx.hazard.engines.lattice import (
    FAINT,
    FLUSH_STEPS,
    Chains,
    Lattice,
    chains_of,
    eve_and_day,
    nodes_for,
    own_barriers,
    widest_sd_f,
    with_some_noise,
)
from kwx.hazard.engines.reading import Places, read
from kwx.hazard.engines.soon import soon
from kwx.hazard.question import STEPS, Answer, Floats, Ints, Noise, Question
from kwx.scoring.threads import one_blas_thread

_BLOCK = 64
"""So many rows are multiplied at once, filled up where they are fewer."""
_HALF_MULTIPLE = 16
"""The nodes to either side of the middle are a multiple of it: so days of about the same reach are swept together."""
_GATHERED_BYTES = 96_000_000


@dataclass(frozen=True, kw_only=True)
class DayLattice:
    """The lattice that answers day by day: one question is one day, and its answer is of that day alone."""

    lattice: Lattice = field(default_factory=Lattice)
    name: str = "lattice"

    def answer(self, question: Question) -> Answer:
        """Answer every evaluation of a day."""
        return self.answers([question])[0]

    def answers(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer days of one law; innovations by lead have a sweep for each evaluation, which nothing else shares."""
        told: list[Answer] = []
        units: list[_Unit] = []
        with one_blas_thread():
            for one in questions:
                if one.noise.by_lead:
                    told.append(self.lattice.answer(one))
                    continue
                question = replace(one, noise=with_some_noise(one.noise))
                record_5m, record_60m = soon(question)
                below = np.ones((len(question), question.thresholds))
                told.append(Answer(below=below, record_5m=record_5m, record_60m=record_60m))
                units += _units(question, below, at_most_f=self.lattice.step_f)
            for batch in _in_batches(units):
                _sweep(batch)
        return told


@dataclass(frozen=True, kw_only=True, eq=False)
class _Unit:
    """Evaluations of a day that share their nodes, and where what they are told is written.

    low, high: [chains, steps + 1] from and to which barrier a chain asks at a step: below it nothing is kept, from
    `high` on all is. rows: how many barriers it asks for at most, at any step that is read. window: how many nodes an
    evaluation is read from, whatever its bias; they begin at node start[n].
    """

    question: Question
    members: Ints
    below: Floats
    places: Places
    nodes: Nodes
    barrier_f: float
    chains: Chains
    low: Ints
    high: Ints
    rows: int
    window: int
    start: Ints

    @property
    def kind(self) -> tuple[object, ...]:
        """What units have in common that are swept side by side."""
        noise = self.question.noise
        return self.nodes, self.barrier_f, noise.rho, noise.sigma_f.tobytes()

    @property
    def gathered_bytes(self) -> int:
        """How large the tables are that it is read from."""
        return 4 * len(self.chains.member) * self.rows * self.window

    def tell(self, tables: Singles, lowest_f: Floats) -> None:
        """Read its evaluations, in the order of its chains' members, each from a table of its own."""
        member = self.chains.member
        each = np.arange(len(member))
        seen = Nodes(step_f=self.nodes.step_f, half=self.window // 2)
        places = replace(self.places, nodes=seen, state_base=self.places.state_base - self.start)
        told = read(places, member, worth=tables.transpose(1, 0, 2), chain=each, lowest_f=lowest_f)
        self.below[self.members[member]] = told


def _units(question: Question, below: Floats, *, at_most_f: float) -> Iterator[_Unit]:
    """Yield what is to be swept of a day: the evaluations of its eve, and those of the day."""
    for members in eve_and_day(question):
        part = question.part(members)
        if not (part.step < STEPS).any():
            continue
        biases = biases_of(part, spread_f=widest_sd_f(part.noise))
        barrier_f = biases.spacing_f
        nodes = nodes_for(part, barrier_f=barrier_f, at_most_f=at_most_f)
        nodes = replace(nodes, half=-(-nodes.half // _HALF_MULTIPLE) * _HALF_MULTIPLE)
        chains = chains_of(part, biases, barrier_f=barrier_f)
        low, high = own_barriers(part, chains, barrier_f=barrier_f)
        rows = (high - low)[chains.chain, chains.step + 1].max()
        places = Places.of(part, biases, nodes=nodes, barrier_f=barrier_f)
        window, start = _windows(places)
        yield _Unit(
            question=part, members=members, below=below, places=places, nodes=nodes, barrier_f=barrier_f, chains=chains,
            low=low, high=high, rows=max(1, int(rows)), window=window, start=start,
        )  # fmt: skip


def _windows(places: Places) -> tuple[int, Ints]:
    """Return how many nodes hold an evaluation under every bias, and where they begin, inside the lattice."""
    reach = places.state_side + places.bias_side * places.state_shift
    width = min(places.nodes.width, 2 * int(reach.max()) + 1)
    middle = places.state_base + places.state_taps.shape[1] // 2
    return width, np.clip(middle - width // 2, 0, places.nodes.width - width)


def _in_batches(units: Sequence[_Unit]) -> Iterator[list[_Unit]]:
    """Yield units that are swept side by side, as many as there is room for what they are read from."""
    alike: dict[tuple[object, ...], list[_Unit]] = defaultdict(list)
    for unit in units:
        alike[unit.kind].append(unit)
    for some in alike.values():
        batch: list[_Unit] = []
        for unit in some:
            room = sum(one.gathered_bytes for one in batch) + unit.gathered_bytes <= _GATHERED_BYTES
            if batch and not (room and rows_are_alike()):
                yield batch
                batch = []
            batch.append(unit)
        yield batch


@lru_cache
def rows_are_alike() -> bool:
    """Tell whether a product sums each row of a block alike, wherever in the block it stands."""
    rng = np.random.default_rng(1)
    for width, count in ((41, 24), (60, 24), (97, 25), (121, 23)):
        row, chances = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, width), (width, count)))
        product = np.matmul(np.repeat(row, _BLOCK, axis=0), chances)
        if (product != product[0]).any():
            return False
    return True


class _Table:
    """What every barrier of every chain is worth, as rows of nodes: barrier after barrier, a row for each chain."""

    def __init__(self, barriers: int, chains: int, width: int) -> None:
        self.chains = chains
        rows = -(-barriers * chains // _BLOCK) * _BLOCK + _BLOCK
        self.worth, self.spare = (np.ones((rows, width), dtype=np.float32) for _ in range(2))

    def open(self, low: int, high: int) -> Singles:
        """Return [barriers, chains, nodes] some barriers as they are now."""
        width = self.worth.shape[1]
        return self.worth[low * self.chains : high * self.chains].reshape(high - low, self.chains, width)

    def stretches(self, rows: Ints, start: Ints, count: int) -> Singles:
        """Return [..., count] so many nodes of some rows, each from a node of its own on; as items, taken fast."""
        item = np.dtype((np.void, count * self.worth.itemsize))
        every = np.ndarray(self.worth.size - count + 1, item, self.worth, strides=self.worth.itemsize)
        found: Singles = every[rows * self.worth.shape[1] + start].view(np.float32).reshape(*rows.shape, count)
        return found

    def step_back(self, nodes: Nodes, noise: Noise, step: int, *, low: int, high: int) -> None:
        """Let some barriers be worth what they were a step earlier."""
        first, count = low * self.chains, -(-(high - low) * self.chains // _BLOCK)
        shape = (count, _BLOCK, nodes.width)
        now, before = (rows[first : first + count * _BLOCK].reshape(shape) for rows in (self.worth, self.spare))
        for band in transition(nodes, noise.rho, round(float(noise.sigma_f[0, step - 1]), 9)):
            np.matmul(now[..., band.reached], band.chances, out=before[..., band.origin])
        self.worth, self.spare = self.spare, self.worth


def _sweep(batch: Sequence[_Unit]) -> None:
    """Sweep all chains of a batch back to the first step that is read, and tell every unit what it asks for."""
    nodes, barrier_f, noise = batch[0].nodes, batch[0].barrier_f, batch[0].question.noise
    low, high = (np.concatenate([getattr(unit, name) for unit in batch]) for name in ("low", "high"))
    gathered = _Gathered(batch, low, high)
    table = _Table(int(high.max()), len(low), nodes.width)
    cuts = _cuts(batch)
    apart = round(barrier_f / nodes.step_f)
    lowest, highest = low.min(axis=0).tolist(), high.max(axis=0).tolist()
    for step in range(STEPS, gathered.first_step, -1):
        _let_in(table, high, step)
        if lowest[step] < highest[step]:
            ours = table.open(lowest[step], highest[step])
            ours *= kept_at(cuts[:, step], first=lowest[step], barriers=len(ours), apart=apart, width=nodes.width)
            if step % FLUSH_STEPS == 0:
                ours[np.abs(ours) < FAINT] = 0.0
            table.step_back(nodes, noise, step, low=lowest[step], high=highest[step])
        gathered.take(table, step)
    gathered.tell()


def _cuts(batch: Sequence[_Unit]) -> Ints:
    """Return [chains, steps + 1] how far the lowest barrier of each chain lies above the highest node at each step."""
    nodes = batch[0].nodes
    return np.concatenate(
        [
            steps_rounded(
                (unit.chains.lowest_f[:, None] - unit.question.curves_f[unit.chains.curve] - nodes.top_f) / nodes.step_f
            )
            for unit in batch
        ]
    )


def _let_in(table: _Table, high: Ints, step: int) -> None:
    """Set the barriers that a chain begins to ask for at a step: nothing has been in their way yet."""
    if step == STEPS:
        return
    for chain in np.flatnonzero(high[:, step] > high[:, step + 1]).tolist():
        table.open(int(high[chain, step + 1]), int(high[chain, step]))[:, chain] = 1.0


class _Gathered:
    """The tables that evaluations are read from, [evaluations, barriers, nodes], the last steps of the day first."""

    def __init__(self, batch: Sequence[_Unit], low: Ints, high: Ints) -> None:
        self._batch, self._low, self._high = batch, low, high
        sizes = [len(unit.chains.lowest_f) for unit in batch]
        firsts = np.cumsum([0, *sizes[:-1]])
        self._chain = np.concatenate([unit.chains.chain + first for unit, first in zip(batch, firsts, strict=True)])
        self._step = np.concatenate([unit.chains.step for unit in batch])
        self._order = np.argsort(-self._step, kind="stable")
        self._sorted = -self._step[self._order]
        start = np.concatenate([unit.start[unit.chains.member] for unit in batch])
        self._start = start[self._order]
        self._rows, self._window = max(unit.rows for unit in batch), max(unit.window for unit in batch)
        self._tables = np.empty((len(self._step), self._rows, self._window), dtype=np.float32)

    @property
    def first_step(self) -> int:
        """The first step that is read."""
        return int(self._step.min())

    def take(self, table: _Table, step: int) -> None:
        """Take what is read once a step was gone back; a barrier that a chain does not ask for is kept for certain."""
        first, end = (int(np.searchsorted(self._sorted, 1 - step, side=side)) for side in ("left", "right"))
        if first == end:
            return
        chain = self._chain[self._order[first:end]]
        low, high = self._low[chain, step], self._high[chain, step]
        barrier = low[:, None] + np.arange(self._rows)
        ours = barrier < high[:, None]
        rows = np.where(ours, barrier * table.chains + chain[:, None], 0)
        taken = self._tables[first:end]
        taken[:] = table.stretches(rows, self._start[first:end, None], self._window)
        if not ours.all():
            taken[~ours] = 1.0

    def tell(self) -> None:
        """Let every unit read its own."""
        place = np.empty_like(self._order)
        place[self._order] = np.arange(len(place))
        begin = 0
        for unit in self._batch:
            end = begin + len(unit.chains.member)
            low = unit.low[unit.chains.chain, unit.chains.step + 1]
            lowest_f = unit.chains.lowest_f[unit.chains.chain] + unit.barrier_f * low
            unit.tell(self._tables[place[begin:end], : unit.rows, : unit.window], lowest_f)
            begin = end
