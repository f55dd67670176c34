"""What holds for every feature: it is a number of its own row alone, and says what it reads."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from kwx.features.feature import NEVER_READ, Feature, FeatureSet
from kwx.features.sets import FEATURE_SETS, feature_set
from warehouse.errors import Refused
from warehouse.lake.catalog import build_in_memory

RICH = feature_set("elasticnet_rich")


def bits(panel, features=RICH):
    """Return the features as bits, so that NaN equals NaN and zeros have signs."""
    return np.ascontiguousarray(features.matrix(panel)).view(np.uint64)


def test_later_rows_change_nothing(panel_of):
    """Every value after an instant is another one: at it and before it each feature keeps its bits."""
    panel, poison = panel_of(4_000, 1), panel_of(4_000, 2)
    t = panel["ts_utc"].sort()[2_500]
    later = pl.col("ts_utc") > t
    values = [name for name in panel.columns if name != "ts_utc"]
    poisoned = panel.with_columns(pl.when(later).then(poison[name]).otherwise(name).alias(name) for name in values)
    seen = (panel["ts_utc"] <= t).to_numpy()

    assert 2_501 == seen.sum()
    np.testing.assert_array_equal(bits(panel)[seen], bits(poisoned)[seen])
    changed = (bits(panel)[~seen] != bits(poisoned)[~seen]).any(axis=0)
    assert changed.all()


def test_later_rows_that_are_not_there_change_nothing(panel_of):
    """A row alone has the features that it has among others."""
    panel = panel_of(500, 3)

    alone = np.concatenate([bits(panel[place]) for place in range(0, 500, 10)])

    np.testing.assert_array_equal(bits(panel)[::10], alone)


def test_the_order_of_rows_is_irrelevant(panel_of):
    """Shuffled rows have their features, shuffled."""
    panel = panel_of(3_000, 4)
    order = np.random.default_rng(5).permutation(panel.height)

    np.testing.assert_array_equal(bits(panel)[order], bits(panel[order]))


@pytest.mark.parametrize("name", RICH.sources)
def test_a_feature_depends_on_its_sources_and_nothing_else(panel_of, name):
    """Without one column exactly those features that declare it change."""
    panel = panel_of(800, 6, nulls=0.0)
    without = panel.with_columns(pl.lit(None, panel.schema[name]).alias(name))

    changed = (bits(panel) != bits(without)).any(axis=0)

    assert [name in feature.sources for feature in RICH.features] == changed.tolist()


@pytest.mark.parametrize("value", [math.nan, None, 0.0, 1.0, -1.0, 1e12])
def test_no_value_makes_a_feature_infinite(panel_of, value):
    """Not a number, nothing, the ends of a price and what cannot be: a finite number comes out, or NaN."""
    panel = panel_of(50, 7)
    floats = [name for name, dtype in panel.schema.items() if dtype == pl.Float64]

    odd = panel.with_columns(pl.lit(value, pl.Float64).alias(name) for name in floats)

    assert not np.isinf(RICH.matrix(odd)).any()


def test_prices_at_their_ends_are_numbers(panel_of):
    """Certain and impossible brackets have finite log-odds, and minutes without trades a finite volume."""
    panel = panel_of(40, 8, nulls=0.0).with_columns(
        mid_prob=pl.Series([0.0, 1.0] * 20), volume=0.0, volume_20m=0.0, minutes_to_close=pl.lit(0, pl.Int32)
    )

    assert np.isfinite(RICH.matrix(panel)).all()


def test_every_source_is_a_column_of_the_panel_without_labels(every_feature):
    """minute_panel_full holds nothing that is known later than its minute; no feature needs more."""
    columns = set(build_in_memory({}).sql("describe minute_panel_full").pl()["column_name"])

    read = {source for feature in every_feature.values() for source in feature.sources}

    assert read <= columns - set(NEVER_READ)
    assert all(feature.meaning and "ts_utc" == feature.known for feature in every_feature.values())


@pytest.mark.parametrize("name", NEVER_READ)
def test_no_feature_may_read_the_outcome_or_a_model(name):
    """A label, or what a model said, cannot be declared as a source."""
    with pytest.raises(ValueError, match="says how the event ended"):
        Feature(name="oracle", meaning="knows", sources=(name,), value=pl.col(name))


def test_a_feature_that_reads_what_it_hides_is_refused():
    """The declaration is held against the expression."""
    with pytest.raises(ValueError, match="declares"):
        Feature(name="sly", meaning="hides", sources=("mid_prob",), value=pl.col("mid_prob") + pl.col("p_wx"))


def test_two_features_of_one_name_are_refused():
    """A model could not tell which is which."""
    one = RICH.features[0]

    with pytest.raises(ValueError, match="two of one name"):
        FeatureSet(name="double", features=(one, one))


def test_a_panel_that_lacks_a_column_is_refused(panel_of):
    """With the name of the column, and where it comes from."""
    with pytest.raises(Refused, match="lacks mid_prob") as refused:
        FEATURE_SETS["baseline"].build(panel_of(5, 9).drop("mid_prob"))

    assert "read_panel" in refused.value.hint


def test_a_panel_without_rows_has_no_features(panel_of):
    """No row in, no row out, all columns there."""
    assert (0, len(RICH.names)) == RICH.matrix(panel_of(5, 10).clear()).shape
