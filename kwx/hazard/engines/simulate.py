"""The engine that draws: paths of the air from the state of each evaluation onwards, counted where they end up.

Evaluations are laid out in blocks of a fixed shape, so that few programs are ever compiled, and those are kept on disk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr, stdtrit
from scipy.stats.qmc import Sobol

from kwx.compiled import keep_compiled
from kwx.hazard.engines.bias import STUDENT_REACH
from kwx.hazard.engines.paths import SCORES, STRATA, Law, Span, Start, Tally, tally
from kwx.hazard.question import SOON_STEPS, STEPS, Answer, Floats, Ints, Question
from warehouse.errors import Usage

_ROWS = 8
_CACHED_PAIRS = 1000
_BLOCKS = 8
_CELLS = 16
_SOBOL_BITS = 20
_SCORES_TABLED = 1025
_ARRAYS_ALIVE = 8


@dataclass(frozen=True, kw_only=True)
class Simulator:
    """The engine that draws `paths` paths a day, shared by all evaluations of the day, within `memory_mb` at a time.

    Paths come in mirrored pairs on Sobol points: over 24 days of draws the error was 0.6 of that of as many loose paths
    (0.8 when only mirrored; an evenly spread day bias alone gained nothing) in the same time. Single precision moves
    the maximum of a path by less than 1e-5 °F, and a chance by less than 1e-5.
    """

    paths: int = 4000
    memory_mb: int = 256
    name: str = "simulate"

    def __post_init__(self) -> None:
        if self.paths < 2 or self.paths % 2:
            message = f"{self.paths} paths cannot be simulated: they are drawn in mirrored pairs"
            raise Usage(message, hint="ask for an even number of paths, 2 or more")

    def answer(self, question: Question) -> Answer:
        """Answer every evaluation, give or take standard_error."""
        keep_compiled()
        degrees = (question.thresholds - 1) * question.apart_f + 1
        below = np.ones((len(question), degrees))
        above = np.zeros((2, *question.record_f.shape))
        days = _days(question)
        layout = _layout(days, pairs=self.paths // 2, memory_mb=self.memory_mb)
        law, cells = _law(question), _up_to(degrees + 1, _CELLS)
        for batch, counts in _tallied(_batches(question, days, layout), law, pairs=self.paths // 2, cells=cells):
            in_cells, above_5m, above_60m = (batch.rows_of(one) / self.paths for one in counts)
            below[batch.members] = np.cumsum(in_cells, axis=1)[:, :degrees]
            above[:, batch.members] = above_5m, above_60m
        chances = (above * question.record_p).sum(axis=2)
        chances[:, np.isnan(question.record_f).any(axis=1)] = np.nan
        return Answer(below=below[:, :: question.apart_f], record_5m=chances[0], record_60m=chances[1])

    def standard_error(self, below: Floats) -> Floats:
        """Return a bound of the standard error of chances that this engine gave, as if every path stood alone.

        It is never zero: where no path went, it is that of one path in as many more.
        """
        p = (below * self.paths + 1) / (self.paths + 2)
        bound: Floats = np.sqrt(p * (1 - p) / self.paths)
        return bound


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """How many days, blocks of a day, evaluations of a block and pairs of paths are computed together."""

    days: int
    blocks: int
    rows: int
    chunk: int


@dataclass(frozen=True, kw_only=True, eq=False)
class _Batch:
    """The evaluations of a few days, and the place of each among all rows of their blocks."""

    question: Question
    layout: _Layout
    members: Ints
    place: Ints
    keys: NDArray[np.uint32]

    def rows_of(self, counts: Any) -> Floats:
        """Return the counts of the evaluations, one row each."""
        rows: Floats = np.asarray(counts, dtype=np.float64).reshape(-1, counts.shape[-1])[self.place]
        return rows

    def starts(self) -> Start:
        """Return where the evaluations stand; rows that are nobody's have no later step."""
        question, members = self.question, self.members
        curve, step, bias_f = question.curve[members], question.step[members], question.bias_f[members]
        first_f = question.first_threshold_f[curve]
        air_f = question.curves_f[curve, 1:] + (bias_f - first_f)[:, None]
        known = ~np.isnan(question.residual_f[members])
        return Start(
            step=self._whole(step),
            now_step=self._whole(question.now_step[members]),
            air_f=self._by_step(np.where(np.arange(STEPS) < step[:, None], -np.inf, air_f), -np.inf),
            sigma_f=self._by_step(_sigmas_f(question, step), 0.0),
            residual_f=self._single(np.where(known, question.residual_f[members] - bias_f, 0.0)),
            residual_sd_f=self._single(question.residual_sd_f[members]),
            bias_sd_f=self._single(question.bias_sd_f[members]),
            known=self._single(known.astype(np.float64)),
            record_f=self._single(np.nan_to_num(question.record_f[members], nan=np.inf) - first_f[:, None], np.inf),
        )

    def spans(self) -> Span:
        """Return the steps that each block needs on any of the days."""
        step = self.question.step[self.members]
        horizon = np.minimum(self.question.now_step[self.members] + SOON_STEPS, STEPS)
        first = self._laid(step, STEPS).min(axis=(0, 2))
        soon = self._laid(np.where(step < STEPS, horizon, 0)).max(axis=(0, 2))
        return Span(jnp.asarray(first, jnp.int32), jnp.asarray(np.maximum(first, soon), jnp.int32))

    def _whole(self, steps: Ints) -> Array:
        return jnp.asarray(self._laid(steps, STEPS), jnp.int32)

    def _single(self, values: Floats, missing: float = 0.0) -> Array:
        return jnp.asarray(self._laid(values, missing), jnp.float32)

    def _by_step(self, values: Floats, missing: float) -> Array:
        """Lay values of every step out as [days, blocks, steps, rows]."""
        return jnp.asarray(self._laid(values, missing).swapaxes(2, 3), jnp.float32)

    def _laid(self, values: Floats | Ints, missing: float = 0) -> Floats:
        """Lay values out as [days, blocks, rows, …]."""
        layout = self.layout
        laid = np.full((layout.days * layout.blocks * layout.rows, *values.shape[1:]), float(missing))
        laid[self.place] = values
        return laid.reshape(layout.days, layout.blocks, layout.rows, *values.shape[1:])


