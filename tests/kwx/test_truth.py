"""Two demo worlds of the same weather: one whose market knows everything, one whose market lags it by an hour.

A model that beats a market that knows everything knows what has not happened yet. Against one that lags an hour, the
reports of that hour are worth something; how much, hangs on the hour. On the eve and in the night the forecasts say
little more than makers know who are an hour late; from the morning of the day on the air decides. Direction is no
question of log loss: quotes bounce and prices near zero fall more often than they rise, in any market. What nobody may
do in one that knows everything is to earn by crossing the spread.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.config.file import load_config
from kwx.config.trading import trading_of
from kwx.exec.bars.plan import planned
from kwx.exec.bars.read import read_bars
from kwx.exec.engine import run_bars
from kwx.exec.rules import MODELS, Rules, Sizing
from kwx.exec.settings import params_of
from kwx.features.clock import HOUR_COS, HOUR_SIN, MINUTES_TO_CLOSE_LOG
from kwx.features.feature import Feature, FeatureSet
from kwx.features.market import LOG_ODDS, SPREAD
from kwx.features.panel import read_panel
from kwx.features.sets import set_of_all
from kwx.features.weather import OF_WEATHER
from kwx.fuse.fit.tune import TuneWish, tunings
from kwx.hazard.backfill import backfill
from kwx.hazard.fit.walk import Walk, fit_params
from kwx.hazard.plan import Wish
from kwx.models.direction.fit import fit_features as fit_direction
from kwx.models.direction.recipe import TREES, DirectionRecipe
from kwx.models.elasticnet.fit import fit_window
from kwx.models.elasticnet.recipe import ElasticnetRecipe
from kwx.models.tmax.fit import fit_window as fit_high
from kwx.models.tmax.fit import hybrid_window
from kwx.models.tmax.recipe import TmaxRecipe
from kwx.models.windows import Window
from kwx.scoring.contracts import log_loss
from kwx.scoring.paired import compare
from kwx.scoring.resampling import draw
from kwx.signals.read import signals_of
from pipelines.build import build_demo, demo_world
from pipelines.runner import process_pool, workers_wanted
from warehouse.lake.store import Lake
from warehouse.lake.tables import MC_PARAMS, OBS_5M, PMF_DEGREES, PMF_MINUTE
from warehouse.lake.writer import write
from warehouse.market.cities import CITIES as EVERY_CITY

pytestmark = pytest.mark.slow

UNTIL, DAYS, FITTED = date(2026, 11, 4), 104, 40
SEED = 23
"""A world on which no model was tried while it was made."""
FIRST = UNTIL - timedelta(days=DAYS - 1)
PRICED = ("chicago", "miami", "denver")
"""The cities whose quotes differ between the worlds, and on which weather, fusion and prices are fitted."""
WINDOW = Window(
    train_since=date(2026, 9, 4), train_until=date(2026, 10, 4), test_since=date(2026, 10, 6), test_until=UNTIL
)
HIGH = Window(
    train_since=FIRST, train_until=date(2026, 9, 3), test_since=date(2026, 9, 5), test_until=WINDOW.test_until
)
"""The window of models of the high, which see no price: six weeks of every city, and more dates to be judged on."""
SHORT = Window(
    train_since=date(2026, 9, 24), train_until=WINDOW.train_until, test_since=WINDOW.test_since,
    test_until=date(2026, 10, 15),
)  # fmt: skip
EVERY_MINUTES, MORNING_MINUTE = 15, 10 * 60
WISH = TuneWish(cities=PRICED, held_out=0.5, methods=("gradient",))


def world(efficiency: float, *, cities=tuple(EVERY_CITY), days=DAYS):
    """Return a demo world; its weather does not depend on how efficient the market is."""
    return demo_world(days=days, until=UNTIL, cities=cities, seed=SEED, efficiency=efficiency, books=False)


@pytest.fixture(scope="module")
def lagging(tmp_path_factory):
    """The market lags by an hour; the weather is fitted on the first forty days and run on the others."""
    root = tmp_path_factory.mktemp("lagging") / "lake"
    build_demo(world(0.0), root)
    fit_params(Walk(cities=PRICED, until=FIRST + timedelta(days=FITTED - 1)), root)
    backfill(Wish(cities=PRICED, since=FIRST + timedelta(days=FITTED + 1)), root)
    return root


@pytest.fixture(scope="module")
def efficient(lagging, tmp_path_factory):
    """The same weather, and what was made of it, with the quotes of a market that knows everything."""
    root = tmp_path_factory.mktemp("efficient") / "lake"
    build_demo(world(1.0, cities=PRICED, days=DAYS - FITTED), root)
    was, now = Lake(lagging).snapshot(), Lake(root).snapshot()
    for place in now.partitions(OBS_5M.name)[-3:]:
        assert now.read(OBS_5M, place).equals(was.read(OBS_5M, place), null_equal=True)
    with write(Lake(root), purpose="weather") as writer:
        for table in (MC_PARAMS, PMF_DEGREES, PMF_MINUTE):
            for place in was.partitions(table.name):
                writer.put(table, was.read(table, place).select(table.schema.names()), place)
        writer.publish()
    return root


@pytest.fixture
def priced_alone(monkeypatch):
    """Models of all cities are made of those that have both worlds' quotes: the lagging lake holds more."""
    for module in ("kwx.models.elasticnet.rows", "kwx.models.direction.fit"):
        monkeypatch.setattr(f"{module}.CITIES", {city: EVERY_CITY[city] for city in PRICED})


