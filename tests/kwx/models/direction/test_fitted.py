"""Candidates, their files, and what a model is refused for."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from kwx.models.direction.candidates import Rows, choose
from kwx.models.direction.fitted import DIRECTION, NUMBERS, TREE_TEXT, About
from kwx.models.direction.recipe import DirectionRecipe
from kwx.models.held import HeldOut
from warehouse.errors import Refused, Usage

NAMES = ("a", "b", "c")
RECIPE = DirectionRecipe(cs=(0.01, 1.0), depths=(3,), trees=(20, 60), rates=(0.1, 0.2))


def rows_of(seed: int, *, signal: float, rows: int = 1500) -> Rows:
    """Return rows of three features, of which the first tells the outcome by so much; a tenth of it is not known."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(2, 3, (rows, 3))
    up = rng.random(rows) < expit(signal * (matrix[:, 0] - 2) / 3)
    matrix[rng.random(rows) < 0.1, 0] = np.nan
    return Rows(frame=pl.DataFrame(matrix, schema=list(NAMES)), up=up)


def chosen(kind: str, *, signal: float = 2.0):
    fitted, choosing = rows_of(1, signal=signal), rows_of(2, signal=signal)
    about = About(
        features=NAMES, horizon_minutes=5, epsilon=0.005, prior=float(fitted.up.mean()), validation_log_loss=0.0,
        validation_prior_log_loss=0.0, hawkes={"buy": {"mu": 0.1, "alpha": 0.2, "beta": 0.3}, "sell": None},
    )  # fmt: skip
    return choose(fitted, choosing, about, replace(RECIPE, kind=kind))


@pytest.fixture(scope="module", params=["logistic", "gbdt"])
def of_kind(request):
    """The choice of each kind."""
    return chosen(request.param)


def test_the_signal_is_found_and_the_least_loss_taken(of_kind):
    later = rows_of(3, signal=2.0)
    p = of_kind.fitted.predict(later.frame)
    least = min(one["log_loss"] for one in of_kind.tried)

    assert p[later.up].mean() - p[~later.up].mean() > 0.2
    assert of_kind.fitted.about.validation_log_loss == least
    assert of_kind.params in [{name: one[name] for name in of_kind.params} for one in of_kind.tried
                              if one["log_loss"] == least]  # fmt: skip
    assert of_kind.fitted.degenerate() is None


def test_files_give_the_same_model_to_the_bit(of_kind):
    files = of_kind.fitted.files()
    again = DIRECTION.load(files)
    rows = rows_of(4, signal=2.0).frame

    assert again == of_kind.fitted
    assert again.files() == files
    assert again.features == NAMES
    np.testing.assert_array_equal(again.predict(rows), of_kind.fitted.predict(rows))
    assert all(isinstance(content, bytes) for content in files.values())


def test_each_row_is_predicted_alone(of_kind):
    """Neither order nor company changes a bit of it, and what is not known still has a probability."""
    rows = rows_of(5, signal=2.0, rows=137).frame
    p = of_kind.fitted.predict(rows)
    alone = np.concatenate([of_kind.fitted.predict(rows[place : place + 1]) for place in range(rows.height)])
    unknown = of_kind.fitted.predict(
        pl.DataFrame({name: [None] for name in NAMES}, schema=dict.fromkeys(NAMES, pl.Float64))
    )

    np.testing.assert_array_equal(p, alone)
    np.testing.assert_array_equal(of_kind.fitted.predict(rows.reverse()), p[::-1])
    np.testing.assert_array_equal(of_kind.fitted.predict(rows.select("c", "b", "a")), p)
    assert ((p >= 0) & (p <= 1)).all()
    assert 0 < unknown[0] < 1
    assert len(of_kind.fitted.predict(rows.head(0))) == 0


def test_what_noise_taught_is_degenerate():
    """Of noise no candidate beats the share of ups on later rows, and the model says so."""
    trees = chosen("gbdt", signal=0.0).fitted
    assert "no better than" in trees.degenerate()
    assert "no better than" in DIRECTION.load(trees.files()).degenerate()


def test_held_out_dates_overrule_those_that_chose(of_kind):
    """A gain on the dates that chose is none where later ones show none; so it is once read back."""
    held = HeldOut(dates=4, rows=900, log_loss=0.60, prior_log_loss=0.69, standard_error=0.02)
    good, lucky = (
        replace(of_kind.fitted, about=replace(of_kind.fitted.about, held=one))
        for one in (held, replace(held, log_loss=0.68))
    )

    assert good.degenerate() is None
    assert "no better than the class prior" in lucky.degenerate()
    for model in (good, lucky):
        assert DIRECTION.load(model.files()) == model
        assert DIRECTION.load(model.files()).degenerate() == model.degenerate()


