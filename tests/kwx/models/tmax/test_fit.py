"""The fit of a window: honest about time, the same again, better than the prior where there is something to know."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from kwx.features.tmax.snapshots import read_snapshots
from kwx.models.artifact import PREDICTED, Artifact
from kwx.models.tmax import market_clock, tod
from kwx.models.tmax.classes import CLASSES, HIGHEST, LOWEST
from kwx.models.tmax.fit import _cut, fit_window, fitted, usable
from kwx.models.tmax.fitted import TmaxModel, rows_of
from kwx.models.tmax.ordinal import assembled
from kwx.models.tmax.recipe import TmaxRecipe
from kwx.models.windows import Window
from warehouse.errors import Refused, Usage
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import OBS_5M, SETTLEMENTS, Partition
from warehouse.lake.writer import Writer

Changed = Callable[[Callable[[Writer, Snapshot], None]], Snapshot]


@pytest.fixture(scope="module")
def rows(snapshot: Snapshot, clocked: Artifact) -> pl.DataFrame:
    """Return the snapshots of the test dates."""
    since, until = clocked.window.test_since, clocked.window.test_until
    cities = clocked.config["cities"]
    return pl.concat(read_snapshots(snapshot, city, since=since, until=until) for city in cities)


def test_it_knows_more_than_the_class_prior_and_says_what_it_was_judged_on(clocked: Artifact):
    for part in (clocked.metrics, clocked.metrics["day"], clocked.metrics["classes"], clocked.metrics["held"]):
        assert part["log_loss"] < part["prior_log_loss"] - 0.3
    assert clocked.metrics["rps"] < clocked.metrics["prior_rps"]
    assert (clocked.metrics["n"], clocked.metrics["dates"]) == (2 * 5 * (14 * 12 + 288), 5)
    assert clocked.fitted.degenerate() is None


def test_a_tod_model_knows_its_city(todded: dict[str, Artifact]):
    for artifact in todded.values():
        assert artifact.metrics["log_loss"] < artifact.metrics["prior_log_loss"] - 0.3
        assert artifact.metrics["n"] == 5 * 56
        assert artifact.fitted.degenerate() is None


def test_the_market_is_scored_on_the_rows_on_which_it_spoke(clocked: Artifact):
    beside = clocked.metrics["with_market"]
    assert (beside["n"], beside["dates"]) == (1, 1)
    assert beside["market_log_loss"] == pytest.approx(np.log(6))


def test_the_predictions_are_distributions_over_the_brackets_of_each_event(clocked: Artifact):
    told = clocked.predictions
    assert dict(told.schema) == PREDICTED
    sums = told.group_by("city", "event_date", "ts_utc").agg(
        pl.col("p_model").sum(), pl.col("outcome").sum(), pl.len().alias("brackets")
    )
    np.testing.assert_allclose(sums["p_model"], 1, atol=1e-9)
    assert sums["outcome"].unique().to_list() == [1]
    assert sums["brackets"].unique().to_list() == [6]
    assert told["p_model"].is_between(0, 1).all()
    assert sorted(told["event_date"].unique()) == list(clocked.window.test_dates)


def test_the_log_loss_is_that_of_the_predictions(clocked: Artifact):
    won = clocked.predictions.filter("outcome")["p_model"].to_numpy()
    assert clocked.metrics["log_loss"] == pytest.approx(-np.log(np.maximum(won, 1e-4)).mean())


def test_the_same_window_is_fitted_to_the_same_bytes(snapshot: Snapshot, todded: dict[str, Artifact]):
    first = todded["nyc"]
    again = fit_window(snapshot, "nyc", "all", first.window, TmaxRecipe(**_asked(first)))
    assert again.fitted.files() == first.fitted.files()
    assert again.predictions.equals(first.predictions, null_equal=True)
    assert again.metrics == first.metrics
    other = fit_window(snapshot, "nyc", "all", first.window, TmaxRecipe(**_asked(first) | {"seed": 7}))
    assert other.fitted.files() != first.fitted.files()


def _asked(artifact: Artifact) -> dict[str, Any]:
    return dict(artifact.config) | {"cities": tuple(artifact.config["cities"])}


def test_what_is_known_after_the_fit_moves_nothing_in_it(
    changed_lake: Changed, todded: dict[str, Artifact], drawn: Sequence[Any]
):
    first = todded["chicago"]
    last = first.window.train_until
    later = [one for one in drawn if one.event_date > last]  # also of the city that lends its days

    def poison(writer: Writer, was: Snapshot) -> None:
        for one in later:
            partition = Partition(one.city, one.event_date)
            settled, grid = (was.read(table, partition) for table in (SETTLEMENTS, OBS_5M))
            writer.put(SETTLEMENTS, settled.select(SETTLEMENTS.schema.names()).with_columns(high_f=99), partition)
            writer.put(OBS_5M, grid.select(OBS_5M.schema.names()).with_columns(run_max_f=pl.lit(99.0)), partition)

    poisoned = fit_window(changed_lake(poison), "chicago", "all", first.window, TmaxRecipe(**_asked(first)))
    assert poisoned.fitted.files() == first.fitted.files()
    assert not poisoned.predictions.equals(first.predictions)


def test_a_label_that_came_after_the_first_test_minute_is_not_used(
    changed_lake: Changed, todded: dict[str, Artifact], drawn: Sequence[Any]
):
    first = todded["chicago"]
    late = next(one for one in drawn if one.city == "chicago" and one.event_date == first.window.train_until)

    def delay(writer: Writer, was: Snapshot) -> None:
        partition = Partition("chicago", late.event_date)
        settled = was.read(SETTLEMENTS, partition).select(SETTLEMENTS.schema.names())
        moved = settled.with_columns(known_utc=pl.col("known_utc") + timedelta(days=5), high_f=pl.lit(20, pl.Int32))
        writer.put(SETTLEMENTS, moved, partition)

    snapshot, alone = changed_lake(delay), TmaxRecipe(**_asked(first) | {"lent": 0.0})
    delayed = fit_window(snapshot, "chicago", "all", first.window, alone)
    short = Window(
        train_since=first.window.train_since, train_until=late.event_date - timedelta(days=1),
        test_since=first.window.test_since, test_until=first.window.test_until,
    )  # fmt: skip
    without = fit_window(snapshot, "chicago", "all", short, alone)
    assert delayed.params["train_dates"] == first.params["train_dates"] - 1
    assert delayed.fitted.files() == without.fitted.files()


def test_a_city_lends_the_days_whose_label_was_known_and_moves_neither_choice_nor_judgement(
    changed_lake: Changed, todded: dict[str, Artifact]
):
    first = todded["nyc"]
    last = first.window.train_until

    def delay(writer: Writer, was: Snapshot) -> None:
        settled = was.read(SETTLEMENTS, Partition("chicago", last)).select(SETTLEMENTS.schema.names())
        moved = settled.with_columns(known_utc=pl.col("known_utc") + timedelta(days=5))
        writer.put(SETTLEMENTS, moved, Partition("chicago", last))

    snapshot = changed_lake(delay)
    delayed = fit_window(snapshot, "nyc", "all", first.window, TmaxRecipe(**_asked(first)))
    alone = fit_window(snapshot, "nyc", "all", first.window, TmaxRecipe(**_asked(first) | {"lent": 0.0}))
    assert delayed.params["train_dates"] == first.params["train_dates"] == alone.params["train_dates"]
    assert 0 == alone.params["lent_rows"] < delayed.params["lent_rows"] < first.params["lent_rows"]
    assert delayed.fitted.held.rows == alone.fitted.held.rows  # type: ignore[attr-defined]
    assert delayed.fitted.held.prior_log_loss == alone.fitted.held.prior_log_loss  # type: ignore[attr-defined]


def test_thinning_leaves_every_minute_of_the_clock_to_some_date(snapshot: Snapshot, clocked: Artifact):
    window = clocked.window
    rows = read_snapshots(snapshot, "nyc", since=window.train_since, until=window.train_until)
    fit_utc = rows["ts_utc"].max() + timedelta(days=9)  # type: ignore[operator]
    thin = usable(rows, window, fit_utc, clock_minutes=5, every_minutes=30)
    assert thin.height == pytest.approx(rows.height / 6, rel=0.02)
    assert set(thin["standard_minute"]) == set(rows["standard_minute"])
    assert usable(rows, window, fit_utc, clock_minutes=5, every_minutes=5).height == rows.height


def test_a_model_read_back_says_the_same_to_the_bit(clocked: Artifact, todded: dict[str, Artifact], rows: pl.DataFrame):
    for family, artifact in ((market_clock.FAMILY, clocked), (tod.FAMILY, todded["nyc"])):
        back = family.load(artifact.fitted.files())
        np.testing.assert_array_equal(back.predict(rows), artifact.fitted.predict(rows))
        np.testing.assert_array_equal(back.degrees(rows).p, artifact.fitted.degrees(rows).p)  # type: ignore[attr-defined]
        assert back.files() == artifact.fitted.files()
        assert back.degenerate() == artifact.fitted.degenerate()
        assert back.features == artifact.fitted.features


def test_a_prediction_is_of_its_row_alone(clocked: Artifact, rows: pl.DataFrame):
    p = clocked.fitted.predict(rows)
    assert p.shape == (rows.height, CLASSES)
    order = np.random.default_rng(2).permutation(rows.height)[:500]
    np.testing.assert_array_equal(clocked.fitted.predict(rows[order]), p[order])
    assert clocked.fitted.predict(rows[:0]).shape == (0, CLASSES)


def test_a_row_of_which_next_to_nothing_is_known_has_finite_chances(clocked: Artifact, rows: pl.DataFrame):
    bare = rows[:5].with_columns(
        pl.lit(None, rows.schema[name]).alias(name)
        for name in rows.columns
        if name not in ("city", "event_date", "ts_utc", "is_eve", "is_observed", "base_f")
    )
    p = clocked.fitted.predict(bare)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(clocked.fitted.degrees(bare).p.sum(axis=1), 1, atol=1e-12)  # type: ignore[attr-defined]


def test_rows_that_are_no_snapshots_are_refused(clocked: Artifact, rows: pl.DataFrame):
    with pytest.raises(Refused, match="lack min_f"):
        clocked.fitted.predict(rows.drop("min_f"))


def test_files_of_another_family_or_altered_ones_are_refused(clocked: Artifact):
    files = clocked.fitted.files()
    numbers = json.loads(files["tmax.json"])

    def altered(**changes: object) -> dict[str, bytes]:
        return files | {"tmax.json": json.dumps(numbers | changes).encode()}

    with pytest.raises(Refused, match="another family and features"):
        tod.FAMILY.load(files)
    for wrong, why in (
        (altered(classes=[LOWEST, HIGHEST + 1]), "another classes"),
        (altered(features=numbers["features"][1:]), "another features"),
        (altered(prior=[[0.5]]), "no table of chances"),
        (altered(errors=[[2.0] * 61] * 2), "no table of chances"),
        (altered(held={"dates": 3}), "cannot be read"),
        (altered(centre={**numbers["centre"], "sd_f": [0.0]}), "cannot be read"),
        (files | {"trees.txt": b"not trees"}, "not LightGBM's text"),
        (files | {"trees.txt": files["trees.txt"].replace(b" min_over_base_f ", b" other ")}, "other columns"),
        ({"trees.txt": files["trees.txt"]}, "cannot be read"),
    ):
        with pytest.raises(Refused, match=why):
            market_clock.FAMILY.load(wrong)


@pytest.fixture(scope="module")
def training(snapshot: Snapshot, todded: dict[str, Artifact]) -> pl.DataFrame:
    """Return the tod snapshots of the training dates of New York."""
    window = todded["nyc"].window
    return read_snapshots(snapshot, "nyc", since=window.train_since, until=window.train_until, clock=tod.CLOCK)


def refit(training: pl.DataFrame, artifact: Artifact, label_f: pl.Expr) -> TmaxModel:
    """Return a model of other labels, read back from its files."""
    model, _ = fitted(training.with_columns(label_f=label_f.cast(pl.Int32)), tod.FAMILY, TmaxRecipe(**_asked(artifact)))
    return tod.FAMILY.load(model.files())


def test_one_held_out_date_judges_no_model(todded: dict[str, Artifact]):
    """Its loss may be better or worse than the prior's by any chance: neither is degenerate, two dates tell."""
    model = todded["nyc"].fitted
    lost = replace(model.held, log_loss=model.held.prior_log_loss + 1, standard_error=0.0)

    assert replace(model, held=replace(lost, dates=1)).degenerate() is None
    assert "no better than the class prior" in str(replace(model, held=replace(lost, dates=2)).degenerate())
    assert ["not judged: tod of nyc: 1 held-out date, 2 are needed"] == replace(lost, dates=1).notes(of="tod of nyc: ")
    assert [] == lost.notes()


