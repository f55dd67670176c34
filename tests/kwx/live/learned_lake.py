"""A small lake that has learned all that a live day needs, made once: fits of the air, weights, promoted models.

Two cities, twelve days of a demo world. TODAY and TOMORROW are the dates to live: models were fitted before both and
promoted, and what the weather said of both was evaluated as it is lived, each instant by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from kwx.features.sets import set_of_all
from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.run import FuseDay, fused_day
from kwx.fuse.weight import Alphas
from kwx.fuse.weights import WeightSet, set_before, sets_of
from kwx.hazard.engines.swept import SweptLattice
from kwx.hazard.fits import fits_of, require_fit
from kwx.hazard.known.days import read_days
from kwx.hazard.law import Baseline
from kwx.hazard.recipe import Recipe
from kwx.hazard.rows import minute_rows
from kwx.hazard.run import run_dates, run_evaluation
from kwx.models.artifact import PREDICTED, Artifact
from kwx.models.elasticnet.fit import fit_window as fit_net
from kwx.models.elasticnet.recipe import ElasticnetRecipe
from kwx.models.elasticnet.rows import read_rows
from kwx.models.registry.promotion import Choice, promote
from kwx.models.registry.published import rows_said, stage_runs
from kwx.models.registry.store import store
from kwx.models.registry.told import tell_promotions
from kwx.models.tmax.joined import HybridRecipe
from kwx.models.tmax.joined import fit_window as fit_hybrid
from kwx.models.windows import Window
from tests.kwx.conftest import a_law
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import CALIBRATORS, FUSION_PARAMS, MC_PARAMS, PMF_MINUTE, PREDICTIONS, Partition
from warehouse.lake.tables.contract import ALL_CITIES
from warehouse.lake.writer import write
from warehouse.market.cities import CITIES

KEYS = ("chicago", "nyc")
DAYS, TODAY = 12, date(2026, 11, 3)
TOMORROW = TODAY + timedelta(days=1)
WINDOW = Window(
    train_since=date(2026, 10, 24), train_until=TODAY - timedelta(days=2), test_since=TODAY, test_until=TOMORROW
)  # fmt: skip
PROMOTED = datetime(2026, 11, 2, 8, tzinfo=UTC)
"""So the lake was told, before any of both was traded."""
EVE_EVALUATIONS = 19
"""Of tomorrow so many are lived: those of its eve, and its opening midnight."""
PARTS: dict[str, Any] = {
    "fit_every_minutes": 60, "rounds": 20, "least_rows": 30, "learning_rate": 0.2, "lent": 0.0,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Learned:
    """Where the lake and the models lie, and the cities that they know."""

    root: Path
    models: Path
    cities: tuple[str, ...] = KEYS

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        return Lake(self.root).snapshot()


def learn(folder: Path, *, cities: tuple[str, ...] = KEYS) -> Learned:
    """Build the lake below a folder."""
    from pipelines.build import build_demo, demo_world

    learned = Learned(root=folder / "lake", models=folder / "models", cities=cities)
    world = demo_world(days=DAYS, until=TOMORROW, cities=cities, seed=23, books=False)
    build_demo(world, learned.root)
    _fit(learned)
    _evaluate(learned)
    _fuse(learned)
    _train(learned)
    return learned


def lived_rows(snapshot: Snapshot, city: str, event_date: date, numbers: range) -> pl.DataFrame:
    """Return rows of pmf_minute as they are lived: each evaluation by itself."""
    day = read_days(snapshot, CITIES[city], event_date, event_date)[0]
    fit, engine = require_fit(fits_of(snapshot, city), city, event_date), SweptLattice()
    runs = (run_evaluation(day, fit, engine, number) for number in numbers)
    return pl.concat(minute_rows(run, mc_version=Recipe().mc_version)[0] for run in runs)


def _fit(learned: Learned) -> None:
    """Write laws by hand, as if fitted before the first day, weights, and a calibrator of nothing but the nets."""
    fitted = {"fitted_utc": datetime(2026, 10, 20, tzinfo=UTC), "since": date(2026, 9, 1), "until": date(2026, 10, 18)}
    weights = WeightSet(
        city=ALL_CITIES, fitted_utc=fitted["fitted_utc"], pool="log_linear", method="gradient",  # type: ignore[arg-type]
        alphas=Alphas(0.4, 0.05, -0.3, -0.02), accepted=True, since=date(2026, 9, 1), until=date(2026, 10, 18), days=40,
        snapshot=1, metrics={"loss": {"value": 0.9}},
    )  # fmt: skip
    with write(Lake(learned.root), purpose="test") as writer:
        for city in learned.cities:
            kinds = (Baseline.TEMPLATE,) if city == "nyc" else (Baseline.TEMPLATE, Baseline.TIMELINE)
            laws = [a_law(kind, city=city, **fitted) for kind in kinds]
            writer.put(MC_PARAMS, pl.concat(law.row() for law in laws), Partition(city))
        writer.put(FUSION_PARAMS, weights.row(), Partition(ALL_CITIES))
        writer.put(CALIBRATORS, _calibrator(), Partition("nyc"))
        writer.publish()


def _calibrator() -> pl.DataFrame:
    """Return a calibrator of the elastic nets of one of the cities."""
    told = {
        "horizon": "day", "model_type": "elasticnet", "method": "platt",
        "fitted_utc": datetime(2026, 10, 20, tzinfo=UTC),
        "since_date": date(2026, 9, 1), "until_date": date(2026, 10, 18),
        "parameters_json": '{"intercept": 0.1, "method": "platt", "slope": 0.8}', "metrics_json": "{}",
    }  # fmt: skip
    return pl.DataFrame([told], schema=CALIBRATORS.schema)


def _evaluate(learned: Learned) -> None:
    """Say what the weather says of each day: of the past in one run, of the days to live as they are lived."""
    snapshot = learned.snapshot
    past = [TODAY - timedelta(days=number) for number in range(DAYS - 2, 0, -1)]
    with write(Lake(learned.root), purpose="test") as writer:
        for city in learned.cities:
            for run in run_dates(snapshot, city, past, Recipe().build()):
                rows, _ = minute_rows(run, mc_version=Recipe().mc_version)
                writer.put(PMF_MINUTE, rows, Partition(city, run.data.day.event_date))
            for day, numbers in ((TODAY, range(307)), (TOMORROW, range(EVE_EVALUATIONS))):
                writer.put(PMF_MINUTE, lived_rows(snapshot, city, day, numbers), Partition(city, day))
        writer.publish()


def _fuse(learned: Learned) -> None:
    snapshot = learned.snapshot
    with write(Lake(learned.root), purpose="test") as writer:
        for place in snapshot.partitions(PMF_MINUTE.name):
            weights = set_before(sets_of(snapshot, place.city), place.event_date)  # type: ignore[arg-type]
            day = FuseDay(event_date=place.event_date, weights=weights, sha256="0" * 64)  # type: ignore[arg-type]
            rows, _ = fused_day(snapshot, place, day, MarketRecipe())
            writer.put(PMF_MINUTE, rows, place)
        writer.publish()


def _lent(snapshot: Snapshot, artifact: Artifact, kind: str) -> Artifact:
    """Return a net as if it were fitted to another type of bracket: in so few days hardly one of these settles yes."""
    features = set_of_all("elasticnet_rich", bracket="between")
    days = {"since": WINDOW.test_since, "until": WINDOW.test_until, "every_minutes": 5}
    rows = read_rows(snapshot, ALL_CITIES, kind, features, **days)  # type: ignore[arg-type]
    p = pl.Series(artifact.fitted.predict(rows.built))
    own = artifact.calibrator
    mended = pl.lit(None) if own is None else pl.Series(own.apply(p.to_numpy()))
    said = rows.said.with_columns(p_model=p, p_calibrated=mended)
    predictions = said.select(pl.col(name).cast(dtype) for name, dtype in PREDICTED.items())
    return replace(artifact, bracket=kind, predictions=predictions)


def _train(learned: Learned) -> None:
    """Fit one window of each family, promote it, and tell the lake what it says of the days to live."""
    snapshot, models = learned.snapshot, learned.models
    between = fit_net(snapshot, ALL_CITIES, "between", WINDOW, ElasticnetRecipe(trials=1, cv_splits=2))
    artifacts = [between, *(_lent(snapshot, between, kind) for kind in ("greater", "less"))]
    artifacts.append(
        fit_hybrid(snapshot, ALL_CITIES, "all", WINDOW, HybridRecipe(parts=PARTS | {"cities": learned.cities}))
    )
    cards = [store(artifact, models) for artifact in artifacts]
    promote(Choice(), models, reason="test")
    said = [
        rows_said(card, artifact.predictions.filter(pl.col("city").is_in(learned.cities)))
        for card, artifact in zip(cards, artifacts, strict=True)
    ]
    with write(Lake(learned.root), purpose="test") as writer:
        for place, rows in PREDICTIONS.split(pl.concat(said)):
            writer.put(PREDICTIONS, rows, place)
        for staged in stage_runs(writer, snapshot, cards):
            writer.add(staged)
        writer.publish()
    tell_promotions(Lake(learned.root), models, clock=lambda: PROMOTED)
