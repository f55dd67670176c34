"""The registry and the lake name the same fit: `model_for` by its folders, `prediction_served` by what it was told."""

from __future__ import annotations

import itertools
import shutil
import sys
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from kwx.models.artifact import PREDICTED
from kwx.models.registry.promotion import Choice, demote, promote
from kwx.models.registry.published import run_id
from kwx.models.registry.serving import NoModel, model_for
from kwx.models.registry.store import store
from kwx.models.registry.told import tell_promotions
from kwx.models.windows import Window
from warehouse.lake.store import Lake
from warehouse.lake.tables import MARKETS, Partition

pytestmark = pytest.mark.slow

tiny = sys.modules["tiny_family"]
ON = date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 18, tzinfo=UTC)
WINDOW = Window(
    train_since=ON - timedelta(days=30), train_until=ON - timedelta(days=2), test_since=ON, test_until=ON
)  # fmt: skip
OLDER = Window(
    train_since=ON - timedelta(days=40), train_until=ON - timedelta(days=9), test_since=ON - timedelta(days=6),
    test_until=ON + timedelta(days=3),
)  # fmt: skip
PLACES = tuple(itertools.product(("chicago", "all"), ("between", "all")))
TOLD = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def lake(long_lake, tmp_path):
    """A lake that may be written and knows of no promotion."""
    shutil.copytree(long_lake, tmp_path / "lake", symlinks=True)
    return Lake(tmp_path / "lake")


@pytest.fixture
def pilots(lake, tmp_path):
    """A fit of each place that may speak of Chicago, and of two windows of its own; each says the same at noon."""
    markets = lake.snapshot().read(MARKETS, Partition("chicago", ON))
    for (city, bracket), window in itertools.product(PLACES, (WINDOW, OLDER)):
        spoken = markets if bracket == "all" else markets.filter(strike_type=bracket)
        said = spoken.select(
            city=pl.lit("chicago"), event_date=pl.lit(ON), market_ticker="market_ticker",
            ts_utc=pl.lit(NOON).dt.cast_time_unit("us"), p_model=pl.lit(0.3), p_calibrated=pl.lit(None, pl.Float64),
            outcome=pl.lit(None, pl.Boolean),
        )  # fmt: skip
        fitted = tiny.fit_window(city, bracket, window, predictions=said.select(list(PREDICTED)))
        store(fitted, tmp_path / "models", clock=lambda: tiny.NOW)
    return tmp_path / "models"


def named(root, bracket):
    """Return the run that the registry names for a type of bracket, None where nothing is promoted for it."""
    try:
        served = model_for(root, family="tiny", city="chicago", bracket=bracket, event_date=ON)
    except NoModel:
        return None
    return run_id(served.loaded.card)


def told_of(lake):
    """Return the runs that the lake names, by type of bracket."""
    question = (
        "select distinct strike_type, run_id from prediction_served"
        " join markets using (city, event_date, market_ticker)"
        f" where asked = 'tiny' and event_date = '{ON}' and ts_utc = timestamptz '{NOON}'"
    )
    with lake.snapshot().connect() as con:
        rows = con.sql(question).pl().rows()
    assert len(rows) == len(dict(rows))
    return dict(rows)


def test_the_same_fit_is_named_whatever_is_promoted(lake, pilots):
    """Each place joins those that are promoted, the last in the order first; then some of them are taken back."""
    every = [(*place, window) for place, window in itertools.product(PLACES[::-1], (OLDER, WINDOW))]
    changes = [(promote, one) for one in every] + [(demote, every[place]) for place in (7, 4, 5)]
    compared, names = 0, set()
    for number, (change, (city, bracket, window)) in enumerate(changes):
        one = Choice(cities=(city,), brackets=(bracket,), windows=(window.name,))
        change(one, pilots, reason="for the test", clock=lambda: tiny.NOW)
        tell_promotions(lake, pilots, clock=lambda at=TOLD + timedelta(minutes=number): at)
        ours = told_of(lake)
        for kind in ("less", "between", "greater"):
            wanted = named(pilots, kind)
            if wanted is not None:
                assert wanted == ours[kind], (change.__name__, one, kind)
                compared += 1
                names.add(wanted)

    assert compared > 25
    assert len(names) == len(every)
