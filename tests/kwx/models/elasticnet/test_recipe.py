"""What is asked is checked when it is said."""

from __future__ import annotations

import json
import pickle

import pytest

from kwx.models.elasticnet import CalibrationRule, ElasticnetRecipe, SearchRange
from warehouse.errors import Usage


def test_the_defaults_are_those_that_are_written():
    """Forty trials over C from 1e-3 to 1e3, four folds, isotonic from a thousand rows on."""
    config = ElasticnetRecipe().config()

    assert (40, 4, 42, 5) == tuple(config[name] for name in ("trials", "cv_splits", "seed", "every_minutes"))
    assert {"c_min": 1e-3, "c_max": 1e3, "l1_ratio_min": 0, "l1_ratio_max": 1} == {
        name: value for name, value in config["search"].items() if name != "class_weights"
    }
    assert [None, "balanced"] == config["search"]["class_weights"]
    assert {"method_large": "isotonic", "method_small": "sigmoid", "threshold": 1_000, "share": 0.2, "guard": True} == (
        config["calibration"]
    )


def test_the_trial_runs_that_settings_were_chosen_by_are_told():
    """They stand beside what moves a number, and are none of it."""
    plain = ElasticnetRecipe()
    told = ElasticnetRecipe(pilot_dir="models/pilots", pilot_windows=12, pilot_total_test_rows=90_000)

    assert told.asked() == plain.asked()
    assert {"pilot_dir": "models/pilots", "pilot_windows": 12, "pilot_total_test_rows": 90_000} == {
        name: told.config()[name] for name in set(told.config()) - set(told.asked())
    }


def test_it_travels_to_other_processes_and_into_json():
    """A recipe is pickled whole; its configuration is what JSON gives back, and leaves out where a search is kept."""
    recipe = ElasticnetRecipe(storage="somewhere", search=SearchRange(c_max=10.0))

    assert recipe == pickle.loads(pickle.dumps(recipe))
    assert recipe.config() == json.loads(json.dumps(recipe.config()))
    assert ElasticnetRecipe(search=SearchRange(c_max=10.0)).config() == recipe.config()


@pytest.mark.parametrize(("rows", "method"), [(999, "platt"), (1_000, "isotonic")])
def test_the_method_depends_on_the_rows(rows, method):
    """Sigmoid, which the calibrators call platt, below a thousand rows; isotonic from there on."""
    assert method == CalibrationRule().method_of(rows)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (ElasticnetRecipe, {"penalties": ("l3",)}),
        (ElasticnetRecipe, {"trials": 0}),
        (ElasticnetRecipe, {"cv_splits": 1}),
        (ElasticnetRecipe, {"every_minutes": 0}),
        (SearchRange, {"c_min": 0.0}),
        (SearchRange, {"c_min": 2.0, "c_max": 1.0}),
        (SearchRange, {"l1_ratio_max": 1.1}),
        (SearchRange, {"class_weights": ()}),
        (SearchRange, {"class_weights": ("heavy",)}),
        (CalibrationRule, {"method_large": "guess"}),
        (CalibrationRule, {"threshold": 99}),
        (CalibrationRule, {"share": 1.0}),
    ],
)
def test_what_cannot_be_meant_is_refused(kind, said):
    """Each with what was found."""
    with pytest.raises(Usage):
        kind(**said)
