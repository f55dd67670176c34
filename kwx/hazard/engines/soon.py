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
from scipy.special import ndtr

from kwx.hazard.engines.barrier import Nodes, Singles, kept, step_forward, transition
from kwx.hazard.engines.bias import few_values
from kwx.hazard.question import SOON_STEPS, STEPS, Floats, Ints, Question

Map = Callable[..., Iterable[None]]

_NEGLIGIBLE = 1e-5
_STEP_SIGMAS = 0.7
_SD_KEPT = 4.3
_HALF_MULTIPLE = 4
_NO_AIR_F = -1e6  # after the closing midnight
_ASKED_AT_ONCE = 2_000
_CARRIED_AT_ONCE = 2_000  # their masses stay in the cache
_HORIZONS = (0, SOON_STEPS, SOON_STEPS + 3, 2 * SOON_STEPS, 6 * SOON_STEPS, STEPS + SOON_STEPS)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ahead:
    """The next steps of n columns: an evaluation, one of its records and one value of its day bias each.

    sigma_f, barrier_f: [steps, n] the innovations, and how far above the drift a step must reach to be a new maximum;
    inf after the closing midnight. start_sd_f: [n] the uncertainty of the state. until_5m, until_60m: [n] how many
    steps each hazard sees. p: [n] how much the column counts in its evaluation.
    """

    rho: float
    sigma_f: Floats
    barrier_f: Floats
    start_sd_f: Floats
    until_5m: Ints
    until_60m: Ints
    p: Floats

    @cached_property
    def sd_f(self) -> Floats:
        """[steps, n] the spread of each step around the drift."""
        variance = np.empty_like(self.sigma_f)
        before = self.start_sd_f**2
        for place, sigma_f in enumerate(self.sigma_f):
            before = np.add(self.rho**2 * before, sigma_f**2, out=variance[place])
        return np.sqrt(variance)

    @property
    def number(self) -> Ints:
        """[steps, 1] the numbers of the steps."""
        return np.arange(1, len(self.sigma_f) + 1)[:, None]

    def part(self, columns: Ints) -> Ahead:
        """Return some of the columns."""
        return Ahead(
            rho=self.rho, sigma_f=self.sigma_f[:, columns], barrier_f=self.barrier_f[:, columns],
            start_sd_f=self.start_sd_f[columns], until_5m=self.until_5m[columns], until_60m=self.until_60m[columns],
            p=self.p[columns],
        )  # fmt: skip


def soon(question: Question, in_threads: Map = map) -> tuple[Floats, Floats]:
    """Return the chances of a new maximum up to one step and up to twelve steps after each evaluation.

    They are NaN where there is no maximum yet, and 0 where the day is over. `in_threads` maps over independent parts.
    """
    chances = np.zeros((2, len(question)))
    no_record = np.isnan(question.record_f).any(axis=1)
    chances[:, no_record] = np.nan

    def answer(part: tuple[Ints, int]) -> None:
        members, steps = part
        place, ahead = _ahead(question, members, steps)
        for row, chance in enumerate(_new_maximum(ahead)):
            chances[row, members] = np.bincount(place, weights=ahead.p * chance, minlength=len(members))

    for _ in in_threads(answer, _in_parts(question, np.flatnonzero((question.step < STEPS) & ~no_record))):
        pass
    return chances[0], chances[1]


def _in_parts(question: Question, members: Ints) -> Iterator[tuple[Ints, int]]:
    """Yield evaluations in the order of their steps, and how many steps they see; a late report has more to go."""
    steps = (question.now_step - question.step)[members] + SOON_STEPS
    for fewer, most in pairwise(_HORIZONS):
        some = members[(steps > fewer) & (steps <= most)]
        some = some[np.argsort(question.step[some], kind="stable")]
        for first in range(0, len(some), _ASKED_AT_ONCE):
            yield some[first : first + _ASKED_AT_ONCE], most


def _ahead(question: Question, members: Ints, steps: int) -> tuple[Ints, Ahead]:
    """Return the steps ahead of evaluations under each of their records and values of the bias, and whose is whose."""
    p = question.record_p[members]
    values, value_p = few_values(question.tail_dof, _share_of_bias(question, members)[:, None], p)
    weight = p[:, :, None] * value_p
    place, record, value = np.nonzero(weight)
    ours = members[place]
    bias_f = question.bias_f[ours] + values[place, record, value] * question.bias_sd_f[ours]
    residual_f = np.nan_to_num(question.residual_f[ours] - bias_f)
    number = np.arange(1, steps + 1)[:, None]
    barrier_f = question.record_f[ours, record] - bias_f - residual_f * question.noise.rho**number
    barrier_f -= _curves_ahead(question, members, steps)[:, place]
    gone = (question.now_step - question.step)[ours]
    return place, Ahead(
        rho=question.noise.rho, sigma_f=_sigmas_ahead_f(question, members, steps)[:, place], barrier_f=barrier_f,
        start_sd_f=question.residual_sd_f[ours], until_5m=gone + 1, until_60m=gone + SOON_STEPS,
        p=weight[place, record, value],
    )  # fmt: skip


