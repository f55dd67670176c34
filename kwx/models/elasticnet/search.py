"""The search for C, l1_ratio and class weight: seeded, judged by whole dates, the same after a kill as without one.

Each trial is a function of the rows and of the trials that ended before it: its sampler is seeded by how many these
are, and its fits start from each other and from nothing else. So a search that goes on from its file ends as one that
was never stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from kwx.models.elasticnet.recipe import ElasticnetRecipe, SearchRange
from kwx.models.elasticnet.solver import SEARCH_TOLERANCE, Floats, Penalty, Problem, Solution, problem_of, solve
from kwx.models.scaling import Scaling
from kwx.scoring.contracts import log_loss

if TYPE_CHECKING:
    import optuna

START_UP_TRIALS, WARM_UP_STEPS = 5, 2
Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """The rows outside a fold, by class weight, and those in it [d + 1, rows], scaled by what lies outside."""

    problems: dict[str | None, Problem]
    columns: Floats
    came: Bools

    def loss(self, coefficients: Floats) -> float:
        """Return the mean log loss of the rows in the fold."""
        return float(log_loss(expit(coefficients @ self.columns), hit=self.came).mean())


@dataclass(frozen=True, kw_only=True)
class Found:
    """The best trial: what it was, its mean log loss over the folds, how many trials there were and were cut short."""

    penalty: Penalty
    class_weight: str | None
    log_loss: float
    trials: int
    pruned: int


def folds_from(features: Floats, came: Bools, fold: NDArray[np.int64], ranges: SearchRange) -> list[Fold]:
    """Return the folds of rows [rows, d]; what is scaled once serves every trial."""
    return [_fold(features, came, fold == number, ranges) for number in range(int(fold.max()) + 1)]


def _fold(features: Floats, came: Bools, inside: Bools, ranges: SearchRange) -> Fold:
    scaling = Scaling.of(features[~inside])
    first = problem_of(scaling.columns(features[~inside]).T, came[~inside], ranges.class_weights[0])
    problems = {ranges.class_weights[0]: first}
    for class_weight in ranges.class_weights[1:]:
        problems[class_weight] = first.weighted(class_weight)
    columns = np.vstack([scaling.columns(features[inside]), np.ones(int(inside.sum()))])
    return Fold(problems=problems, columns=columns, came=came[inside])


def search(folds: list[Fold], recipe: ElasticnetRecipe, *, name: str) -> Found:
    """Return the best of as many trials as asked, those of an earlier run of the same search among them."""
    import optuna

    with _quiet():
        study = _study(recipe, name=f"{name}_{_fingerprint(folds, recipe)}")
        while (done := len(_ended(study))) < recipe.trials:
            study.sampler = optuna.samplers.TPESampler(seed=_seed(recipe.seed, done))
            _try(study, study.ask(), folds, recipe)
        return _best(study, recipe)


def _seed(seed: int, done: int) -> int:
    """Return the seed of one trial, which shares nothing with those of its neighbours or of another search."""
    return int(np.random.SeedSequence((seed, done)).generate_state(1)[0])


def _try(study: optuna.Study, trial: optuna.Trial, folds: list[Fold], recipe: ElasticnetRecipe) -> None:
    """Fit and judge fold after fold; stop where the losses so far are worse than most trials' were."""
    import optuna

    penalty, class_weight = drawn(trial, recipe)
    losses: list[float] = []
    start: Solution | None = None
    for step, fold in enumerate(folds):
        problem = fold.problems[class_weight]
        start = solve(problem, penalty, start=start, tolerance=SEARCH_TOLERANCE, keep_curvature=True)
        losses.append(fold.loss(start.coefficients))
        trial.report(float(np.mean(losses)), step)
        if step + 1 < len(folds) and trial.should_prune():
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            return
    study.tell(trial, float(np.mean(losses)))


def drawn(trial: optuna.Trial | optuna.trial.FixedTrial, recipe: ElasticnetRecipe) -> tuple[Penalty, str | None]:
    """Return what a trial, or its fixed best numbers, stands for; l1 and l2 leave no l1_ratio to draw."""
    ranges = recipe.search
    c = trial.suggest_float("c", ranges.c_min, ranges.c_max, log=True)
    drawn_weight = trial.suggest_categorical("class_weight", list(ranges.class_weights))
    class_weight = None if drawn_weight is None else str(drawn_weight)
    penalty = recipe.penalties[0]
    if len(recipe.penalties) > 1:
        penalty = str(trial.suggest_categorical("penalty", list(recipe.penalties)))
    if penalty == "elasticnet":
        l1_ratio = trial.suggest_float("l1_ratio", ranges.l1_ratio_min, ranges.l1_ratio_max)
    else:
        l1_ratio = 1.0 if penalty == "l1" else 0.0
    return Penalty(c=c, l1_ratio=l1_ratio), class_weight


def _ended(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return the trials that came to an end, in full or cut short."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _best(study: optuna.Study, recipe: ElasticnetRecipe) -> Found:
    """Return the trial of the least loss, the first one of several; a file may hold more trials than are asked."""
    import optuna

    ended = sorted(_ended(study), key=lambda one: one.number)[: recipe.trials]
    whole = [one for one in ended if one.state is optuna.trial.TrialState.COMPLETE and one.value is not None]
    best = min(whole, key=lambda one: (one.value, one.number))
    penalty, class_weight = drawn(optuna.trial.FixedTrial(best.params), recipe)
    return Found(
        penalty=penalty, class_weight=class_weight, log_loss=float(best.value or 0.0), trials=len(ended),
        pruned=len(ended) - len(whole),
    )  # fmt: skip


def _study(recipe: ElasticnetRecipe, *, name: str) -> optuna.Study:
    """Return a study in memory, or the one that its file holds; a trial that a kill cut off counts as none."""
    import optuna
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import TrialState

    pruner = optuna.pruners.MedianPruner(n_startup_trials=START_UP_TRIALS, n_warmup_steps=WARM_UP_STEPS)
    if recipe.storage is None:
        return optuna.create_study(pruner=pruner)
    path = journal_of(recipe.storage, name)
    backend = JournalFileBackend(str(path))
    study = optuna.create_study(
        storage=optuna.storages.JournalStorage(backend), study_name=name, pruner=pruner, load_if_exists=True
    )
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    return study


def journal_of(storage: str, name: str) -> Path:
    """Return the file that keeps a search, without the half line that a kill may have left at its end."""
    path = Path(storage) / f"{name}.journal"
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        held = path.read_bytes()
        whole = held[: held.rfind(b"\n") + 1]
        if whole != held:
            path.write_bytes(whole)
    return path


def _fingerprint(folds: list[Fold], recipe: ElasticnetRecipe) -> str:
    """Return a hash of the rows and of all that is asked but the number of trials: only the same search goes on."""
    asked = {name: value for name, value in recipe.asked().items() if name not in ("trials", "calibration")}
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode())
    for fold in folds:
        digest.update(np.ascontiguousarray(fold.columns).tobytes())
        digest.update(fold.came.tobytes())
    return digest.hexdigest()[:16]


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what Optuna says of every trial."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