def board_of(root):
    """Return what a tuning says of each pool on the held-out dates."""
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


def on_market(root, predictions, *, cities=tuple(EVERY_CITY), from_morning=False):
    """Return the log loss of test rows against that of the market's price, whole dates drawn."""
    columns = ("p_mkt", "mid_prob")
    days = predictions["event_date"]
    span = {"since": days.min(), "until": days.max(), "every_minutes": EVERY_MINUTES}
    snapshot = Lake(root).snapshot()
    panel = pl.concat(read_panel(snapshot, city, columns=columns, **span) for city in cities)
    market = panel.select("market_ticker", "ts_utc", market=pl.coalesce(columns))
    rows = predictions.join(market, on=["market_ticker", "ts_utc"]).drop_nulls(["market", "outcome"])
    if from_morning:
        rows = rows.filter(standard_minute() >= MORNING_MINUTE)
    hit = rows["outcome"].to_numpy()
    ours, theirs = (log_loss(rows[name].to_numpy().clip(1e-6, 1 - 1e-6), hit=hit) for name in ("p_model", "market"))
    assert rows["event_date"].n_unique() >= 25
    assert np.isfinite(ours).all()
    return compare(ours, reference=theirs, dates=rows["event_date"].to_numpy(), dates_alike=False)


def standard_minute() -> pl.Expr:
    """Return the minutes of standard time from the opening midnight of each row's day."""
    offsets = {key: city.standard_offset for key, city in EVERY_CITY.items()}
    offset = pl.col("city").replace_strict(offsets, return_dtype=pl.Duration("us"))
    midnight = pl.col("event_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC") - offset
    return (pl.col("ts_utc") - midnight).dt.total_minutes()


def bracket_model(root, city):
    """Fit elastic nets on a month with weather and speak of the next one; return them on the market."""
    recipe = ElasticnetRecipe(trials=8, every_minutes=EVERY_MINUTES)
    predictions = fit_window(Lake(root).snapshot(), city, "between", WINDOW, recipe).predictions
    return on_market(root, predictions, cities=PRICED)


@pytest.mark.usefixtures("priced_alone")
@pytest.mark.parametrize("city", ["all", "chicago"])
def test_against_a_market_that_knows_everything_no_bracket_model_wins(efficient, city):
    """A model that beat the price of a market that knows everything would know the outcome."""
    assert bracket_model(efficient, city).high >= 0


@pytest.mark.usefixtures("priced_alone")
def test_against_a_market_that_lags_the_bracket_model_wins(lagging):
    """What the reports of the last hour say is not in the price yet: the elastic net of all cities learns to use it."""
    assert bracket_model(lagging, "all").high < 0


@pytest.fixture(scope="module")
def highs(lagging):
    """What each family of models of the high says; none of them sees a price, so both worlds have the same."""
    snapshot = Lake(lagging).snapshot()
    clock = fit_high(snapshot, "all", "all", HIGH, TmaxRecipe())
    tods = [fit_high(snapshot, city, "all", HIGH, TmaxRecipe(family="tod")) for city in EVERY_CITY]
    hybrid = hybrid_window(snapshot, clock, tods, tuple(EVERY_CITY))
    assert not [why for one in (clock, *tods, hybrid) if (why := one.fitted.degenerate())]
    columns = clock.predictions.columns
    return {
        "market_clock": clock.predictions,
        "tod": pl.concat(one.predictions for one in tods),
        "hybrid": hybrid.predictions.select(columns),
    }


FAMILIES = pytest.mark.parametrize("family", ["market_clock", "tod", "hybrid"])


@FAMILIES
@pytest.mark.parametrize("from_morning", [False, True])
def test_against_a_market_that_knows_everything_no_model_of_the_high_wins(highs, efficient, family, from_morning):
    """Neither over all of its minutes nor over those in which the air decides."""
    assert on_market(efficient, highs[family], cities=PRICED, from_morning=from_morning).high >= 0


@FAMILIES
@pytest.mark.parametrize("from_morning", [False, True])
def test_against_a_market_that_lags_every_model_of_the_high_wins(highs, lagging, family, from_morning):
    """Six weeks of seven cities are enough to know more than an hour's delay, most of all where the air decides."""
    assert on_market(lagging, highs[family], from_morning=from_morning).high < 0


@pytest.mark.usefixtures("priced_alone")
@pytest.mark.parametrize("family", ["market_clock", "tod", "hybrid", "elasticnet"])
def test_in_a_market_that_knows_everything_no_model_earns_by_any_fills(highs, efficient, family):
    """Traded through the step, no family gains before fees beyond its interval.

    Four families by four models of fills are sixteen intervals; each says "earned" by chance in at most 0.2 % (one side
    of 99.6 %), all together in at most 3.2 %.
    """
    recipe = ElasticnetRecipe(trials=8, every_minutes=EVERY_MINUTES)
    said = highs[family] if family in highs else fit_window(
        Lake(efficient).snapshot(), "all", "between", WINDOW, recipe
    ).predictions  # fmt: skip
    for fill, (before_fees, fills) in traded(efficient, said).items():
        assert fills > 100
        assert before_fees.low <= 0, f"{family} by {fill}: {before_fees}"


def traded(root, predictions):
    """Return for each model of fills what trading on a model's words gains before fees, and how often it is filled."""
    snapshot, days = Lake(root).snapshot(), predictions["event_date"]
    plan = planned(snapshot, cities=PRICED, since=days.min(), until=days.max())
    bars = read_bars(plan, lambda *asked: spoken(predictions, *asked))
    params = params_of(trading_of(load_config(), plan.cities), plan.cities)
    came = {}
    for fill in MODELS:
        trace = run_bars(Rules(fill=fill, sizing=Sizing.SINGLE), params, bars)
        dollars = (trace.final.cash_micros + trace.final.fees_micros).sum(axis=0) / 1e6
        draws = draw(np.array(plan.dates, "datetime64[D]"), rows=len(dollars), block_days=1, level=0.996, seed=0)
        fills = int((trace.actions.made_centi != 0).sum() + (trace.actions.took_centi != 0).sum())
        came[fill] = draws.percentile(float(dollars.sum()), draws.totals(dollars)), fills
    return came


def spoken(predictions, snapshot, city, since, until):
    """Return the columns of a strategy that holds each bracket to be worth what the model last said of it."""
    minutes = signals_of(snapshot, "market", city=city, since=since, until=until).drop("p_fair")
    told = predictions.select("market_ticker", "ts_utc", p_fair="p_model").sort("market_ticker", "ts_utc")
    return minutes.sort("market_ticker", "ts_utc").join_asof(
        told, on="ts_utc", by="market_ticker", strategy="backward", tolerance="1d", check_sortedness=False
    )


WEATHER = FeatureSet(
    name="weather", features=(*OF_WEATHER, HOUR_SIN, HOUR_COS, MINUTES_TO_CLOSE_LOG)
).without(("dew_f", "humidity_pct", "wind_mph"), name="weather alone")  # fmt: skip
"""What the air says, and nothing that the market said: it knows no bounce."""
QUICK = DirectionRecipe(kind=TREES, depths=(4,), trees=(50, 100), rates=(0.1,), every_minutes=5)


def crossed(root, features, recipe=QUICK, *, city="all", window=WINDOW):
    """Return what following a direction model across the spread earns per contract, on its surest rows."""
    metrics = fit_direction(features, Lake(root).snapshot(), city, "all", window, recipe).metrics
    assert metrics["crossed_rows"] > 20_000
    return {share: metrics[f"crossed_{share}"] for share in ("tenth", "hundredth")}


@pytest.mark.usefixtures("priced_alone")
@pytest.mark.parametrize(
    "features", [WEATHER, set_of_all("baseline"), set_of_all("ridge_conservative")], ids=lambda one: one.name
)
def test_in_a_market_that_knows_everything_no_direction_pays_for_its_spread(efficient, features):
    """It may well tell up from down, since quotes bounce; whoever takes its word buys dear and sells cheap."""
    earned = crossed(efficient, features)

    assert earned["tenth"]["high"] < 0
    assert earned["hundredth"]["low"] <= 0


@pytest.mark.usefixtures("priced_alone")
def test_in_a_market_that_lags_the_weather_foretells_moves_that_pay(lagging):
    """The air of this hour is the price of the next one; where it is surest, it is worth more than the spread."""
    earned = crossed(lagging, WEATHER)

    assert earned["hundredth"]["low"] > 0


def test_a_feature_of_the_next_minute_would_be_found_out(efficient):
    """The same question, asked of a model that sees one minute ahead, is answered by a gain that nobody can have."""
    ahead = Feature(
        name="velocity_ahead", meaning="a leak: the change of the mid in the next minute",
        sources=("velocity", "market_ticker"), value=pl.col("velocity").shift(-1).over("market_ticker"),
    )  # fmt: skip
    every_minute = DirectionRecipe(cs=(1.0,), every_minutes=1)
    leaking = FeatureSet(name="leaking", features=(LOG_ODDS, SPREAD, ahead))

    earned = crossed(efficient, leaking, every_minute, city="chicago", window=SHORT)

    assert earned["tenth"]["low"] > 0
    assert earned["hundredth"]["low"] > 0
