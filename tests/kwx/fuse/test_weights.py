"""Sets of weights: kept whole in fusion_params, and never used for a day that they have seen."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime

import polars as pl
import pytest

from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.weight import Alphas
from kwx.fuse.weights import WeightSet, accepted_sets, set_before
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


def test_the_newest_data_count_and_then_the_citys_own():
    """Of sets with the same end the city's own comes before that of all cities."""
    together, own, older = a_set(), a_set("chicago"), a_set("chicago", until=date(2026, 10, 1))
    sets = sorted([own, older, together], key=lambda one: (one.until, one.city != "all"))

    assert own == set_before(sets, date(2026, 11, 1))


def test_only_accepted_sets_of_the_horizon_are_used(demo_lake, tmp_path, put):
    """Those of the city and of all cities; what was rejected, or fitted to minutes ahead, is not."""
    root = tmp_path / "lake"
    shutil.copytree(demo_lake, root, symlinks=True)
    ours = [a_set("chicago"), a_set("chicago", accepted=False, method="optuna"), a_set("chicago", horizon="5m")]
    instants = [datetime(2026, 11, 10, 0, 0, place, tzinfo=UTC) for place in range(3)]
    rows = pl.concat(one.row() for one in ours).with_columns(fitted_utc=pl.Series(instants))
    put(root, FUSION_PARAMS, rows.select(FUSION_PARAMS.schema.names()).cast(FUSION_PARAMS.schema), Partition("chicago"))
    put(root, FUSION_PARAMS, a_set().row(), Partition("all"))

    found = accepted_sets(Lake(root).snapshot(), "chicago")

    assert [("all", "grid"), ("chicago", "grid")] == [(one.city, one.method) for one in found]
