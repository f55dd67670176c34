"""Two demo worlds of the same weather: one whose market knows everything, one whose market lags it by an hour."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.features.panel import read_panel
from kwx.fuse.fit.tune import TuneWish, tunings
from kwx.hazard.backfill import backfill
from kwx.hazard.fit.walk import Walk, fit_params
from kwx.hazard.plan import Wish
from kwx.models.elasticnet.fit import fit_window
from kwx.models.elasticnet.recipe import ElasticnetRecipe
from kwx.models.tmax.fit import fit_window as fit_high
from kwx.models.tmax.recipe import TmaxRecipe
from kwx.models.windows import Window
from kwx.scoring.contracts import log_loss
from kwx.scoring.paired import compare
from pipelines.build import build_demo, demo_world
from pipelines.runner import process_pool, workers_wanted
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_DENSE
from warehouse.lake.writer import write

pytestmark = pytest.mark.slow

UNTIL, DAYS, FITTED = date(2026, 11, 4), 104, 40
CITIES = ("chicago", "miami", "denver")
WINDOW = Window(
    train_since=date(2026, 9, 4), train_until=date(2026, 10, 4), test_since=date(2026, 10, 6), test_until=UNTIL
)
EVERY_MINUTES = 15
WISH = TuneWish(held_out=0.5, methods=("gradient",))


def world(efficiency: float):
    """Return a demo world; its weather does not depend on how efficient the market is."""
    return demo_world(days=DAYS, until=UNTIL, cities=CITIES, seed=7, efficiency=efficiency, books=False)


@pytest.fixture(scope="module")
def lagging(tmp_path_factory):
    """The market lags by an hour; the weather is fitted on the first forty days and run on the others."""
    root = tmp_path_factory.mktemp("lagging") / "lake"
    build_demo(world(0.0), root)
    first = UNTIL - timedelta(days=DAYS - 1)
    fit_params(Walk(until=first + timedelta(days=FITTED - 1)), root)
    backfill(Wish(since=first + timedelta(days=FITTED + 1)), root)
    return root


@pytest.fixture(scope="module")
def efficient(lagging, tmp_path_factory):
    """The same lake with the quotes of a market that knows everything."""
    root = tmp_path_factory.mktemp("efficient") / "lake"
    build_demo(world(1.0), root)
    quotes = Lake(root).snapshot()
    mixed = root.with_name("mixed")
    shutil.copytree(lagging, mixed, symlinks=True)
    with write(Lake(mixed), purpose="other quotes") as writer:
        for place in quotes.partitions(CANDLES_DENSE.name):
            writer.put(CANDLES_DENSE, quotes.read(CANDLES_DENSE, place), place)
        writer.publish()
    return mixed


def board_of(root):
    """Return what a tuning says of each pool on the held-out dates."""
    # Not stored: the lake with other quotes keeps no promise about its candles, so nothing more is published in it.
    with process_pool(workers_wanted()) as pool:
        made_utc = datetime(2026, 12, 1, tzinfo=UTC)
        (span,) = tunings(Lake(root).snapshot(), WISH, pool, fitted_utc=made_utc, notes=[])
    return {judged.kind.pool: judged.overall for judged in span.board}


@pytest.fixture(scope="module")
def boards(lagging, efficient):
    """The boards of both worlds."""
    return board_of(lagging), board_of(efficient)


def test_against_a_market_that_knows_everything_fusion_wins_nothing(boards):
    """The weight goes to the market, and no pool beats it beyond its interval on dates that were not fitted."""
    _, of_efficient = boards

    assert min(held.weight.value for held in of_efficient.values()) > 0.85
    assert all(held.on_market.high >= 0 for held in of_efficient.values())


def test_against_a_market_that_lags_fusion_beats_both_sides(boards):
    """The weight moves to the weather, and the log-linear pool beats either side alone beyond chance."""
    of_lagging, of_efficient = boards
    held = of_lagging["log_linear"]

    assert held.dates >= 30
    assert held.weight.value < of_efficient["log_linear"].weight.value - 0.1
    assert held.on_market.high < 0
    assert held.on_weather.high < 0


def bracket_model(root, city):
    """Fit elastic nets on a month with weather and speak of the next one; return it on the market with its interval."""
    recipe = ElasticnetRecipe(trials=10, every_minutes=EVERY_MINUTES)
    snapshot = Lake(root).snapshot()
    return on_market(snapshot, fit_window(snapshot, city, "between", WINDOW, recipe))


def on_market(snapshot, artifact):
    """Return the log loss of a model's test rows against that of the market's price, whole dates drawn."""
    columns = ("p_mkt", "mid_prob")
    span = {"since": WINDOW.test_since, "until": WINDOW.test_until, "every_minutes": EVERY_MINUTES}
    panel = pl.concat(read_panel(snapshot, city, columns=columns, **span) for city in CITIES)
    market = panel.select("market_ticker", "ts_utc", market=pl.coalesce(columns))
    rows = artifact.predictions.join(market, on=["market_ticker", "ts_utc"]).drop_nulls(["market", "outcome"])
    hit = rows["outcome"].to_numpy()
    ours, theirs = (log_loss(rows[name].to_numpy().clip(1e-6, 1 - 1e-6), hit=hit) for name in ("p_model", "market"))
    assert rows["event_date"].n_unique() >= 25
    assert np.isfinite(ours).all()
    return compare(ours, reference=theirs, dates=rows["event_date"].to_numpy(), dates_alike=False)


@pytest.mark.parametrize("city", ["all", "chicago"])
def test_against_a_market_that_knows_everything_no_bracket_model_wins(efficient, city):
    """A model that beat the price of a market that knows everything would know the outcome."""
    assert bracket_model(efficient, city).high >= 0


def test_against_a_market_that_knows_everything_no_model_of_the_high_wins(efficient):
    """Neither does the one that is made of reports and forecasts alone, on the minutes that the market priced."""
    snapshot = Lake(efficient).snapshot()

    found = on_market(snapshot, fit_high(snapshot, "all", "all", WINDOW, TmaxRecipe(cities=CITIES)))

    assert found.high >= 0


def test_against_a_market_that_lags_the_bracket_model_wins(lagging):
    """What the reports of the last hour say is not in the price yet: the elastic net of all cities learns to use it."""
    assert bracket_model(lagging, "all").high < 0