def _days(question: Question) -> tuple[Ints, Ints, Ints]:
    """Return the seeds of the days, the evaluations by day and step, and where each day begins among them."""
    seeds, day = np.unique(question.seeds, return_inverse=True)
    order = np.lexsort((question.step, day))
    return seeds, order, np.searchsorted(day[order], np.arange(len(seeds) + 1))


def _layout(days: tuple[Ints, Ints, Ints], *, pairs: int, memory_mb: int) -> _Layout:
    """Return what stays in the cache of a CPU, and elsewhere what fills the memory allowed."""
    seeds, _, begins = days
    most = int(np.diff(begins).max(initial=1))
    on_cpu = jax.default_backend() == "cpu"
    rows = _ROWS if on_cpu else _up_to(most, _ROWS)
    blocks = -(-most // rows)
    room = max(1, memory_mb * 1_000_000 // (2 * 4 * (2 * STEPS + _ARRAYS_ALIVE * rows)))
    chunks = -(-pairs // min(room, _CACHED_PAIRS if on_cpu else room))
    chunk = -(-pairs // chunks)
    return _Layout(
        days=1 if on_cpu else max(1, min(len(seeds), room // chunk)),
        blocks=_up_to(blocks, _BLOCKS) if blocks > 1 else 1, rows=rows, chunk=chunk,
    )  # fmt: skip


def _batches(question: Question, days: tuple[Ints, Ints, Ints], layout: _Layout) -> Iterator[_Batch]:
    """Yield a few days after another."""
    seeds, order, begins = days
    for first in range(0, len(seeds), layout.days):
        ours = np.arange(first, min(first + layout.days, len(seeds)))
        many = np.diff(begins)[ours]
        number = np.arange(many.sum()) - np.repeat(begins[ours] - begins[first], many)
        day = np.repeat(np.arange(len(ours)), many)
        keys = np.zeros((layout.days, 2), dtype=np.uint32)
        keys[: len(ours)] = np.stack([seeds[ours] >> 32, seeds[ours] & 0xFFFFFFFF], axis=1)
        yield _Batch(
            question=question, layout=layout, members=order[begins[first] : begins[ours[-1] + 1]],
            place=day * layout.blocks * layout.rows + number, keys=keys,
        )  # fmt: skip


def _tallied(
    batches: Iterator[_Batch], law: Law, *, pairs: int, cells: int
) -> Iterator[tuple[_Batch, list[NDArray[np.int64]]]]:
    """Yield each batch with its counts; meanwhile the next one is at work already."""
    begun: deque[tuple[_Batch, list[Tally]]] = deque()
    for batch in batches:
        starts, spans = batch.starts(), batch.spans()
        keys, chunk = jnp.asarray(batch.keys), batch.layout.chunk
        parts = [
            tally(keys, starts, spans, law, jnp.uint32(first), jnp.uint32(pairs), chunk=chunk, cells=cells)
            for first in range(0, pairs, chunk)
        ]
        begun.append((batch, parts))
        if len(begun) > 1:
            yield _collected(*begun.popleft())
    for waiting in begun:
        yield _collected(*waiting)


def _collected(batch: _Batch, parts: list[Tally]) -> tuple[_Batch, list[NDArray[np.int64]]]:
    return batch, [
        np.sum([np.asarray(one) for one in many], axis=0, dtype=np.int64) for many in zip(*parts, strict=True)
    ]


def _law(question: Question) -> Law:
    """Return what all paths share."""
    scores = np.linspace(-SCORES, SCORES, _SCORES_TABLED)
    dof = question.tail_dof
    cut = 0.0 if dof is None else stdtr(dof, -STUDENT_REACH)
    biases = scores if dof is None else stdtrit(dof, cut + (1 - 2 * cut) * ndtr(scores))
    rho = jnp.asarray(question.noise.rho, jnp.float32)
    return Law(rho, jnp.asarray(biases, jnp.float32), jnp.asarray(_directions()))


@lru_cache(maxsize=1)
def _directions() -> NDArray[np.uint32]:
    """Return the Sobol directions of the bits of a number; the point numbered 2^(n+1) - 1 is that of bit n alone."""
    sequence = Sobol(STRATA + 2, scramble=False, bits=32)
    points = [sequence.reset().fast_forward(2 ** (bit + 1) - 1).random(1)[0] for bit in range(_SOBOL_BITS)]
    return np.rint(np.array(points) * 2.0**32).astype(np.uint32)


def _sigmas_f(question: Question, step: Ints) -> Floats:
    """Return [n, steps] the innovations as seen from each step."""
    starts, place = np.unique(step, return_inverse=True)
    return np.array([question.noise.sigma_ahead_f(start) for start in starts.tolist()])[place]


def _up_to(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple
