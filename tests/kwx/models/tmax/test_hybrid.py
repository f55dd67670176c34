"""Which model speaks of a row, and why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from kwx.features.tmax.snapshots import read_snapshots
from kwx.models.artifact import PREDICTED, Artifact
from kwx.models.tmax import hybrid
from kwx.models.tmax.fit import hybrid_window
from kwx.models.tmax.fitted import TmaxModel
from kwx.models.tmax.hybrid import Hybrid
from kwx.models.windows import Window
from warehouse.errors import Refused, Usage
from warehouse.lake.store import Snapshot


@pytest.fixture(scope="module")
def rows(snapshot: Snapshot, clocked: Artifact) -> pl.DataFrame:
    """Return the snapshots of one test date."""
    day = clocked.window.test_until
    return pl.concat(read_snapshots(snapshot, city, since=day, until=day) for city in ("nyc", "chicago"))


@pytest.fixture(scope="module")
def mixed(clocked: Artifact, todded: dict[str, Artifact]) -> Hybrid:
    """Return a hybrid whose Chicago is degenerate."""
    clock, nyc, chicago = clocked.fitted, todded["nyc"].fitted, todded["chicago"].fitted
    assert isinstance(clock, TmaxModel)
    assert isinstance(nyc, TmaxModel)
    assert isinstance(chicago, TmaxModel)
    silent = replace(chicago, classes_seen=1)
    return Hybrid(market_clock=clock, tods={"nyc": nyc, "chicago": silent})


def test_the_day_before_is_the_market_clocks_and_the_day_is_the_citys_own(mixed: Hybrid, rows: pl.DataFrame):
    told = pl.concat([rows.select("city", "is_eve", "civil_minute"), mixed.choices(rows)], how="horizontal")
    assert set(told.filter("is_eve")["chosen"]) == {"market_clock"}
    assert set(told.filter("is_eve")["why"]) == {"the day before"}
    by_day = told.filter(~pl.col("is_eve") & pl.col("civil_minute").is_between(600, 1425))
    assert set(by_day.filter(pl.col("city") == "nyc")["chosen"]) == {"tod"}
    fallen_back = by_day.filter(pl.col("city") == "chicago")
    assert set(fallen_back["chosen"]) == {"market_clock"}
    assert set(fallen_back["why"]) == {
        "the city's tod model is degenerate: every day that it was fitted on is of a single class"
    }
    early = told.filter(~pl.col("is_eve") & (pl.col("civil_minute") < 600))
    assert set(early["why"]) == {"before 10:00 of the event day"}


def test_a_city_without_a_tod_model_falls_back(mixed: Hybrid, rows: pl.DataFrame):
    bare = Hybrid(market_clock=mixed.market_clock, tods={})
    assert set(bare.choices(rows)["chosen"]) == {"market_clock"}
    assert "the city has no tod model" in set(bare.choices(rows)["why"])
    np.testing.assert_array_equal(bare.predict(rows), mixed.market_clock.predict(rows))


def test_each_row_is_told_what_the_chosen_model_says(mixed: Hybrid, rows: pl.DataFrame):
    is_tod = (mixed.choices(rows)["chosen"] == "tod").to_numpy()
    assert is_tod.any()
    p = mixed.predict(rows)
    np.testing.assert_array_equal(p[is_tod], mixed.tods["nyc"].predict(rows.filter(is_tod)))
    np.testing.assert_array_equal(p[~is_tod], mixed.market_clock.predict(rows.filter(~is_tod)))
    for degrees in (mixed.degrees(rows), mixed.prior_degrees(rows)):
        np.testing.assert_allclose(degrees.p.sum(axis=1), 1, atol=1e-12)


def test_the_rows_may_stand_in_any_order(mixed: Hybrid, rows: pl.DataFrame):
    order = np.random.default_rng(4).permutation(rows.height)
    np.testing.assert_array_equal(mixed.predict(rows[order]), mixed.predict(rows)[order])


def test_a_hybrid_read_back_says_the_same_and_knows_who_is_degenerate(mixed: Hybrid, rows: pl.DataFrame):
    back = hybrid.FAMILY.load(mixed.files())
    np.testing.assert_array_equal(back.predict(rows), mixed.predict(rows))
    assert back.silent == mixed.silent
    assert back.files() == mixed.files()
    assert back.degenerate() is None


def test_files_that_are_no_hybrid_are_refused(mixed: Hybrid):
    files = mixed.files()
    with pytest.raises(Refused, match="no market-clock"):
        hybrid.FAMILY.load({path: said for path, said in files.items() if path.startswith("tod/")})
    with pytest.raises(Refused, match="tod/paris"):
        hybrid.FAMILY.load(files | {"tod/paris/tmax.json": b"{}"})


def test_a_window_of_both_records_the_choice_with_every_prediction(
    snapshot: Snapshot, clocked: Artifact, todded: dict[str, Artifact]
):
    artifact = hybrid_window(snapshot, clocked, list(todded.values()))
    told = artifact.predictions
    assert told.columns == [*PREDICTED, "chosen", "why"]
    assert set(told["chosen"]) == {"market_clock", "tod"}
    assert told.height == clocked.predictions.height
    assert artifact.metrics["day"]["log_loss"] < clocked.metrics["day"]["prior_log_loss"]
    assert artifact.metrics["eve"]["log_loss"] == clocked.metrics["eve"]["log_loss"]
    assert artifact.params["tod"] == {city: one.model_id for city, one in todded.items()}


def test_models_of_other_windows_do_not_mix(snapshot: Snapshot, clocked: Artifact, todded: dict[str, Artifact]):
    window = clocked.window
    other = Window(
        train_since=window.train_since, train_until=window.train_until, test_since=window.test_since,
        test_until=window.test_since,
    )  # fmt: skip
    with pytest.raises(Usage, match="tod_nyc_all"):
        hybrid_window(snapshot, clocked, [replace(todded["nyc"], window=other)])
