"""From what was asked to series: whose files a fit is made of, so that a held window is known to be outdated."""

from __future__ import annotations

import pytest

from kwx.config.fields import TrainConfig
from kwx.models.training.asked import WalkWish, elasticnet_recipe, tmax_series
from warehouse.lake.tables.contract import ALL_CITIES


@pytest.mark.parametrize(
    ("family", "recipe", "read"),
    [
        ("tod", {}, ALL_CITIES),
        ("tod", {"lent": 0.0}, "chicago"),
        ("hybrid", {}, ALL_CITIES),
        ("hybrid", {"parts": {"lent": 0.0}}, "chicago"),
        ("market-clock", {}, "chicago"),
    ],
)
def test_a_model_to_which_other_cities_lend_days_is_made_of_their_files_too(family, recipe, read):
    """A tod of Chicago that learnt from Miami is fitted again when Miami's reports change."""
    (one,) = tmax_series(family, cities=("chicago",), wish=WalkWish(), recipe=recipe)

    assert (one.city, one.read_cities) == ("chicago", read)


def test_all_that_trains_a_pair_is_in_what_its_card_says():
    """Each setting other than its default moves the recipe's settings, except those of the walk and of trading."""
    others = {
        "feature_set": "baseline", "every_minutes": 7, "penalties": ("l1", "l2"), "trials": 9, "cv_splits": 5,
        "search_space": {
            "C_min": 0.01, "C_max": 9.0, "l1_ratio_min": 0.1, "l1_ratio_max": 0.9, "class_weight": (None,),
        },
        "calibration": {"method_large": "sigmoid", "method_small": "isotonic", "threshold": 500, "share": 0.3,
                        "guard": False},
        "use_vc_minutes": False, "excluded_vc_cities": ("nyc", "miami"), "seed": 7, "pilot_dir": "models/pilots",
        "pilot_windows": 12, "pilot_total_test_rows": 90_000,
    }  # fmt: skip
    elsewhere = {"city", "bracket", "train_days", "test_days", "step_days", "start_date", "end_date", "blend_weight",
                 "risk"}  # fmt: skip
    plain = elasticnet_recipe(TrainConfig(city="chicago", bracket="less")).config()

    assert set(TrainConfig.model_fields) == elsewhere | set(others)
    for name, value in others.items():
        each = [{name: {key: one}} for key, one in value.items()] if isinstance(value, dict) else [{name: value}]
        for said in each:
            assert plain != elasticnet_recipe(TrainConfig(city="chicago", bracket="less", **said)).config(), said
