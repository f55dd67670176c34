"""A window from the lake: the same bytes again, blind to what came later, and refused where it cannot be fitted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from kwx.models.artifact import PREDICTED
from kwx.models.elasticnet import ELASTICNET, CalibrationRule, ElasticnetRecipe
from kwx.models.elasticnet.fit import fit_features, fit_window
from kwx.scoring.contracts import log_loss
from warehouse.errors import Refused, Usage
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_DENSE, SETTLEMENTS

UNGUARDED = CalibrationRule(guard=False)
RECIPE = ElasticnetRecipe(feature_set="baseline", trials=4, cv_splits=3, every_minutes=30, calibration=UNGUARDED)


def fitted_on(root, window, *, bracket="between", recipe=RECIPE):
    return fit_window(Lake(root).snapshot(), "chicago", bracket, window, recipe)


@pytest.fixture(scope="module")
def artifact(walked_lake, window):
    """The window as the lake has it."""
    return fitted_on(walked_lake, window)


def test_it_speaks_of_every_test_row_and_of_no_other(artifact, window):
    """In the columns of predictions, each a probability."""
    told = artifact.predictions

    assert PREDICTED == dict(told.schema)
    assert list(window.test_dates) == told["event_date"].unique().sort().to_list()
    for name in ("p_model", "p_calibrated"):
        assert told[name].is_between(0, 1).all()
        assert 0 == told[name].null_count()
    assert told.equals(told.sort("event_date", "market_ticker", "ts_utc"))


def test_it_says_how_good_it_was_and_the_market_on_the_same_rows(artifact):
    """The scores are those of its predictions, with their counts."""
    told, metrics = artifact.predictions, artifact.metrics

    assert (told.height, 2) == (metrics["rows"], metrics["dates"])
    assert 0 == metrics["rows_without_market"] == metrics["rows_not_settled"]
    for name, column in (("log_loss", "p_calibrated"), ("model_log_loss", "p_model")):
        assert log_loss(told[column].to_numpy(), hit=told["outcome"].to_numpy()).mean() == metrics[name]
    assert metrics["market_log_loss"] > 0
    assert artifact.fitted.nonzero == metrics["nonzero"]
    assert (4, artifact.config["trials"]) == (artifact.params["trials"], 4)


def test_the_same_again_to_the_byte(artifact, walked_lake, window):
    """Same snapshot, recipe and seed."""
    again = fitted_on(walked_lake, window)

    assert artifact.fitted.files() == again.fitted.files()
    assert artifact.calibrator.document() == again.calibrator.document()
    assert artifact.predictions.equals(again.predictions)
    assert (artifact.params, artifact.metrics, artifact.config) == (again.params, again.metrics, again.config)


def test_what_is_read_back_predicts_the_same(artifact, tiny, walked_lake, window):
    """Of the model's own rows, built anew from the lake."""
    one = fit_features(tiny, Lake(walked_lake).snapshot(), "chicago", "between", window, RECIPE)

    again = ELASTICNET.load(one.fitted.files())

    rows = pl.DataFrame({name: np.linspace(-1, 1, 50) for name in tiny.names})
    np.testing.assert_array_equal(one.fitted.predict(rows), again.predict(rows))
    assert one.fitted.features == tiny.names


def _poisoned(rows):
    """Return minutes whose prices are turned around."""
    return rows.with_columns(
        mid_half_ticks=20_000 - pl.col("mid_half_ticks"), volume_20m_centi=pl.col("volume_20m_centi") + 7_777
    )


def _hotter(rows):
    """Return settlements of a high that no bracket but the last has."""
    return rows.with_columns(high_f=pl.col("high_f") + 40)


def test_nothing_after_the_fit_moves_it(artifact, altered, window):
    """Prices and settlements of the test dates, and of the date between, change neither model nor calibrator."""
    between = window.train_until + timedelta(days=1)
    altered(_hotter, SETTLEMENTS, [between, *window.test_dates])
    root = altered(_poisoned, CANDLES_DENSE, [between, *window.test_dates])

    after = fitted_on(root, window)

    assert artifact.fitted.files() == after.fitted.files()
    assert artifact.calibrator.document() == after.calibrator.document()
    assert artifact.params == after.params
    assert not artifact.predictions["outcome"].equals(after.predictions["outcome"])


def test_later_rows_leave_earlier_predictions_alone(artifact, altered, window):
    """Prices of the last test date change nothing that was said of the one before, nor of its own first half."""
    last = window.test_until
    half_utc = artifact.predictions.filter(event_date=last)["ts_utc"].median()

    def later(rows):
        hit = pl.col("ts_utc") > half_utc
        changed = _poisoned(rows)
        names = ("mid_half_ticks", "volume_20m_centi")
        return rows.with_columns(pl.when(hit).then(changed[name]).otherwise(pl.col(name)).alias(name) for name in names)

    after = fitted_on(altered(later, CANDLES_DENSE, [last]), window)

    earlier = pl.col("ts_utc") <= half_utc
    assert artifact.predictions.filter(earlier).equals(after.predictions.filter(earlier))
    assert not artifact.predictions.filter(~earlier).equals(after.predictions.filter(~earlier))


def test_a_label_that_came_too_late_is_not_fitted(artifact, altered, window):
    """Known after the first test market opened, the last training date is as if it had not settled."""
    late = window.train_until
    by = timedelta(days=5)
    root = altered(lambda rows: rows.with_columns(pl.col("known_utc") + by), SETTLEMENTS, [late])
    first = fitted_on(root, window)

    root = altered(_hotter, SETTLEMENTS, [late])

    assert fitted_on(root, window).fitted.files() == first.fitted.files() != artifact.fitted.files()
    held = sum(artifact.metrics[name] for name in ("fit_dates", "calibration_dates"))
    assert held - 1 == sum(first.metrics[name] for name in ("fit_dates", "calibration_dates"))


