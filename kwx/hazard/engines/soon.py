"""The chance of a new maximum within minutes: the few steps ahead, carried forward under one barrier.

The residual is taken from where it would drift without shocks, and in units of the least innovation ahead, so that its
law is the same whatever the curve, the state and the hour; they move the barrier. What is sure or hopeless already, or
counts for nothing, is not carried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.special import ndtr, ndtri

from kwx.hazard.engines.barrier import Nodes, Singles, kept, passage
from kwx.hazard.engines.bias import few_values
from kwx.hazard.question import SOON_STEPS, STEPS, Floats, Ints, Question

Map = Callable[..., Iterable[None]]

_NEGLIGIBLE = 5e-5
_STEP_SIGMAS = 0.7
_SD_KEPT = 4.0
_HALF_MULTIPLE = 2
_NO_AIR_F = -1e6  # after the closing midnight, and after the hour
_ASKED_AT_ONCE = 16_000  # records
_CARRIED_AT_ONCE = 3_000  # columns: their masses stay in the cache
_HORIZONS = (0, SOON_STEPS, SOON_STEPS + 3, 2 * SOON_STEPS, 6 * SOON_STEPS, STEPS + SOON_STEPS)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ahead:
    """The next steps of m evaluations, each [steps, m].

    sigma_f: the innovations. sd_f: the spread of each step around its drift. drift_f: where the air goes without
    shocks under the mean bias, and _NO_AIR_F at steps that no hazard sees. bias_shown: how much of the day bias, where
    it is off its mean, the air of a step shows.
    """

    sigma_f: Floats
    sd_f: Floats
    drift_f: Floats
    bias_shown: Floats

    @cached_property
    def unit_f(self) -> Floats:
        """[m] the least innovation ahead."""
        return np.asarray(self.sigma_f.min(axis=0))

    @cached_property
    def sigma(self) -> Singles:
        """The innovations in that unit."""
        return np.round(self.sigma_f / self.unit_f, 9).astype(np.float32)

    @cached_property
    def sd(self) -> Singles:
        """The spreads in that unit."""
        return np.asarray(self.sd_f / self.unit_f, dtype=np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Columns:
    """What is asked of an evaluation, n in all: whether it passes one of its records under one value of its day bias.

    place: [n] which evaluation. record_f, bias_f: [n] the record, and how far the bias is off its mean. p: [n] how much
    the column counts. until_5m, until_60m: [n] how many steps each hazard sees.
    """

    place: Ints
    record_f: Floats
    bias_f: Floats
    p: Floats
    until_5m: Ints
    until_60m: Ints


@dataclass(frozen=True, kw_only=True, eq=False)
class Climb:
    """Columns to carry, in units of the least innovation ahead: sigma, sd and barrier over the drift, [steps, n]."""

    sigma: Singles
    sd: Singles
    barrier: Singles
    asked: frozenset[int]


def soon(question: Question, in_threads: Map = map) -> tuple[Floats, Floats]:
    """Return the chances of a new maximum up to one step and up to twelve steps after each evaluation.

    They are NaN where there is no maximum yet, and 0 where the day is over. `in_threads` maps over independent parts.
    """
    chances = np.zeros((2, len(question)))
    no_record = np.isnan(question.record_f).any(axis=1)
    chances[:, no_record] = np.nan

    def answer(part: tuple[Ints, int]) -> None:
        members, steps = part
        columns = _columns(question, members)
        for row, chance in enumerate(_new_maximum(question.noise.rho, _ahead(question, members, steps), columns)):
            chances[row, members] = np.bincount(columns.place, weights=columns.p * chance, minlength=len(members))

    for _ in in_threads(answer, _in_parts(question, np.flatnonzero((question.step < STEPS) & ~no_record))):
        pass
    return chances[0], chances[1]


def _in_parts(question: Question, members: Ints) -> Iterator[tuple[Ints, int]]:
    """Yield evaluations in the order of their steps, and how many steps they see; a late report has more to go."""
    steps = (question.now_step - question.step)[members] + SOON_STEPS
    for fewer, most in pairwise(_HORIZONS):
        some = members[(steps > fewer) & (steps <= most)]
        some = some[np.argsort(question.step[some], kind="stable")]
        count = _ASKED_AT_ONCE // question.record_f.shape[1]
        for first in range(0, len(some), count):
            yield some[first : first + count], most


def _columns(question: Question, members: Ints) -> Columns:
    """Return what is asked of some evaluations: as few values of the bias as a record needs."""
    p = question.record_p[members]
    values, value_p = few_values(question.tail_dof, _share_of_bias(question, members)[:, None], p)
    weight = p[:, :, None] * value_p
    place, record, value = np.nonzero(weight)
    ours = members[place]
    gone = (question.now_step - question.step)[ours]
    return Columns(
        place=place, record_f=question.record_f[ours, record],
        bias_f=values[place, record, value] * question.bias_sd_f[ours], p=weight[place, record, value],
        until_5m=gone + 1, until_60m=gone + SOON_STEPS,
    )  # fmt: skip


def _share_of_bias(question: Question, members: Ints) -> Floats:
    """Return [n] how much the day bias counts beside the shocks of the hour; known air hides most of it at first."""
    rho, sigma_f = question.noise.rho, question.noise.sigma_f
    gone = (question.now_step - question.step)[members]
    hidden = rho ** np.arange(SOON_STEPS, STEPS + SOON_STEPS + 1)
    shown = np.where(np.isnan(question.residual_f[members]), 1.0, 1 - hidden[gone])
    shocks_f = float(np.median(sigma_f)) * float(np.sqrt((rho ** (2 * np.arange(SOON_STEPS))).sum()))
    return np.asarray(shown * question.bias_sd_f[members] / shocks_f, dtype=np.float64)


def _ahead(question: Question, members: Ints, steps: int) -> Ahead:
    """Return the steps ahead of some evaluations."""
    rho, residual_f, bias_f = question.noise.rho, question.residual_f[members], question.bias_f[members]
    number = np.arange(1, steps + 1)[:, None]
    shown: Floats = 1.0 - rho ** number.astype(np.float64) * ~np.isnan(residual_f)
    drift_f = rho**number * np.nan_to_num(residual_f) + shown * bias_f + _curves_ahead(question, members, steps)
    gone = (question.now_step - question.step)[members]
    drift_f[number > gone + SOON_STEPS] = _NO_AIR_F
    sigma_f = _sigmas_ahead_f(question, members, steps)
    variance, before = np.empty_like(sigma_f), question.residual_sd_f[members] ** 2
    for place, innovation_f in enumerate(sigma_f):
        before = np.add(rho**2 * before, innovation_f**2, out=variance[place])
    return Ahead(sigma_f=sigma_f, sd_f=np.sqrt(variance), drift_f=drift_f, bias_shown=shown)


def _curves_ahead(question: Question, members: Ints, steps: int) -> Floats:
    """Return [steps, n] the curve in the steps ahead of each evaluation."""
    number = np.arange(1, steps + 1)[:, None] + question.step[members]
    curve_f = question.curves_f[question.curve[members], np.minimum(number, STEPS)]
    return np.where(number <= STEPS, curve_f, _NO_AIR_F)


def _sigmas_ahead_f(question: Question, members: Ints, steps: int) -> Floats:
    """Return [steps, n] the innovations ahead of each evaluation; after the closing midnight the last one goes on."""
    start, place = np.unique(question.step[members], return_inverse=True)
    ahead = np.array([question.noise.sigma_ahead_f(step) for step in start.tolist()])
    until = np.minimum(start[:, None] + np.arange(steps), STEPS - 1)
    return np.take_along_axis(ahead, until, axis=1).T[:, place]


def _new_maximum(rho: float, ahead: Ahead, columns: Columns) -> tuple[Floats, Floats]:
    """Return the chances that a step is above its record, up to either hazard's horizon."""
    place = columns.place
    barrier_f = _barriers_f(ahead, columns)
    height = barrier_f * (1 / ahead.sd_f).astype(np.float32)[:, place]
    quiet = -ndtri(np.minimum(_NEGLIGIBLE / (columns.p * columns.until_60m), 0.5)).astype(np.float32)
    matters = height < quiet
    number = np.arange(1, int(columns.until_5m.max(initial=1)) + 1)[:, None]
    sure = ((height[: len(number)] < -quiet) & (number <= columns.until_5m)).any(axis=0)
    results = np.where(sure, 1.0, 0.0) * np.ones((2, 1))
    one_step = columns.until_5m == 1
    results[0, one_step] = ndtr(-height[0, one_step])
    carried = np.flatnonzero(matters.any(axis=0) & ~sure)
    # Where no step matters by itself, the likeliest stands for all.
    idle = np.setdiff1d(np.flatnonzero(~sure), carried, assume_unique=True)
    results[1, idle] = ndtr(-height[:, idle].min(axis=0))
    first = matters[:, carried].argmax(axis=0)
    order = np.argsort(first, kind="stable")
    carried, first = carried[order], first[order]
    for begin in range(0, len(carried), _CARRIED_AT_ONCE):
        chosen = carried[begin : begin + _CARRIED_AT_ONCE]
        until = np.stack([columns.until_5m[chosen], columns.until_60m[chosen]])
        climb = _climb(ahead, place[chosen], barrier_f[:, chosen], frozenset(np.unique(until).tolist()))
        alive = _alive(rho, climb, first=int(first[begin]))
        passed = 1 - alive[until - 1, np.arange(len(chosen))]
        exact = ~one_step[chosen]
        results[0, chosen[exact]] = passed[0, exact]
        results[1, chosen] = passed[1]
    return np.clip(results[0], 0, 1), np.clip(results[1], 0, 1)


