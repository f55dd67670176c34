"""From what was asked to series: whose files a fit is made of, so that a held window is known to be outdated."""

from __future__ import annotations

import pytest

from kwx.models.training.asked import WalkWish, tmax_series
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
