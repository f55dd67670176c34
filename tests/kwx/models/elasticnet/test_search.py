"""The search: seeded, pruned, and the same after a kill."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from time import sleep

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from sklearn.model_selection import GroupKFold

from kwx.models.elasticnet.recipe import ElasticnetRecipe, SearchRange
from kwx.models.elasticnet.rows import folds_of
from kwx.models.elasticnet.search import START_UP_TRIALS, WARM_UP_STEPS, folds_from, search

RECIPE = ElasticnetRecipe(trials=24)


@pytest.fixture(scope="module")
def folds(rows):
    """Four folds of eight dates."""
    return folds_from(rows.matrix(), rows.came, folds_of(rows, 4), RECIPE.search)


@pytest.fixture(scope="module")
def whole(folds):
    """What the search finds in one go."""
    return search(folds, RECIPE, name="whole")


def study_of(folder):
    """Return the one search that a folder keeps."""
    (path,) = folder.glob("*.journal")
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    (summary,) = optuna.get_all_study_summaries(storage)
    return optuna.load_study(study_name=summary.study_name, storage=storage)


def trials_of(folder):
    """Return what each trial that ended had drawn, its state and its losses."""
    ended = [one for one in study_of(folder).trials if one.state.name in ("COMPLETE", "PRUNED")]
    return [(one.params, one.state, one.intermediate_values) for one in ended]


def test_the_same_seed_finds_the_same(folds, whole):
    """And another seed looks elsewhere."""
    assert whole == search(folds, RECIPE, name="again")
    assert whole.penalty != search(folds, replace(RECIPE, seed=1), name="whole").penalty


def test_bad_trials_are_cut_short_and_count(whole):
    """The number of trials is what was asked; some of them were not fitted in every fold."""
    assert 24 == whole.trials
    assert 0 < whole.pruned < 24


def test_a_trial_is_cut_short_as_it_is_written(folds, tmp_path):
    """MedianPruner after five trials and two folds: no sooner, and only above the median of what was whole by then."""
    search(folds, replace(RECIPE, storage=str(tmp_path)), name="x")
    trials = study_of(tmp_path).trials
    cut = [one for one in trials if one.state is TrialState.PRUNED]

    assert (START_UP_TRIALS, WARM_UP_STEPS) == (5, 2)
    assert cut
    assert {tuple(one.intermediate_values) for one in cut} == {(0, 1, 2)}
    for one in trials:
        whole = [past for past in trials[: one.number] if past.state is TrialState.COMPLETE]
        median = np.median([past.intermediate_values[2] for past in whole]) if len(whole) >= 5 else np.inf
        assert (one.state is TrialState.PRUNED) == (min(one.intermediate_values.values()) > median)


@pytest.mark.parametrize("splits", [2, 3])
def test_of_fewer_than_four_folds_no_trial_is_cut_short(rows, splits):
    """Two folds are the warm-up, and the last one is judged whole."""
    few = folds_from(rows.matrix(), rows.came, folds_of(rows, splits), RECIPE.search)
    assert 0 == search(few, replace(RECIPE, cv_splits=splits), name="x").pruned


def test_trials_are_drawn_by_a_seeded_tpe_from_the_ranges_that_are_written(folds, tmp_path, monkeypatch):
    """A sampler of its own for each trial; C by its logarithm, the ratio evenly, both class weights."""
    seeds: list[int | None] = []

    class Told(optuna.samplers.TPESampler):
        """The sampler itself, which tells its seed whenever it is asked for a trial."""

        def __init__(self, *, seed: int | None = None) -> None:
            super().__init__(seed=seed)
            self.seed = seed

        def before_trial(self, study, trial) -> None:
            seeds.append(self.seed)
            super().before_trial(study, trial)

    monkeypatch.setattr(optuna.samplers, "TPESampler", Told)
    search(folds, replace(RECIPE, trials=12, storage=str(tmp_path)), name="x")

    assert seeds == [int(np.random.SeedSequence((RECIPE.seed, done)).generate_state(1)[0]) for done in range(12)]
    for trial in study_of(tmp_path).trials:
        assert trial.distributions == {
            "c": FloatDistribution(1e-3, 1e3, log=True),
            "class_weight": CategoricalDistribution((None, "balanced")),
            "l1_ratio": FloatDistribution(0.0, 1.0),
        }


def test_folds_are_those_of_groups_by_event_date(rows):
    """As scikit-learn's GroupKFold parts them: whole dates, each in one fold, and as many in each."""
    folds = folds_of(rows, 4)
    ours = [set(rows.days[folds == fold]) for fold in range(4)]
    theirs = [set(rows.days[inside]) for _, inside in GroupKFold(4).split(rows.days, groups=rows.days)]

    assert sorted(map(len, ours)) == sorted(map(len, theirs))
    for parts in (ours, theirs):
        assert set.union(*parts) == set(rows.days)
        assert sum(map(len, parts)) == len(rows.dates)