def _barriers_f(ahead: Ahead, columns: Columns) -> Singles:
    """Return [steps, n] how far above the drift a step must reach to be a new maximum."""
    place = columns.place
    least_f = np.full(ahead.drift_f.shape[1], np.inf)
    np.minimum.at(least_f, place, columns.record_f)
    barrier_f: Singles = (least_f - ahead.drift_f).astype(np.float32)[:, place]
    barrier_f += (columns.record_f - least_f[place]).astype(np.float32)
    if columns.bias_f.any():
        barrier_f -= ahead.bias_shown.astype(np.float32)[:, place] * columns.bias_f.astype(np.float32)
    return barrier_f


def _climb(ahead: Ahead, place: Ints, barrier_f: Singles, asked: frozenset[int]) -> Climb:
    unit_f = ahead.unit_f.astype(np.float32)[place]
    return Climb(sigma=ahead.sigma[:, place], sd=ahead.sd[:, place], barrier=barrier_f / unit_f, asked=asked)


def _alive(rho: float, climb: Climb, *, first: int) -> Singles:
    """Return [steps, n] the chance that no step so far was above its barrier, of which none before `first` is likely.

    Only what is asked for is told.
    """
    alive = np.ones(climb.sigma.shape, dtype=np.float32)
    lattices = [_nodes(float(widest)) for widest in climb.sd.max(axis=1)]
    mass = _bell(climb.sd[first], lattices[first])
    runs = _runs(climb.sigma)
    for place in range(first, max(climb.asked)):
        nodes = lattices[place]
        if place > first:
            mass, before = np.empty((len(mass), nodes.width), dtype=np.float32), mass
            for run, sigma in runs[place]:
                np.matmul(before[run], passage(lattices[place - 1], nodes, rho, sigma), out=mass[run])
        mass *= kept((climb.barrier[place] - nodes.top_f) / nodes.step_f, nodes.width)
        if place + 1 in climb.asked:
            alive[place] = mass @ np.ones(nodes.width, dtype=np.float32)
    return alive


def _nodes(sd: float) -> Nodes:
    """Return a lattice for a spread in units of the least innovation."""
    half = np.ceil(_SD_KEPT * sd / _STEP_SIGMAS / _HALF_MULTIPLE)
    return Nodes(step_f=_STEP_SIGMAS, half=int(half) * _HALF_MULTIPLE)


def _bell(sd: Singles, nodes: Nodes) -> Singles:
    """Return [n, nodes] how likely each node is where nothing has been in the way."""
    scaled = nodes.at_f.astype(np.float32) / sd[:, None]
    mass: Singles = np.exp(-0.5 * np.minimum(scaled * scaled, 160))
    mass /= mass.sum(axis=1, keepdims=True)
    return mass


def _runs(sigma: Singles) -> list[list[tuple[slice, float]]]:
    """Return for each step the stretches of columns with equal innovations, and these."""
    runs = []
    for row, changes in zip(sigma, np.diff(sigma, axis=1) != 0, strict=True):
        edges = [0, *(np.flatnonzero(changes) + 1).tolist(), len(row)]
        runs.append([(slice(first, end), float(row[first])) for first, end in pairwise(edges)])
    return runs
