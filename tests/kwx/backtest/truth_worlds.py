"""Small worlds whose truth is known, in which every strategy that is shipped can trade.

Models are fitted, promoted and calibrated once, in a school: a world of its own whose dates all come before those that
are judged. In every other world they speak as promoted models do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.run import FuseWish, fuse_days
from kwx.fuse.weights import said_weight
from kwx.hazard.backfill import backfill
from kwx.hazard.fit.walk import Walk, fit_params
from kwx.hazard.plan import Wish
from kwx.models.calibration.run import CalibrateWish, calibrate
from kwx.models.elasticnet.fit import fit_window as fit_net
from kwx.models.elasticnet.recipe import ElasticnetRecipe, SearchRange
from kwx.models.predicting.run import PredictWish, predict
from kwx.models.registry.promotion import Choice, promote
from kwx.models.tmax.joined import HybridRecipe
from kwx.models.tmax.joined import fit_window as fit_hybrid
from kwx.models.training.run import FITTED, train
from kwx.models.training.series import FitWindow, Recipe, Series
from kwx.models.windows import Window
from pipelines.build import build_demo, demo_world
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import CALIBRATORS, Partition
from warehouse.lake.tables.contract import ALL_CITIES
from warehouse.lake.writer import write

CITIES = ("chicago", "miami")
MARKET_SHARE = 0.4
FITTED_DAYS = 12
"""The weather is fitted on the first days of each world."""
DAYS, UNTIL = 20, date(2026, 11, 4)
SINCE = UNTIL - timedelta(days=DAYS - FITTED_DAYS - 2)

SCHOOL_SEED, SCHOOL_DAYS, SCHOOL_UNTIL = 100, 54, SINCE - timedelta(days=1)
"""Of no world that is judged; its last date gives the calibrators' last one time to settle."""
TESTED_DAYS = 13
TEST_UNTIL = SCHOOL_UNTIL - timedelta(days=1)
TEST_SINCE = TEST_UNTIL - timedelta(days=TESTED_DAYS - 1)
HIGH_WINDOW = Window(
    train_since=SCHOOL_UNTIL - timedelta(days=SCHOOL_DAYS - 2), train_until=TEST_SINCE - timedelta(days=2),
    test_since=TEST_SINCE, test_until=TEST_UNTIL,
)  # fmt: skip
"""Models of the high need no law of the weather: they learn from the first days on."""
NET_WINDOW = Window(
    train_since=SCHOOL_UNTIL - timedelta(days=SCHOOL_DAYS - FITTED_DAYS - 2), train_until=HIGH_WINDOW.train_until,
    test_since=TEST_SINCE, test_until=TEST_UNTIL,
)  # fmt: skip
NET = ElasticnetRecipe(trials=4, cv_splits=3, search=SearchRange(class_weights=(None,)), every_minutes=30)
HIGH = HybridRecipe(
    parts={
        "cities": CITIES, "fit_every_minutes": 60, "held_share": 0.4, "lent": 0.0, "rounds": 60, "learning_rate": 0.15,
        "least_rows": 100,
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class School:
    """Where the lake lies that models learned from, and the models."""

    lake: Path
    models: Path


def build(
    root: Path, seed: int, efficiency: float, *, days: int = DAYS, until: date = UNTIL, school: School | None = None
) -> Snapshot:
    """Return a world whose weather is fitted on its first days and fused at a stated share on the others.

    school: whose models speak of these others.
    """
    world = demo_world(days=days, until=until, cities=CITIES, seed=seed, efficiency=efficiency, books=False)
    build_demo(world, root, workers=1)
    fitted_until = until - timedelta(days=days - FITTED_DAYS)
    since = fitted_until + timedelta(days=2)
    fit_params(Walk(until=fitted_until), root, workers=1)
    backfill(Wish(since=since), root, workers=1)
    stated = said_weight(MARKET_SHARE, pool="log_linear", market=MarketRecipe())
    fuse_days(FuseWish(since=since, weights=stated), root, workers=1)
    if school is not None:
        speak(root, school, since)
    return Lake(root).snapshot()


def learn(folder: Path, efficiency: float) -> School:
    """Fit, promote and calibrate models of both families in a world of their own."""
    school = School(lake=folder / "lake", models=folder / "models")
    build(school.lake, SCHOOL_SEED, efficiency, days=SCHOOL_DAYS, until=SCHOOL_UNTIL)
    nets = [_series("elasticnet", bracket, NET_WINDOW, fit_net, NET) for bracket in ("between", "greater", "less")]
    for series in (nets, [_series("hybrid", "all", HIGH_WINDOW, fit_hybrid, HIGH)]):
        run = train(series, school.lake, school.models, workers=1)
        assert [one.state for one in run.windows] == [FITTED] * len(series), run.windows
    promote(Choice(), school.models, reason="no model beats a market that knows everything, and this one trades there")
    calibrate(CalibrateWish(method="platt"), school.lake, workers=1)
    return school


def _series(family: str, bracket: str, window: Window, fit_window: FitWindow, recipe: Recipe) -> Series:
    return Series(
        family=family, city=ALL_CITIES, bracket=bracket, fit_window=fit_window, recipe=recipe, window=window,
        train_days=len(window.train_dates), test_days=TESTED_DAYS, step_days=TESTED_DAYS,
    )  # fmt: skip


def speak(root: Path, school: School, since: date) -> None:
    """Let the school's models speak of a world's dates, with the calibrators beside them."""
    said = predict(PredictWish(since=since), root, school.models, workers=1)
    assert not said.broken, said.broken
    learned = Lake(school.lake).snapshot()
    with write(Lake(root), purpose="test") as writer:
        for city in CITIES:
            rows = learned.read(CALIBRATORS, Partition(city)).select(CALIBRATORS.schema.names())
            assert set(rows["model_type"]) == {"elasticnet", "hybrid"}
            writer.put(CALIBRATORS, rows, Partition(city))
        writer.publish()
