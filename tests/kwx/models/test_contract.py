"""What every model keeps, whatever its family: held here by all of them, fitted on one lake."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kwx.features.panel import read_panel
from kwx.features.sets import set_for
from kwx.features.tmax.instants import market_clock, time_of_day
from kwx.features.tmax.snapshots import read_snapshots
from kwx.models.artifact import Artifact
from kwx.models.direction.fit import fit_window as fit_direction
from kwx.models.direction.recipe import DirectionRecipe
from kwx.models.elasticnet.fit import fit_window as fit_elasticnet
from kwx.models.elasticnet.recipe import ElasticnetRecipe
from kwx.models.registry.store import load, read_predictions, store
from kwx.models.tmax import fit, joined
from kwx.models.tmax.recipe import TmaxRecipe
from kwx.models.windows import Window
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import CANDLES_DENSE, OBS, OBS_5M, SETTLEMENTS, Partition
from warehouse.lake.writer import write

WINDOW = Window(
    train_since=date(2026, 10, 26), train_until=date(2026, 11, 2),
    test_since=date(2026, 11, 4), test_until=date(2026, 11, 4),
)  # fmt: skip
TEST_DAY = Partition("miami", WINDOW.test_since)
QUICK = {"cities": ("miami",), "fit_every_minutes": 60, "rounds": 20, "least_rows": 20}
OF_LADDERS = ("market_clock", "tod", "hybrid")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A family: how it is fitted on the lake, and the rows that it reads."""

    fit: Callable[[Snapshot], Artifact]
    rows: Callable[[Snapshot], pl.DataFrame]


def features_of(name: str, *strike_types: str) -> Callable[[Snapshot], pl.DataFrame]:
    """Return the reader of a set's columns on the test date, market by market."""
    features = set_for(name, "miami")

    def read(snapshot: Snapshot) -> pl.DataFrame:
        panel = read_panel(
            snapshot, "miami", since=WINDOW.test_since, until=WINDOW.test_until, every_minutes=30,
            strike_types=strike_types,
        )  # fmt: skip
        return features.build(panel)

    return read


def snapshots_at(clock) -> Callable[[Snapshot], pl.DataFrame]:
    """Return the reader of a clock's snapshots of the test date."""
    return lambda snapshot: read_snapshots(
        snapshot, "miami", since=WINDOW.test_since, until=WINDOW.test_until, clock=clock
    )


def direction(kind: str) -> Kind:
    """Return a family of direction."""
    recipe = DirectionRecipe(kind=kind, every_minutes=15, resamples=50, cs=(0.1, 1.0), trees=(20,), depths=(3,))
    return Kind(
        fit=lambda snapshot: fit_direction(snapshot, "miami", "all", WINDOW, recipe), rows=features_of("baseline")
    )


