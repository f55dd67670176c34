"""Sets of weights: kept whole in fusion_params, and never used for a day that they have seen."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.weight import Alphas
from kwx.fuse.weights import WeightSet, set_before, sets_of
from warehouse.lake.store import Lake
from warehouse.lake.tables import FUSION_PARAMS, Partition


def a_set(city="all", until=date(2026, 10, 20), **changes) -> WeightSet:
    """Return a plausible set."""
    values = {
        "city": city, "fitted_utc": datetime(2026, 11, 10, tzinfo=UTC), "pool": "beta", "method": "grid",
        "alphas": Alphas(0.1, 0.2, 0.3, 0.4), "beta_a": 1.2, "beta_b": 1.1,
        "market": MarketRecipe(overround="power"), "accepted": True, "since": date(2026, 9, 1), "until": until,
        "days": 40, "snapshot": 3, "metrics": {"loss": {"value": 1.25}},
    }  # fmt: skip
    return WeightSet(**(values | changes))


def test_a_set_survives_its_row():
    """What is written is what is read back, metrics included."""
    (row,) = a_set().row().iter_rows(named=True)

    assert a_set() == WeightSet.of_row("all", row)


@pytest.mark.parametrize(
    ("until", "serves"), [(date(2026, 10, 30), True), (date(2026, 10, 31), False), (date(2026, 11, 1), False)]
)
def test_a_set_serves_events_whose_eve_it_has_not_seen(until, serves):
    """An event trades from its eve on, before the day of that eve has settled."""
    chosen = set_before([a_set(until=until)], date(2026, 11, 1))

    assert serves == (chosen is not None)


def lost(value, **changes) -> WeightSet:
    """Return a set of Chicago with a loss on its held-out dates."""
    return a_set("chicago", metrics={"loss": {"value": value}}, **changes)


def test_the_newest_data_count_and_then_the_citys_own():
    """Of sets with the same end the city's own comes before that of all cities."""
    together, own, older = a_set(), a_set("chicago"), a_set("chicago", until=date(2026, 10, 1))

    assert own == set_before([together, older, own], date(2026, 11, 1))


def test_of_accepted_sets_the_best_on_held_out_dates_serves():
    """Not the one that was fitted last."""
    good, later = lost(1.0), lost(9.0, pool="linear", fitted_utc=datetime(2026, 11, 12, tzinfo=UTC))

    assert good == set_before([later, good], date(2026, 11, 1))


def test_a_city_whose_own_set_was_rejected_is_not_served_by_that_of_all():
    """The market beat it there: what all cities together say does not change that."""
    assert set_before([a_set(), a_set("chicago", accepted=False)], date(2026, 11, 1)) is None


def test_a_kind_that_is_tuned_again_and_rejected_is_no_longer_used():
    """The newest word on a kind counts."""
    again = a_set("chicago", accepted=False, fitted_utc=datetime(2026, 11, 12, tzinfo=UTC))

    assert set_before([a_set("chicago"), again], date(2026, 11, 1)) is None


def test_a_fitted_weight_is_never_all_or_nothing():
    """However far its numbers reach: a dead bracket stays dead, as it would not at weight one."""
    weight = a_set(alphas=Alphas(500.0)).weight(np.array([[1.0, 0, 0, 0]]))

    assert 1 - 1e-8 < weight[0] < 1


def test_sets_of_the_city_and_of_all_are_found_by_their_horizon(demo_lake, tmp_path, put):
    """Those fitted to minutes ahead are another thing."""
    root = tmp_path / "lake"
    shutil.copytree(demo_lake, root, symlinks=True)
    ours = [a_set("chicago"), a_set("chicago", accepted=False, method="optuna"), a_set("chicago", horizon="5m")]
    instants = [datetime(2026, 11, 10, 0, 0, place, tzinfo=UTC) for place in range(3)]
    rows = pl.concat(one.row() for one in ours).with_columns(fitted_utc=pl.Series(instants))
    put(root, FUSION_PARAMS, rows.select(FUSION_PARAMS.schema.names()).cast(FUSION_PARAMS.schema), Partition("chicago"))
    put(root, FUSION_PARAMS, a_set().row(), Partition("all"))

    found = sets_of(Lake(root).snapshot(), "chicago")

    assert [("all", "grid"), ("chicago", "grid"), ("chicago", "optuna")] == [(one.city, one.method) for one in found]