def test_dates_that_judge_choose_nothing(training: pl.DataFrame, todded: dict[str, Artifact]):
    """They are dealt in turn, behind the dates that fit and a whole date that serves nothing."""
    fit, choose, judge = (
        sorted(part["event_date"].unique()) for part in _cut(training, TmaxRecipe(**_asked(todded["nyc"])))
    )

    assert fit[-1] + timedelta(days=1) < choose[0] < judge[0]
    assert not {*choose} & {*judge}
    assert max(*choose, *judge) == training["event_date"].max()


def test_a_model_of_a_single_class_is_degenerate(training: pl.DataFrame, todded: dict[str, Artifact]):
    model = refit(training, todded["nyc"], pl.col("base_f") + 1)
    assert "single class" in str(model.degenerate())


def test_a_model_of_labels_that_nothing_foretells_is_degenerate(training: pl.DataFrame, todded: dict[str, Artifact]):
    dates, found = training["event_date"].unique().sort(), []
    for seed in range(6):
        delta = dict(zip(dates, np.random.default_rng(seed).integers(0, 4, len(dates)).tolist(), strict=True))
        model = refit(training, todded["nyc"], pl.col("base_f") + pl.col("event_date").replace_strict(delta))
        found.append("no better than the class prior" in str(model.degenerate()))
    assert sum(found) >= 5  # nine in ten of them, so the rule is