KINDS = {
    "elasticnet": Kind(
        fit=lambda snapshot: fit_elasticnet(
            snapshot, "miami", "between", WINDOW,
            ElasticnetRecipe(feature_set="baseline", trials=2, cv_splits=2, every_minutes=30),
        ),
        rows=features_of("baseline", "between"),
    ),
    "direction by logistic": direction("logistic"),
    "direction by trees": direction("gbdt"),
    "market_clock": Kind(
        fit=lambda snapshot: fit.fit_window(snapshot, "all", "all", WINDOW, TmaxRecipe(**QUICK)),
        rows=snapshots_at(market_clock),
    ),
    "tod": Kind(
        fit=lambda snapshot: fit.fit_window(snapshot, "miami", "all", WINDOW, TmaxRecipe(family="tod", **QUICK)),
        rows=snapshots_at(time_of_day),
    ),
    "hybrid": Kind(
        fit=lambda snapshot: joined.fit_window(
            snapshot, "miami", "all", WINDOW,
            joined.HybridRecipe(parts={name: QUICK[name] for name in QUICK if name != "cities"}),
        ),
        rows=snapshots_at(market_clock),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def fitted(ten_days) -> Callable[[str], Artifact]:
    """Return the artifact of a family, fitted once."""
    held: dict[str, Artifact] = {}
    snapshot = Lake(ten_days).snapshot()

    def of(name: str) -> Artifact:
        if name not in held:
            held[name] = KINDS[name].fit(snapshot)
        return held[name]

    return of


@pytest.fixture(scope="module")
def poisoned(ten_days: Path, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The same lake, in which prices, reports and the high of the test date are others."""
    root = tmp_path_factory.mktemp("poisoned") / "lake"
    shutil.copytree(ten_days, root, symlinks=True)
    held = Lake(root).snapshot()
    others = [
        (CANDLES_DENSE, (pl.col("mid_half_ticks") * 0 + 7_000, pl.col("volume_20m_centi") + 900_000)),
        (OBS, (pl.col("temp_f") + 9,)),
        (OBS_5M, (pl.col("temp_f") + 9, pl.col("run_max_f") + 9)),
        (SETTLEMENTS, (pl.col("high_f") + 6,)),
    ]
    with write(Lake(root), purpose="poison") as writer:
        for table, changes in others:
            rows = held.read(table, TEST_DAY).select(table.schema.names())
            writer.put(table, rows.with_columns(changes).cast(table.schema), TEST_DAY)
        writer.publish()
    return Lake(root).snapshot()


@pytest.mark.parametrize("name", KINDS)
def test_probabilities_are_probabilities(fitted, ten_days, name):
    """Each row has a finite chance in 0 … 1, or one of each class that sum to one."""
    p = fitted(name).fitted.predict(KINDS[name].rows(Lake(ten_days).snapshot()))

    assert len(p) > 20
    assert np.isfinite(p).all()
    assert ((p >= 0) & (p <= 1)).all()
    if p.ndim > 1:
        np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-9)


@pytest.mark.parametrize("name", KINDS)
def test_what_is_predicted_of_the_test_dates_is_of_each_market_once(fitted, name):
    """Predictions lie on the test dates, one for each market and minute; of a ladder they sum to one."""
    said = fitted(name).predictions

    assert {WINDOW.test_since} == set(said["event_date"])
    assert {"miami"} == set(said["city"])
    assert said.height == said.unique(["market_ticker", "ts_utc"]).height
    assert said["p_model"].is_between(0, 1).all()
    if name in OF_LADDERS:
        sums = said.group_by("ts_utc").agg(pl.col("p_model").sum())["p_model"]
        assert sums.is_between(1 - 1e-9, 1 + 1e-9).all()


@pytest.mark.parametrize("name", KINDS)
def test_a_model_that_was_kept_says_the_same_to_the_bit(fitted, ten_days, tmp_path, name):
    """Stored, and read back from its files, it predicts what it predicted; so do its predictions."""
    artifact, rows = fitted(name), KINDS[name].rows(Lake(ten_days).snapshot())
    card = store(artifact, tmp_path)
    (folder,) = (path.parent for path in tmp_path.rglob("card.json"))
    assert read_predictions(folder).equals(artifact.predictions)
    if card.degenerate is None:
        assert np.array_equal(load(folder).fitted.predict(rows), artifact.fitted.predict(rows))


@pytest.mark.parametrize("name", KINDS)
def test_a_row_is_predicted_by_itself(fitted, ten_days, name):
    """Neither the order of rows nor those that come later change what is said of one."""
    model, rows = fitted(name).fitted, KINDS[name].rows(Lake(ten_days).snapshot())
    whole, half = model.predict(rows), rows.height // 2
    order = np.random.default_rng(3).permutation(rows.height)

    np.testing.assert_array_equal(model.predict(rows.head(half)), whole[:half])
    np.testing.assert_array_equal(model.predict(rows[order]), whole[order])


@pytest.mark.parametrize("name", KINDS)
def test_nothing_of_the_test_dates_moves_the_fit(fitted, poisoned, ten_days, name):
    """With other prices, reports and settlements of the test date the fitted files are the same bytes."""
    again = KINDS[name].fit(poisoned)

    assert dict(fitted(name).fitted.files()) == dict(again.fitted.files())
    first = again.predictions.join(fitted(name).predictions, on=["market_ticker", "ts_utc"], suffix="_before")
    assert (first["p_model"] != first["p_model_before"]).any()  # the poison reached what is predicted


@pytest.mark.parametrize("name", KINDS)
def test_a_fit_again_is_the_same_to_the_bit(fitted, ten_days, name):
    """Seed, data and versions decide every byte."""
    again = KINDS[name].fit(Lake(ten_days).snapshot())

    assert dict(fitted(name).fitted.files()) == dict(again.fitted.files())
    assert fitted(name).predictions.equals(again.predictions)