def test_a_window_that_has_not_settled_is_told_of_all_the_same(artifact, altered, window):
    """Its predictions stand without outcomes, its metrics without scores."""
    root = altered(lambda rows: rows.head(0), SETTLEMENTS, window.test_dates)

    ahead = fitted_on(root, window)

    assert ahead.predictions["outcome"].null_count() == ahead.predictions.height == ahead.metrics["rows_not_settled"]
    assert ahead.predictions.drop("outcome").equals(artifact.predictions.drop("outcome"))
    assert (0, None, None) == tuple(ahead.metrics[name] for name in ("rows", "log_loss", "market_log_loss"))


def test_a_window_without_any_market_yet_has_a_model_and_no_prediction(artifact, walked_lake, window):
    """Fitted on the same dates, made at the same hour, it is the same model."""
    later = timedelta(days=30)

    ahead = fitted_on(
        walked_lake, replace(window, test_since=window.test_since + later, test_until=window.test_until + later)
    )

    assert ahead.predictions.is_empty()
    assert PREDICTED == dict(ahead.predictions.schema)
    assert 0 == ahead.metrics["rows"]
    assert artifact.fitted.files() == ahead.fitted.files()


def test_labels_that_are_not_known_yet_are_refused(walked_lake, altered, window):
    """Of no training date, or of too few for the folds."""
    last = replace(window, train_since=window.train_until - timedelta(days=2))
    with pytest.raises(Refused, match=r"chicago between .*: 1 dates to fit .* 3 are needed"):
        fitted_on(walked_lake, last)

    root = altered(lambda rows: rows.head(0), SETTLEMENTS, last.train_dates)
    with pytest.raises(Refused, match=r"of 3 dates none has a label that was known by 2026-11-12 14:00 UTC"):
        fitted_on(root, last)


def test_a_single_class_is_refused_with_what_it_needs(walked_lake, window):
    """The top bracket won once on the dates to fit; twice is the least."""
    with pytest.raises(Refused, match=r"chicago greater .*: 1 of 6 dates .* settled yes; 2 are needed"):
        fitted_on(walked_lake, window, bracket="greater")


def test_the_calibrator_goes_by_the_rows(artifact, walked_lake, window):
    """Many rows make an isotonic curve, few a line."""
    low = replace(RECIPE, calibration=replace(UNGUARDED, threshold=100))

    assert 100 < artifact.metrics["calibration_rows"] < 1_000
    assert "platt" == artifact.calibrator.method
    assert "isotonic" == fitted_on(walked_lake, window, recipe=low).calibrator.method


def test_the_guard_keeps_the_models_own_numbers_of_a_calibrator_that_nothing_speaks_for(artifact, walked_lake, window):
    """The model is the same, its scores are its own, and a note says what the calibrator lost on dates left out."""
    guarded = fitted_on(walked_lake, window, recipe=replace(RECIPE, calibration=CalibrationRule()))

    assert (None, artifact.fitted.files()) == (guarded.calibrator, guarded.fitted.files())
    assert "of 2 later dates: log loss" in guarded.notes[0]
    assert "on dates left out" in guarded.notes[0]
    assert guarded.predictions["p_calibrated"].null_count() == guarded.predictions.height
    assert guarded.metrics["log_loss"] == artifact.metrics["model_log_loss"]


def test_a_model_that_two_later_dates_cannot_judge_says_so(artifact, walked_lake, window):
    """Neither loss is known, so it is not called degenerate; five dates are enough, and leave no such note."""
    assert (None, None) == (artifact.fitted.held_log_loss, artifact.fitted.degenerate())
    assert "not judged: 2 later dates, 5 are needed" == artifact.notes[-1]

    long = replace(RECIPE, calibration=replace(UNGUARDED, share=0.6), cv_splits=2)
    judged = fitted_on(walked_lake, window, recipe=long)
    assert 5 == judged.metrics["calibration_dates"]
    assert judged.fitted.held_log_loss is not None
    assert not [note for note in judged.notes if "not judged" in note]


def test_dates_that_settled_alike_calibrate_nothing(altered, window):
    """There is no calibrator then, and a note says so; the scores are the model's own."""
    third = window.train_since + timedelta(days=2)
    root = altered(lambda rows: rows.with_columns(pl.col("high_f") - 60), SETTLEMENTS, [third])

    less = fitted_on(root, window, bracket="less")

    assert less.calibrator is None
    assert "settled alike" in less.notes[0]
    assert less.predictions["p_calibrated"].null_count() == less.predictions.height
    assert less.metrics["log_loss"] == less.metrics["model_log_loss"]


def test_a_word_that_is_no_bracket_type_is_refused(walked_lake, window):
    """With the types there are."""
    with pytest.raises(Usage, match="no bracket type 'all'"):
        fitted_on(walked_lake, window, bracket="all")


def test_a_city_behind_the_gate_is_fitted_without_what_it_may_not_see(walked_lake, window):
    """A model of a city that is excluded reads no dew, humidity or wind of Visual Crossing."""
    rich = replace(RECIPE, feature_set="elasticnet_rich", trials=1)
    gated = replace(rich, excluded_vc_cities=("chicago",))

    seen, unseen = (fitted_on(walked_lake, window, recipe=one).fitted.features for one in (rich, gated))

    assert {"dew_f", "humidity_pct", "wind_mph"} == set(seen) - set(unseen)
