"""The named sets, and what the gate and an open end take out of them."""

from __future__ import annotations

import pytest

from kwx.features.feature import FeatureSet
from kwx.features.fitted import OF_FITS
from kwx.features.gate import EXCLUDED_VC_CITIES, is_gated
from kwx.features.panel import STRIKE_TYPES
from kwx.features.sets import FEATURE_SETS, feature_set, left_out, set_for, set_of_all
from warehouse.errors import UnknownCity, Usage
from warehouse.market.cities import CITIES

GATED = {"dew_f", "humidity_pct", "wind_mph"}


def test_the_rich_set_has_what_the_others_have():
    """A penalty may find all that the smaller sets see."""
    rich = set(feature_set("elasticnet_rich").names)

    assert ["baseline", "ridge_conservative", "elasticnet_rich"] == list(FEATURE_SETS)
    assert all(set(one.names) <= rich for one in FEATURE_SETS.values())
    assert len(FEATURE_SETS["baseline"].names) < len(FEATURE_SETS["ridge_conservative"].names) < len(rich)


def test_the_conservative_set_needs_no_fit_and_no_vendor():
    """Nothing of it is behind the gate, nothing is made by another model; so no city differs."""
    conservative = feature_set("ridge_conservative")

    assert not any(is_gated(one) for one in conservative.features)
    assert set(conservative.names).isdisjoint(one.name for one in OF_FITS)
    assert all(set_for("ridge_conservative", key) is conservative for key in CITIES)


def test_an_excluded_city_has_no_dew_point_humidity_or_wind():
    """New York sees all but these, its temperature too; every other city sees them."""
    rich = set(feature_set("elasticnet_rich").names)

    assert ("nyc",) == EXCLUDED_VC_CITIES
    assert GATED == rich - set(set_for("elasticnet_rich", "nyc").names)
    assert {"temp_f", "run_max_f"} <= set(set_for("elasticnet_rich", "ny").names)
    assert all(rich == set(set_for("elasticnet_rich", key).names) for key in CITIES if key != "nyc")
    assert dict.fromkeys(sorted(GATED), "the gate") == dict(sorted(left_out("elasticnet_rich", "nyc").items()))


@pytest.mark.parametrize("excluded", [(), ("chicago",)])
def test_nobody_opens_the_gate_of_new_york(excluded):
    """Whatever cities a caller says, dew point, humidity and wind of New York are in no model, of it or of all."""
    for seen in (
        set_for("elasticnet_rich", "nyc", excluded=excluded),
        set_for("elasticnet_rich", "nyc", bracket="between", excluded=excluded),
        set_of_all("elasticnet_rich", excluded=excluded),
    ):
        assert GATED.isdisjoint(seen.names)
        assert not [one.name for one in seen.features if is_gated(one)]


def test_the_cities_behind_the_gate_may_be_said():
    """By key or alias; a word that names no city is refused, whatever city is asked for."""
    assert GATED == set(left_out("elasticnet_rich", "denver", excluded=("nyc", "den")))
    assert GATED == set(left_out("elasticnet_rich", "nyc", excluded=("den",)))
    with pytest.raises(UnknownCity):
        set_for("elasticnet_rich", "denver", excluded=("atlantis",))


@pytest.mark.parametrize(
    ("bracket", "gone"),
    [
        ("between", set()),
        ("all", set()),
        ("less", {"left_gap", "run_max_to_low_f"}),
        ("greater", {"right_gap", "run_max_to_high_f"}),
    ],
)
def test_an_open_bracket_has_no_edge_and_no_neighbour_there(bracket, gone):
    """What a type of bracket can never know is not in its set; its interval alignment stays."""
    assert gone == set(left_out("elasticnet_rich", "chicago", bracket=bracket))
    assert {"run_max_inside", "next_celsius_place"} <= set(set_for("elasticnet_rich", "chicago", bracket=bracket).names)


def test_a_model_sees_the_features_in_the_order_of_the_set():
    """Leaving out moves nothing."""
    for bracket in STRIKE_TYPES:
        names = set_for("elasticnet_rich", "nyc", bracket=bracket).names
        assert [name for name in feature_set("elasticnet_rich").names if name in names] == list(names)


@pytest.mark.parametrize(("name", "hint"), [("elasticnet", "elasticnet_rich"), ("moon", "baseline ridge_conservative")])
def test_a_set_that_is_not_there_is_refused_with_the_nearest(name, hint):
    """The hint names what there is."""
    with pytest.raises(Usage, match="no feature set") as refused:
        feature_set(name)

    assert hint in refused.value.hint


def test_a_type_of_bracket_that_is_not_there_is_refused():
    """With the types that there are."""
    with pytest.raises(Usage, match="no type of bracket") as refused:
        set_for("baseline", "chicago", bracket="wide")

    assert "between greater less" in refused.value.hint


def test_features_of_one_name_are_one_feature():
    """A name means the same in every set."""
    every = [one for whole in FEATURE_SETS.values() for one in whole.features]

    assert len({id(one) for one in every}) == len({one.name for one in every})
    assert isinstance(feature_set("baseline"), FeatureSet)
