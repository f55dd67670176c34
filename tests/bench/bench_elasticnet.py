"""One window of the elastic net with 60 trials, against the loop that one writes first: saga per fold and trial.

Run as `python tests/bench/bench_elasticnet.py [--lake FOLDER] [--until DATE]`. Without a lake a demo one of Chicago is
built, without order books. The loop is a pipeline of scikit-learn (scaling, saga to 2,000 iterations, its default
tolerance) fitted for every fold and trial; a few trials of ours, spread over C, are timed on one fold, and the time of
all fold fits that our search made is told from their mean. Times are those of the processor, of one thread, so that
other work on the machine does not count. Both losses on the same folds, and on the days after the
training days, must agree.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import optuna
from measure import Measure, report
from optuna.storages.journal import JournalFileBackend
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from kwx.features.feature import FeatureSet
from kwx.features.sets import set_for
from kwx.models.elasticnet.fit import fit_rows
from kwx.models.elasticnet.recipe import ElasticnetRecipe
from kwx.models.elasticnet.rows import Rows, folds_of, read_rows
from kwx.models.elasticnet.search import Fold, Found, folds_from, search
from kwx.models.elasticnet.solver import Penalty, solve
from pipelines.build import build_demo, demo_world
from warehouse.lake.store import Lake, Snapshot

CITY, BRACKET, UNTIL = "chicago", "between", date(2026, 11, 4)
TRIALS, ROWS, TEST_DAYS, TIMED = 60, 50_000, 7, 4
RATIO, SAME, SAME_FOLD = 10.0, 1e-3, 1e-3
ROWS_OF_A_DATE = 1_920


def run(*, lake: Path | None = None, until: date = UNTIL) -> list[Measure]:
    """Measure the search and the last fit on 50,000 training rows, from the rows to the model."""
    with tempfile.TemporaryDirectory() as folder:
        snapshot = Lake(lake or _built(Path(folder) / "lake", until)).snapshot()
        train, test, features = _rows(snapshot, until)
        recipe = ElasticnetRecipe(trials=TRIALS, storage=None)
        kept = ElasticnetRecipe(trials=TRIALS, storage=str(Path(folder) / "kept"))
        with threadpool_limits(1):
            began = time.process_time()
            fold = folds_of(train, recipe.cv_splits)
            folds = folds_from(train.matrix(), train.came, fold, recipe.search)
            found = search(folds, recipe, name="bench")
            fitted = fit_rows(train, features, found)
            ours_s = time.process_time() - began
            if search(folds, kept, name="bench") != found:
                raise AssertionError("the search that is kept in a file found something else")
            trials = _trials(Path(folder) / "kept")
            baseline_s, apart, loose, stopped = _loop(train, fold, folds, trials)
            ours = log_loss(test.came, fitted.predict(test.built))
            theirs, tight = (_refit(train, test, found, tolerance) for tolerance in (1e-4, 1e-9))
        return [
            Measure(
                name=f"{TRIALS} trials, {len(train.came):,} × {len(features.names)}", ours_s=ours_s,
                baseline_s=baseline_s, ratio=baseline_s / ours_s,
                target=f">= {RATIO:.0f} x, fold losses to {SAME_FOLD:g}",
                note=(
                    f"the loop's time is told from {TIMED} fold fits, {stopped} of them stopped by max_iter; fold"
                    f" losses apart by {apart:.1e}, from exact ones by {loose:.1e};"
                    f" {found.pruned} pruned; C {found.penalty.c:.3g}, l1_ratio {found.penalty.l1_ratio:.2f}"
                ),
                holds=baseline_s / ours_s >= RATIO and apart <= SAME_FOLD,
            ),
            Measure(
                name=f"log loss on {len(test.came):,} test rows", ours_s=ours_s, target=f"equal to {SAME:g}",
                note=f"ours {ours:.6f}, the loop's {theirs:.6f}, saga to 1e-9 {tight:.6f}",
                holds=abs(ours - theirs) <= SAME,
            ),
        ]  # fmt: skip


def _built(root: Path, until: date) -> Path:
    days = -(-ROWS // ROWS_OF_A_DATE) + TEST_DAYS + 2
    build_demo(demo_world(days=days, until=until, cities=(CITY,), seed=7, books=False), root)
    return root


def _rows(snapshot: Snapshot, until: date) -> tuple[Rows, Rows, FeatureSet]:
    """Return training rows, at least as many as asked, and those of the days after them but one, and their features.

    Features that the lake never has (those of our own fits, without weather) are left out on both sides.
    """
    features = set_for("elasticnet_rich", CITY, bracket=BRACKET)
    last = until - timedelta(days=TEST_DAYS + 1)
    since = last - timedelta(days=-(-ROWS // ROWS_OF_A_DATE) - 1)
    train, test = (
        read_rows(snapshot, CITY, BRACKET, features, since=first, until=end, every_minutes=5).settled()
        for first, end in ((since, last), (until - timedelta(days=TEST_DAYS - 1), until))
    )
    absent = [name for name in features.names if train.built[name].is_nan().all()]
    train, test = (Rows(said=some.said, built=some.built.drop(absent)) for some in (train, test))
    return train, test, features.without(absent, name="bench")


def _trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    """Return the trials of the search that was kept, by C."""
    (path,) = folder.iterdir()
    study = optuna.load_study(
        study_name=path.stem, storage=optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    )
    return sorted(study.trials, key=lambda one: one.params["c"])


def pipeline(
    c: float, l1_ratio: float, class_weight: str | None, *, tolerance: float = 1e-4, most: int = 2_000
) -> Pipeline:
    """Return the model as one writes it first; what is missing is the mean, as ours has it."""
    net = LogisticRegression(
        solver="saga", C=c, l1_ratio=l1_ratio, class_weight=class_weight, max_iter=most, tol=tolerance, random_state=0
    )
    return make_pipeline(StandardScaler(), SimpleImputer(strategy="constant", fill_value=0.0), net)


def _loop(
    train: Rows, fold: np.ndarray, folds: list[Fold], trials: list[optuna.trial.FrozenTrial]
) -> tuple[float, float, float, int]:
    """Return the seconds of all fold fits, and of the timed ones how far losses differ and how many were stopped.

    The search's losses are held against those of saga, and against those of our own solver run to the last digit.
    """
    matrix, came, inside = train.matrix(), train.came, fold == 0
    spent, apart, loose, stopped = 0.0, 0.0, 0.0, 0
    for trial in [trials[round(at)] for at in np.linspace(0, len(trials) - 1, TIMED)]:
        began = time.process_time()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", ConvergenceWarning)
            model = pipeline(trial.params["c"], trial.params["l1_ratio"], trial.params["class_weight"])
            model.fit(matrix[~inside], came[~inside])
        loss = log_loss(came[inside], model.predict_proba(matrix[inside])[:, 1])
        spent += time.process_time() - began
        stopped += any(issubclass(one.category, ConvergenceWarning) for one in told)
        exact = folds[0].loss(solve(folds[0].problems[trial.params["class_weight"]], penalty_of(trial)).coefficients)
        apart = max(apart, abs(loss - trial.intermediate_values[0]))
        loose = max(loose, abs(exact - trial.intermediate_values[0]))
    fits = sum(len(one.intermediate_values) for one in trials)
    return spent / TIMED * fits, apart, loose, stopped


def penalty_of(trial: optuna.trial.FrozenTrial) -> Penalty:
    """Return what a trial drew."""
    return Penalty(c=trial.params["c"], l1_ratio=trial.params["l1_ratio"])


def _refit(train: Rows, test: Rows, found: Found, tolerance: float) -> float:
    """Return the test loss of saga with what was found."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = pipeline(found.penalty.c, found.penalty.l1_ratio, found.class_weight, tolerance=tolerance)
        model.fit(train.matrix(), train.came)
    return float(log_loss(test.came, model.predict_proba(test.matrix())[:, 1]))


def main() -> int:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lake", type=Path)
    parser.add_argument("--until", type=date.fromisoformat, default=UNTIL)
    said = parser.parse_args()
    return report(run(lake=said.lake, until=said.until))


if __name__ == "__main__":
    sys.exit(main())