def _share_of_bias(question: Question, members: Ints) -> Floats:
    """Return [n] how much the day bias counts beside the shocks of the hour; known air hides most of it at first."""
    rho, sigma_f = question.noise.rho, question.noise.sigma_f
    gone = (question.now_step - question.step)[members]
    shown = np.where(np.isnan(question.residual_f[members]), 1.0, 1 - rho ** (gone + SOON_STEPS))
    shocks_f = float(np.median(sigma_f)) * float(np.sqrt((rho ** (2 * np.arange(SOON_STEPS))).sum()))
    return np.asarray(shown * question.bias_sd_f[members] / shocks_f, dtype=np.float64)


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


def _new_maximum(ahead: Ahead) -> tuple[Floats, Floats]:
    """Return the chances that a step is above its barrier, up to either hazard's horizon."""
    height = ahead.barrier_f / ahead.sd_f
    hopeless = ahead.p * ahead.until_60m * _passed(height, ahead.number <= ahead.until_60m) < _NEGLIGIBLE
    sure = ahead.p * (1 - _passed(height, ahead.number <= ahead.until_5m)) < _NEGLIGIBLE
    results = np.where(sure, 1.0, 0.0) * np.ones((2, 1))
    one_step = ahead.until_5m == 1
    results[0, one_step] = ndtr(-height[0, one_step])
    carried = np.flatnonzero(~hopeless & ~sure)
    for first in range(0, len(carried), _CARRIED_AT_ONCE):
        columns = carried[first : first + _CARRIED_AT_ONCE]
        part = ahead.part(columns)
        alive = _alive(part)
        exact = np.flatnonzero(~one_step[columns])
        results[0, columns[exact]] = 1 - alive[part.until_5m[exact] - 1, exact]
        results[1, columns] = 1 - alive[part.until_60m - 1, np.arange(len(columns))]
    return np.clip(results[0], 0, 1), np.clip(results[1], 0, 1)


def _passed(height: Floats, seen: np.ndarray) -> Floats:
    """Return [n] the chance of being above the barrier in the step, of those seen, where it is likeliest."""
    chance: Floats = ndtr(-np.where(seen, height, np.inf).min(axis=0))
    return chance


def _alive(ahead: Ahead) -> Floats:
    """Return [steps, n] the chance that no step so far was above its barrier; NaN at steps that nobody asks for."""
    unit_f = ahead.sigma_f.min(axis=0)
    nodes = _nodes(ahead, unit_f)
    mass = _after_one_step(ahead.sd_f[0] / unit_f, nodes)
    spare = np.empty_like(mass)
    runs = _runs(np.round(ahead.sigma_f / unit_f, 9))
    distance = (ahead.barrier_f / unit_f - nodes.top_f) / nodes.step_f
    asked = set(np.concatenate([ahead.until_5m, ahead.until_60m]).tolist())
    alive = np.full(ahead.sigma_f.shape, np.nan)
    for place in range(max(asked)):
        if place > 0:
            for run, sigma in runs[place]:
                step_forward(mass[run], transition(nodes, ahead.rho, sigma, forward=True), spare[run])
            mass, spare = spare, mass
        mass *= kept(distance[place], nodes.width)
        if place + 1 in asked:
            alive[place] = mass.sum(axis=1)
    return alive


def _nodes(ahead: Ahead, unit_f: Floats) -> Nodes:
    """Return a lattice in units of the least innovation."""
    half = np.ceil(_SD_KEPT * float((ahead.sd_f / unit_f).max()) / _STEP_SIGMAS / _HALF_MULTIPLE)
    return Nodes(step_f=_STEP_SIGMAS, half=int(half) * _HALF_MULTIPLE)


def _after_one_step(sd: Floats, nodes: Nodes) -> Singles:
    """Return [n, nodes] how likely each node is, one step ahead."""
    scaled = nodes.at_f.astype(np.float32) / sd.astype(np.float32)[:, None]
    mass: Singles = np.exp(-0.5 * np.minimum(scaled * scaled, 160))
    mass /= mass.sum(axis=1, keepdims=True)
    return mass


def _runs(sigma: Floats) -> list[list[tuple[slice, float]]]:
    """Return for each step the stretches of columns with equal innovations, and these."""
    runs = []
    for row, changes in zip(sigma, np.diff(sigma, axis=1) != 0, strict=True):
        edges = [0, *(np.flatnonzero(changes) + 1).tolist(), len(row)]
        runs.append([(slice(first, end), float(row[first])) for first, end in pairwise(edges)])
    return runs
