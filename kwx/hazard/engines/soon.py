"""The chance of a new maximum within minutes: the few steps ahead, carried forward under one barrier.

The residual is taken from where it would drift without shocks, so that its law is the same whatever the curve and the
state; they move the barrier. What is sure or hopeless already is not carried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import ndtr

from kwx.hazard.engines.barrier import Nodes, kept, step_forward, transition
from kwx.hazard.engines.bias import few_values
from kwx.hazard.question import SOON_STEPS, STEPS, Floats, Ints, Question

Map = Callable[..., Iterable[None]]

_NEGLIGIBLE = 1e-5
_LIKELY = 0.01
_STEP_SIGMAS = 0.7
_SD_KEPT = 5.0
_NO_AIR_F = -1e6  # after the closing midnight
_AT_ONCE = 16_000
_HORIZONS = (0, SOON_STEPS, SOON_STEPS + 3, 2 * SOON_STEPS, 6 * SOON_STEPS, STEPS + SOON_STEPS)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ahead:
    """The next steps of some evaluations that share their innovations, sigma_f[k] in the k-th step ahead.

    barrier_f: [n, steps] how far above the drift a step must reach to be a new maximum; inf after the closing midnight.
    start_sd_f: [n] the uncertainty of the state. until_5m, until_60m: [n] how many steps each hazard sees.
    """

    rho: float
    sigma_f: Floats
    barrier_f: Floats
    start_sd_f: Floats
    until_5m: Ints
    until_60m: Ints

    @property
    def sd_f(self) -> Floats:
        """[n, steps] the spread of each step around the drift."""
        variance = self.start_sd_f**2
        spreads = []
        for sigma_f in self.sigma_f:
            variance = self.rho**2 * variance + sigma_f**2
            spreads.append(np.sqrt(variance))
        return np.stack(spreads, axis=1)


def soon(question: Question, in_threads: Map = map) -> tuple[Floats, Floats]:
    """Return the chances of a new maximum up to one step and up to twelve steps after each evaluation.

    They are NaN where there is no maximum yet, and 0 where the day is over. `in_threads` maps over independent parts.
    """
    chances = np.zeros((2, len(question)))
    chances[:, np.isnan(question.record_f).any(axis=1)] = np.nan
    open_ = (question.step < STEPS) & ~np.isnan(question.record_f).any(axis=1)
    records = _few_records(question)
    parts = []
    for unknown in (False, True):
        members = np.flatnonzero(open_ & (np.isnan(question.residual_f) == unknown))
        if not len(members):
            continue
        values = few_values(question, share=_share_of_bias(question, members, hidden=not unknown))
        parts += [(some, sigma_f, values) for some, sigma_f in _alike(question, members)]

    def answer(part: tuple[Ints, Floats, tuple[Floats, Floats]]) -> None:
        members, sigma_f, (bias, bias_p) = part
        weight = records.p[members, :, None] * bias_p
        place, record, value = np.nonzero(weight > 0)
        ahead = _ahead(question, members[place], records.barrier_f[members[place], record], sigma_f, bias[value])
        p = weight[place, record, value]
        for row, chance in enumerate(_new_maximum(ahead)):
            chances[row, members] = np.bincount(place, weights=p * chance, minlength=len(members))

    for _ in in_threads(answer, parts):
        pass
    return chances[0], chances[1]


@dataclass(frozen=True, kw_only=True, eq=False)
class Records:
    """[n, records] above which temperature a new maximum begins, and how likely each is."""

    barrier_f: Floats
    p: Floats


def _few_records(question: Question) -> Records:
    """Return the records with those that hardly count put together, at their mean."""
    p = question.record_p
    small = np.where(p < _LIKELY, p, 0.0)
    together = small.sum(axis=1)
    mean_f = (small * np.nan_to_num(question.record_f)).sum(axis=1) / np.where(together > 0, together, 1.0)
    return Records(barrier_f=np.column_stack([question.record_f, mean_f]), p=np.column_stack([p - small, together]))


def _share_of_bias(question: Question, members: Ints, *, hidden: bool) -> float:
    """Return how much the day bias counts beside the shocks of the hour; known air hides most of it at first."""
    rho, sigma_f = question.noise.rho, question.noise.sigma_f
    shown = 1 - rho**SOON_STEPS if hidden else 1.0
    shown_f = float(question.bias_sd_f[members].max(initial=0.0)) * shown
    return shown_f / (float(np.median(sigma_f)) * float(np.sqrt((rho ** (2 * np.arange(SOON_STEPS))).sum())))


def _alike(question: Question, members: Ints) -> Iterator[tuple[Ints, Floats]]:
    """Yield evaluations whose next steps have the same innovations, and these; a late report has more steps to go."""
    steps = (question.now_step - question.step)[members] + SOON_STEPS
    for fewer, most in pairwise(_HORIZONS):
        some = members[(steps > fewer) & (steps <= most)]
        start, place = np.unique(question.step[some], return_inverse=True)
        schedules = np.array([_schedule(question, step, most) for step in start.tolist()]).reshape(len(start), most)
        alike, group = np.unique(schedules, axis=0, return_inverse=True)
        for number, sigma_f in enumerate(alike):
            yield some[group[place] == number], sigma_f


def _schedule(question: Question, step: int, steps: int) -> Floats:
    """Return the innovations of the steps ahead; after the closing midnight the last one goes on."""
    ahead = question.noise.sigma_ahead_f(step)[step : step + steps]
    return np.concatenate([ahead, np.full(steps - len(ahead), ahead[-1])])


def _ahead(question: Question, members: Ints, record_f: Floats, sigma_f: Floats, bias_sds: Floats) -> Ahead:
    """Return the next steps of evaluations under one of their records and values of the day bias each."""
    number = np.arange(1, len(sigma_f) + 1)
    step = question.step[members]
    curve = np.concatenate([question.curves_f, np.full((len(question.curves_f), len(sigma_f)), _NO_AIR_F)], axis=1)
    air_f = curve[question.curve[members, None], step[:, None] + number]
    bias_f = question.bias_f[members] + bias_sds * question.bias_sd_f[members]
    residual_f = question.residual_f[members] - bias_f
    drift_f = np.where(np.isnan(residual_f), 0.0, residual_f)[:, None] * question.noise.rho**number
    barrier_f = record_f[:, None] - (air_f + bias_f[:, None] + drift_f)
    gone = question.now_step[members] - step
    return Ahead(
        rho=question.noise.rho, sigma_f=sigma_f, barrier_f=barrier_f, start_sd_f=question.residual_sd_f[members],
        until_5m=gone + 1, until_60m=gone + SOON_STEPS,
    )  # fmt: skip


def _new_maximum(ahead: Ahead) -> tuple[Floats, Floats]:
    """Return the chances that a step is above its barrier, up to either hazard's horizon."""
    above = ndtr(-ahead.barrier_f / ahead.sd_f)
    number = np.arange(1, above.shape[1] + 1)
    seen_60m = np.where(number <= ahead.until_60m[:, None], above, 0.0)
    hopeless = seen_60m.sum(axis=1) < _NEGLIGIBLE
    seen_5m = np.where(number <= ahead.until_5m[:, None], above, 0.0)
    sure = seen_5m.max(axis=1) > 1 - _NEGLIGIBLE
    results = np.where(sure, 1.0, 0.0) * np.ones((2, 1))
    one_step = ahead.until_5m == 1
    results[0, one_step] = above[one_step, 0]
    carried = np.flatnonzero(~hopeless & ~sure)
    for first in range(0, len(carried), _AT_ONCE):
        part = carried[first : first + _AT_ONCE]
        alive = _alive(ahead, part)
        exact = ~one_step[part]
        results[0, part[exact]] = 1 - alive[np.flatnonzero(exact), ahead.until_5m[part[exact]] - 1]
        results[1, part] = 1 - alive[np.arange(len(part)), ahead.until_60m[part] - 1]
    return np.clip(results[0], 0, 1), np.clip(results[1], 0, 1)