def test_it_finds_no_worse_than_no_search(folds, whole):
    """Its loss is below that of the first trial."""
    assert whole.log_loss <= search(folds, replace(RECIPE, trials=1), name="whole").log_loss


@pytest.mark.parametrize(("penalty", "l1_ratio"), [("l1", 1.0), ("l2", 0.0)])
def test_l1_and_l2_leave_no_ratio_to_search(folds, penalty, l1_ratio):
    """The penalty says it."""
    assert l1_ratio == search(folds, replace(RECIPE, penalties=(penalty,), trials=3), name="x").penalty.l1_ratio


def test_it_stays_inside_its_range(folds):
    """Of one class weight and a narrow range nothing else comes."""
    ranges = SearchRange(c_min=0.5, c_max=0.6, l1_ratio_min=0.2, l1_ratio_max=0.3, class_weights=("balanced",))
    recipe = replace(RECIPE, search=ranges, trials=3)

    found = search(_weighted(folds), recipe, name="x")

    assert 0.5 <= found.penalty.c <= 0.6
    assert 0.2 <= found.penalty.l1_ratio <= 0.3
    assert "balanced" == found.class_weight


def _weighted(folds):
    return [replace(fold, problems={"balanced": fold.problems["balanced"]}) for fold in folds]


def test_a_search_that_was_stopped_goes_on(folds, whole, tmp_path):
    """With half a line at the end of its file and a trial cut off, it ends with the same trials as one in one go."""
    search(folds, replace(RECIPE, trials=9, storage=str(tmp_path / "cut")), name="x")
    (path,) = (tmp_path / "cut").iterdir()
    study = optuna.load_study(
        study_name=path.stem, storage=optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    )
    study.ask().suggest_float("c", 1e-3, 1e3, log=True)
    with path.open("ab") as file:
        file.write(b'{"op_code": 4, "wor')

    found = search(folds, replace(RECIPE, storage=str(tmp_path / "cut")), name="x")

    assert whole == found
    search(folds, replace(RECIPE, storage=str(tmp_path / "whole")), name="x")
    assert trials_of(tmp_path / "whole") == trials_of(tmp_path / "cut")


def test_a_file_with_more_trials_changes_nothing(folds, whole, tmp_path):
    """What is found among the trials that are asked for is the same as without a file."""
    search(folds, replace(RECIPE, trials=30, storage=str(tmp_path)), name="x")

    assert whole == search(folds, replace(RECIPE, storage=str(tmp_path)), name="x")


def test_other_rows_are_another_search(folds, rows, tmp_path):
    """A file holds the trials of its own rows and recipe only."""
    recipe = replace(RECIPE, trials=2, storage=str(tmp_path))
    search(folds, recipe, name="x")

    fewer = rows.of(rows.dates[:6])
    search(folds_from(fewer.matrix(), fewer.came, folds_of(fewer, 4), recipe.search), recipe, name="x")
    search(folds, replace(recipe, seed=1), name="x")

    assert 3 == len(list(tmp_path.iterdir()))


@pytest.mark.slow
def test_a_killed_process_loses_one_trial_at_most(tmp_path, panel):
    """Killed by the system between two trials or inside one, the search goes on from its file and ends as asked."""
    panel.write_parquet(tmp_path / "panel.parquet")
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        import polars as pl
        from kwx.features.sets import feature_set
        from kwx.features.feature import Feature, FeatureSet
        from kwx.models.elasticnet.recipe import ElasticnetRecipe
        from kwx.models.elasticnet.rows import folds_of, rows_of
        from kwx.models.elasticnet.search import folds_from, search
        mid = Feature(name="mid", meaning="", sources=("mid_prob",), value=pl.col("mid_prob"))
        speed = Feature(name="speed", meaning="", sources=("velocity",), value=pl.col("velocity"))
        rows = rows_of(pl.read_parquet(sys.argv[1]), FeatureSet(name="two", features=(mid, speed)))
        recipe = ElasticnetRecipe(trials=int(sys.argv[3]), storage=sys.argv[2])
        folds = folds_from(rows.matrix(), rows.came, folds_of(rows, 4), recipe.search)
        print(search(folds, recipe, name="x"))
        """
    )

    def command(folder, trials):
        return [sys.executable, "-c", script, str(tmp_path / "panel.parquet"), str(tmp_path / folder), str(trials)]

    killed = subprocess.Popen(command("cut", 5_000), stdout=subprocess.DEVNULL)
    try:
        while not any(one.stat().st_size > 10_000 for one in (tmp_path / "cut").glob("*.journal")):
            assert killed.poll() is None
            sleep(0.05)
    finally:
        killed.kill()
        killed.wait()
    held = len(trials_of(tmp_path / "cut"))
    assert 0 < held < 5_000

    ends = [
        subprocess.run(command(folder, held + 5), check=True, capture_output=True, text=True).stdout
        for folder in ("cut", "whole")
    ]
    assert ends[0] == ends[1]
    assert trials_of(tmp_path / "whole") == trials_of(tmp_path / "cut")
