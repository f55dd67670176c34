"""From an engine's answer to the distribution of the official high, in whole degrees, and to the brackets.

P(high ≤ b) = P(official maximum so far ≤ b) · P(no later step rounds to more): nothing below the running maximum, and
after the last step the running maximum with its own uncertainty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kwx.hazard.asked import Asked, Day, ask
from kwx.hazard.law import Baseline, Law
from kwx.hazard.question import Answer, Engine, Floats

_LOWEST_F, _HIGHEST_F = -200, 300


@dataclass(frozen=True, kw_only=True, eq=False)
class Distribution:
    """What one day's evaluations say: `p[s, j]` is the chance that the high is first_f + j; rows sum to one.

    The hazards are NaN where the day has no maximum yet.
    """

    first_f: int
    p: Floats
    hazard_5m: Floats
    hazard_60m: Floats

    @property
    def expected_f(self) -> Floats:
        """[S] the mean of the high."""
        mean_f: Floats = self.p @ (self.first_f + np.arange(self.p.shape[1]))
        return mean_f

    def bracket(self, low_f: int | None, high_f: int | None) -> Floats:
        """Return [S] the chance of low_f … high_f, both included; None is an open end."""
        low = 0 if low_f is None else int(np.clip(low_f - self.first_f, 0, self.p.shape[1]))
        high = self.p.shape[1] if high_f is None else int(np.clip(high_f + 1 - self.first_f, 0, self.p.shape[1]))
        chance: Floats = np.clip(self.p[:, low : max(low, high)].sum(axis=1), 0.0, 1.0)
        return chance


def distributions(days: Sequence[Day], laws: Mapping[Baseline, Law], engine: Engine) -> list[Distribution]:
    """Return the distributions of some days of one city, each evaluation under the law of its baseline."""
    asked = [one for one in (ask(days, law) for law in laws.values()) if one is not None]
    answers = [engine.answer(one.question) for one in asked]
    said = [_Said(one, answer, masses(one, answer)) for one, answer in zip(asked, answers, strict=True)]
    return [_of_day(place, len(evidence), said) for place, (evidence, _) in enumerate(days)]


class _Said(NamedTuple):
    """A question, its answer, and the chances [n, degrees] that follow from it."""

    asked: Asked
    answer: Answer
    p: Floats


def _of_day(day: int, evaluations: int, said: Sequence[_Said]) -> Distribution:
    """Put one day's evaluations, from all questions that they were part of, into one table of degrees."""
    ours = [(*one, np.flatnonzero(one.asked.day == day)) for one in said]
    used = [part for part in ours if len(part[-1])]
    first_f = min(int(one.first_degree_f[rows].min()) for one, *_, rows in used)
    last_f = max(int(one.first_degree_f[rows].max()) + one.question.thresholds for one, *_, rows in used)
    p = np.zeros((evaluations, last_f - first_f))
    hazards = np.full((2, evaluations), np.nan)
    for one, answer, chances, rows in used:
        columns = (one.first_degree_f[rows] - first_f)[:, None] + np.arange(one.question.thresholds)
        p[one.evaluation[rows, None], columns] = chances[rows]
        # A chance that is added up of many can come out above one by the last bit.
        hazards[0, one.evaluation[rows]] = np.clip(answer.record_5m[rows], 0.0, 1.0)
        hazards[1, one.evaluation[rows]] = np.clip(answer.record_60m[rows], 0.0, 1.0)
    there = np.flatnonzero(p.any(axis=0))
    return Distribution(
        first_f=first_f + int(there[0]), p=p[:, there[0] : there[-1] + 1], hazard_5m=hazards[0], hazard_60m=hazards[1]
    )


def masses(asked: Asked, answer: Answer) -> Floats:
    """Return [n, degrees] the chance of each whole degree; what lies beyond the last listed one is counted there."""
    degree_f = asked.first_degree_f[:, None] + np.arange(asked.question.thresholds)
    below = answer.below * settled_up_to(asked, slice(None), degree_f)
    below[:, -1] = 1.0
    p: Floats = np.diff(below, axis=1, prepend=0.0)
    np.maximum(p, 0.0, out=p)
    p /= p.sum(axis=1, keepdims=True)
    return p


def settled_up_to(asked: Asked, rows: slice | np.ndarray, degree_f: np.ndarray) -> Floats:
    """Return [n, degrees] P(official maximum so far ≤ each degree); one where there is no maximum yet."""
    chances = asked.record_p[rows]
    so_far = np.concatenate([np.zeros((len(chances), 1)), np.cumsum(np.nan_to_num(chances), axis=1)], axis=1)
    counted = np.clip(degree_f - asked.record_first_f[rows][:, None] + 1, 0, chances.shape[1])
    settled: Floats = np.take_along_axis(so_far, counted.astype(np.int64), axis=1)
    settled = np.where(counted >= chances.shape[1], 1.0, settled)
    return np.where(np.isnan(chances[:, :1]), 1.0, settled)