def _alive(ahead: Ahead, part: Ints) -> Floats:
    """Return [n, steps] the chance that no step so far was above its barrier; NaN at steps that nobody asks for."""
    nodes = _nodes(ahead)
    at_f = nodes.at_f
    sd_f = np.hypot(ahead.sigma_f[0], ahead.rho * ahead.start_sd_f[part])
    mass = np.exp(-0.5 * np.minimum((at_f / sd_f[:, None]) ** 2, 160)).astype(np.float32)
    mass /= mass.sum(axis=1, keepdims=True)
    spare = np.empty_like(mass)
    alive = np.full((len(part), len(ahead.sigma_f)), np.nan)
    asked = {int(until) - 1 for untils in (ahead.until_5m, ahead.until_60m) for until in np.unique(untils[part])}
    distance = (ahead.barrier_f[part] - nodes.top_f) / nodes.step_f
    for place in range(len(ahead.sigma_f)):
        if place > 0:
            bands = transition(nodes, ahead.rho, round(float(ahead.sigma_f[place]), 9), forward=True)
            step_forward(mass, bands, spare)
            mass, spare = spare, mass
        mass *= kept(distance[:, place], nodes.width)
        if place in asked:
            alive[:, place] = mass.sum(axis=1)
    return alive


def _nodes(ahead: Ahead) -> Nodes:
    reach_f = _SD_KEPT * float(ahead.sd_f.max())
    step_f = _STEP_SIGMAS * float(ahead.sigma_f.min())
    return Nodes(step_f=step_f, half=int(np.ceil(reach_f / step_f)))