def test_a_fit_from_before_dates_were_kept_to_judge_is_still_read(of_kind):
    """It is judged by the dates that chose it, as it was then."""
    document = json.loads(of_kind.fitted.files()[NUMBERS])
    del document["held"]
    again = DIRECTION.load(of_kind.fitted.files() | {NUMBERS: json.dumps(document).encode()})

    assert again.about.held is None
    assert again.degenerate() is None
    losing = replace(again.about, validation_log_loss=again.about.validation_prior_log_loss)
    assert "on the validation dates, no better" in replace(again, about=losing).degenerate()


def test_constant_models_are_degenerate(of_kind):
    model = of_kind.fitted
    assert "single class" in replace(model, about=replace(model.about, prior=1.0)).degenerate()
    logistic = chosen("logistic").fitted
    assert "no feature" in replace(logistic, weights=(0.0, 0.0, 0.0)).degenerate()


def test_trees_without_a_split_are_degenerate():
    few = replace(RECIPE, kind="gbdt", least_leaf_rows=5000)
    fitted, choosing = rows_of(1, signal=2.0), rows_of(2, signal=2.0)
    about = replace(chosen("gbdt").fitted.about, hawkes=None)
    assert "no tree has a split" in choose(fitted, choosing, about, few).fitted.degenerate()


def test_a_constant_feature_breaks_nothing():
    fitted, choosing = (rows_of(seed, signal=2.0) for seed in (1, 2))
    fitted = replace(fitted, frame=fitted.frame.with_columns(b=pl.lit(0.1), c=pl.lit(float("nan"))))
    choosing = replace(choosing, frame=choosing.frame.with_columns(b=pl.lit(0.1), c=pl.lit(float("nan"))))
    model = choose(fitted, choosing, chosen("logistic").fitted.about, RECIPE).fitted
    assert np.isfinite(model.predict(choosing.frame)).all()
    assert set(model.coefficients()) == {"a"}


def test_foreign_files_are_refused(of_kind):
    files = of_kind.fitted.files()
    document = json.loads(files[NUMBERS])

    def with_said(**said: object) -> dict[str, bytes]:
        return files | {NUMBERS: json.dumps(document | said).encode()}

    for wrong in (
        {}, files | {"more.txt": b""}, files | {NUMBERS: b"{"}, files | {NUMBERS: b"[]"}, with_said(family="tod"),
        with_said(kind="pickle"), with_said(features=[]), with_said(features=["a", "b"]), with_said(prior="x"),
        with_said(horizon_minutes=60), with_said(held=[]), with_said(held={"dates": 3}),
    ):  # fmt: skip
        with pytest.raises(Refused):
            DIRECTION.load(wrong)


def test_broken_numbers_are_refused():
    files = chosen("logistic").fitted.files()
    document = json.loads(files[NUMBERS])
    for said in ({"scale": [1, 0, 1]}, {"weights": [1, 2]}, {"weights": [1, 2, float("nan")]}, {"intercept": None}):
        with pytest.raises(Refused):
            DIRECTION.load({NUMBERS: json.dumps(document | said).encode()})
    with pytest.raises(Refused, match="no trees"):
        DIRECTION.load(chosen("gbdt").fitted.files() | {TREE_TEXT: b"nothing"})


def test_rows_without_a_feature_are_refused(of_kind):
    with pytest.raises(Refused, match="lack the features c"):
        of_kind.fitted.predict(rows_of(5, signal=1.0).frame.drop("c"))


def test_a_recipe_says_what_it_cannot_be():
    for said in (
        {"horizon_minutes": 3}, {"kind": "forest"}, {"epsilon": 0.0}, {"shares": (0.6, 0.4, 0.0)}, {"cs": ()},
        {"every_minutes": 0}, {"law_share": 1.0}, {"kind": "gbdt", "depths": ()}, {"cs": (-1.0,)}, {"rates": (2.0,)},
    ):  # fmt: skip
        with pytest.raises(Usage):
            DirectionRecipe(**said)
    config = DirectionRecipe().config()
    assert json.loads(json.dumps(config)) == config
    assert config["epsilon"] == 0.005
    assert config["shares"] == [0.6, 0.2, 0.2]