def test_trees_that_never_split_leave_the_lines(training: pl.DataFrame, todded: dict[str, Artifact]):
    lazy = TmaxRecipe(**_asked(todded["nyc"]) | {"least_rows": 1_000_000})
    model, _ = fitted(training, tod.FAMILY, lazy)
    rows = rows_of(model.set, model.centre, training)
    np.testing.assert_allclose(model.predict(training), assembled(expit(rows.start), rows.first), atol=1e-9)
    assert model.degenerate() is None


def test_too_few_training_dates_are_refused(training: pl.DataFrame, todded: dict[str, Artifact]):
    few = training.filter(pl.col("event_date") < date(2026, 3, 26))
    with pytest.raises(Refused, match="6 training dates"):
        fitted(few, tod.FAMILY, TmaxRecipe(**_asked(todded["nyc"])))


@pytest.mark.parametrize(
    ("city", "bracket", "family"),
    [("chicago", "all", "market-clock"), ("all", "between", "tod"), ("chicago", "between", "tod")],
)
def test_a_model_of_the_high_is_asked_for_as_it_is(
    snapshot: Snapshot, clocked: Artifact, city: str, bracket: str, family: str
):
    with pytest.raises(Usage):
        fit_window(snapshot, city, bracket, clocked.window, TmaxRecipe(family=family))


@pytest.mark.parametrize(
    "wrong",
    [
        {"family": "tmax"},
        {"lent": 1.5},
        {"fit_every_minutes": 7},
        {"family": "tod", "fit_every_minutes": 20},
        {"held_share": 1.0},
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused(wrong: dict[str, Any]):
    with pytest.raises(Usage):
        TmaxRecipe(**wrong)


def test_a_recipe_travels_to_other_processes_and_into_json():
    recipe = TmaxRecipe(cities=("nyc",))
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    assert TmaxRecipe(**json.loads(json.dumps(recipe.config())) | {"cities": ("nyc",)}) == recipe
