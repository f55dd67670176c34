"""Chances of ordered classes: of one degree after another, given that the high comes so far, whether it stops there.

One tree model answers for every degree: it sees the snapshot, the degree, and how far below the degree each rule's
answer lies. With q_j the chance to stop at class j, p_j = q_j · Π_{i<j} (1 − q_i) and P(class ≥ j) = Π_{i<j} (1 − q_i):
that falls with j because no factor is above one, and the p_j sum to one because the last class takes what is left. So
no cumulative has to be made monotone afterwards, as it must be with a model for each; the likelihood of the answers is
exactly that of the classes; and days with few highs at one degree learn from all the others, which classes apart do
not. The trees start from the lines of the centre, and add what those miss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from kwx.features.tmax.sets import OVER_BASE
from kwx.models.tmax.centre import STOPS
from kwx.models.tmax.classes import LOWEST

if TYPE_CHECKING:
    from lightgbm import Booster, Dataset

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_HALF_A_ROW = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """N snapshots as the model sees them: numbers, the lowest class that can happen, and whether the base is a report.

    x: [N, F], NaN where nothing is known. first: [N]. is_observed: [N]. start: [N, 12] the log-odds of stopping that
    the trees start from.
    """

    x: Floats
    first: Ints
    is_observed: Bools
    start: Floats
    weight: Floats

    def __len__(self) -> int:
        return len(self.first)

    def where(self, some: Bools) -> Rows:
        """Return some of the rows."""
        return Rows(**{name: values[some] for name, values in vars(self).items()})


@dataclass(frozen=True, kw_only=True, eq=False)
class Prior:
    """stop: [2, 12] the chance to stop at a class once the high comes so far; base a forecast, base a report."""

    stop: Floats

    @classmethod
    def fit(cls, rows: Rows, classes: Ints) -> Prior:
        """Count the classes of snapshots."""
        row, stop, stopped = _asked(rows, classes)
        observed = rows.is_observed[row].astype(np.int64)
        place = observed * STOPS + stop
        asked = np.bincount(place, minlength=2 * STOPS).reshape(2, STOPS)
        yes = np.bincount(place, weights=stopped, minlength=2 * STOPS).reshape(2, STOPS)
        return cls(stop=(yes + _HALF_A_ROW) / (asked + 2 * _HALF_A_ROW))

    def predict(self, rows: Rows) -> Floats:
        """Return [N, 13] what the prior says of classes that can happen."""
        return assembled(self.stop[rows.is_observed.astype(np.int64)], rows.first)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ordinal:
    """The class prior, which is what to beat, and trees in LightGBM's text that move where rows start."""

    prior: Prior
    names: tuple[str, ...]
    text: str

    @cached_property
    def booster(self) -> Booster:
        """The trees, always those that the text says."""
        from lightgbm import Booster

        return Booster(model_str=self.text)

    def predict(self, rows: Rows) -> Floats:
        """Return [N, 13] the chance of each class; nothing for those that cannot happen."""
        every = np.repeat(np.arange(len(rows)), STOPS)
        stop = np.tile(np.arange(STOPS), len(rows))
        # A number of rows on which threads are worth their start, or whose order could matter, does not exist here.
        moved = self.booster.predict(question(rows, every, stop, self.names), raw_score=True, num_threads=1)
        return assembled(expit(rows.start + np.reshape(moved, (-1, STOPS))), rows.first)


def assembled(stop: Floats, first: Ints) -> Floats:
    """Return [N, 13] the chances of classes from the chances to stop [N, 12]; none below the first that can happen."""
    q = np.where(np.arange(STOPS) < first[:, None], 0.0, stop)
    still = np.concatenate([np.ones((len(q), 1)), np.cumprod(1 - q, axis=1)], axis=1)
    p: Floats = still * np.concatenate([q, np.ones((len(q), 1))], axis=1)
    return p


def question(rows: Rows, row: Ints, stop: Ints, names: Sequence[str]) -> NDArray[np.float32]:
    """Return [M, …] rows that are asked: their numbers, the degree over the base, and the rules over the degree."""
    x = rows.x.astype(np.float32)
    over = [place for place, name in enumerate(names) if name.endswith(OVER_BASE)]
    degree = (stop + LOWEST).astype(np.float32)[:, None]
    return np.concatenate([x[row], degree, x[:, over][row] - degree], axis=1)


def question_names(names: Sequence[str]) -> list[str]:
    """Return the names of the columns of a question."""
    over = [name.removesuffix(OVER_BASE) for name in names if name.endswith(OVER_BASE)]
    return [*names, "degree", *(f"{name}_over_degree_f" for name in over)]


def _asked(rows: Rows, classes: Ints) -> tuple[Ints, Ints, Floats]:
    """Return the questions that a class answers: the row, the class that is asked of, and 1 where the high stops."""
    stops = np.arange(STOPS)
    asked = (stops >= rows.first[:, None]) & (stops <= np.maximum(classes, rows.first)[:, None])
    row, stop = np.nonzero(asked)
    return row, stop, (np.maximum(classes, rows.first)[row] == stop).astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class Trees:
    """How trees are grown."""

    rounds: int
    patience: int
    settings: dict[str, Any]

    def grown(self, rows: Rows, classes: Ints, names: Sequence[str], prior: Prior, *, rounds: int) -> Ordinal:
        """Grow exactly so many trees."""
        from lightgbm import train

        booster = train(self.settings, self._dataset(rows, classes, names), num_boost_round=rounds)
        return Ordinal(prior=prior, names=tuple(names), text=booster.model_to_string(num_iteration=rounds))

    def chosen(
        self, rows: Rows, classes: Ints, names: Sequence[str], prior: Prior, *, held: Rows, held_classes: Ints
    ) -> tuple[Ordinal, int]:
        """Grow trees until held-out rows gain no more; return those that are best there, and how many."""
        from lightgbm import early_stopping, train

        data = self._dataset(rows, classes, names)
        valid = self._dataset(held, held_classes, names, reference=data)
        stopping = early_stopping(self.patience, verbose=False)
        booster = train(self.settings, data, self.rounds, valid_sets=[valid], callbacks=[stopping])
        best = booster.best_iteration or booster.current_iteration()
        return Ordinal(prior=prior, names=tuple(names), text=booster.model_to_string(num_iteration=best)), best

    def _dataset(self, rows: Rows, classes: Ints, names: Sequence[str], *, reference: Dataset | None = None) -> Dataset:
        from lightgbm import Dataset

        row, stop, stopped = _asked(rows, classes)
        return Dataset(
            question(rows, row, stop, names),
            stopped,
            weight=rows.weight[row],
            init_score=rows.start[row, stop],
            feature_name=question_names(names),
            reference=reference,
            params=self.settings,
        )
