"""One window: search and fit on the earlier training dates, calibrate on the later ones, speak of the test dates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from kwx.features.feature import FeatureSet
from kwx.features.sets import set_for, set_of_all
from kwx.models.artifact import NOT_JUDGED, PREDICTED, Artifact
from kwx.models.calibration import fit_calibrator
from kwx.models.calibration.guard import left_out
from kwx.models.contract import Calibrator
from kwx.models.elasticnet.fitted import NAME, FittedElasticnet
from kwx.models.elasticnet.recipe import ElasticnetRecipe
from kwx.models.elasticnet.rows import Rows, folds_of, made_utc, read_rows, require_enough, split_later
from kwx.models.elasticnet.search import Found, folds_from, search
from kwx.models.elasticnet.solver import problem_of, solve
from kwx.models.scaling import Scaling
from kwx.models.windows import Window
from kwx.scoring.calibration import calibration_error
from kwx.scoring.contracts import brier, log_loss
from kwx.scoring.corp import sort_forecasts
from kwx.scoring.threads import one_blas_thread
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables.contract import ALL_CITIES
from warehouse.lake.tables.research import SETTLEMENT_HORIZON

LEAST_DATES_JUDGED = 5


def fit_window(snapshot: Snapshot, city: str, bracket: str, window: Window, recipe: ElasticnetRecipe) -> Artifact:
    """Fit one window of one city, or of all of them together, and bracket type; it depends on nothing else."""
    features = features_of(recipe.feature_set, city, bracket=bracket, excluded=recipe.excluded_vc_cities)
    return fit_features(features, snapshot, city, bracket, window, recipe)


def features_of(name: str, city: str, *, bracket: str, excluded: tuple[str, ...]) -> FeatureSet:
    """Return what a model of one city, or of all of them, sees of a set."""
    if city == ALL_CITIES:
        return set_of_all(name, bracket=bracket, excluded=excluded)
    return set_for(name, city, bracket=bracket, excluded=excluded)


def fit_features(
    features: FeatureSet, snapshot: Snapshot, city: str, bracket: str, window: Window, recipe: ElasticnetRecipe
) -> Artifact:
    """Fit one window on features that are handed over."""
    train, test = (
        read_rows(snapshot, city, bracket, features, since=since, until=until, every_minutes=recipe.every_minutes)
        for since, until in ((window.train_since, window.train_until), (window.test_since, window.test_until))
    )
    known = train.known_by(made_utc(window, test))
    what = f"{city} {bracket} {window.train_since} … {window.train_until}"
    if known.said.is_empty():
        by = f"{made_utc(window, test):%Y-%m-%d %H:%M} UTC"
        raise Refused(
            f"{what}: of {len(train.dates)} dates none has a label that was known by {by}",
            hint="kwx ingest settlements fetches what settled; a window that lies ahead is fitted when it has",
        )
    earlier, later = split_later(known, recipe.calibration.share)
    require_enough(earlier, splits=recipe.cv_splits, what=what)
    # The products are small: spread over threads they wait for each other, and their sums depend on how many these are.
    with one_blas_thread():
        folds = folds_from(earlier.matrix(), earlier.came, folds_of(earlier, recipe.cv_splits), recipe.search)
        found = search(folds, recipe, name=f"{city}_{bracket}_{window.name}")
        fitted = held_to(fit_rows(earlier, features, found), later)
    calibrator, notes = _calibrated(fitted, later, recipe)
    notes += _not_judged(later)
    predictions = predictions_of(fitted, calibrator, test)
    return Artifact(
        family=NAME, city=city, bracket=bracket, horizon=SETTLEMENT_HORIZON, window=window, fitted=fitted,
        calibrator=calibrator, predictions=predictions, params=_params(found, recipe),
        metrics=_metrics(fitted, predictions, test, earlier=earlier, later=later),
        config=recipe.config(), seed=recipe.seed, snapshot=snapshot.number, notes=notes,
    )  # fmt: skip


def fit_rows(rows: Rows, features: FeatureSet, found: Found) -> FittedElasticnet:
    """Return the model of settled rows with what a search found."""
    scaling, came = Scaling.of(rows.matrix()), rows.came
    problem = problem_of(scaling.columns(rows.matrix()).T, came, found.class_weight)
    coefficients = solve(problem, found.penalty).coefficients
    return FittedElasticnet(
        feature_set=features.name,
        features=features.names,
        scaling=scaling,
        weights=np.where(scaling.sd > 0, coefficients[:-1], 0.0),
        intercept=float(coefficients[-1]),
        yes_share=float(came.mean()),
    )


def held_to(fitted: FittedElasticnet, later: Rows) -> FittedElasticnet:
    """Return the model with what it and its share of yes lose on later training dates, each date counting once.

    On too few dates neither is known: what a day or two settled on says nothing of a model.
    """
    _, date_of, count = np.unique(later.days, return_inverse=True, return_counts=True)
    if len(count) < LEAST_DATES_JUDGED:
        return fitted
    share = np.full(len(later.came), fitted.yes_share)
    ours, prior = (
        float((np.bincount(date_of, weights=log_loss(p, hit=later.came)) / count).mean())
        for p in (fitted.predict(later.built), share)
    )
    return replace(fitted, held_log_loss=ours, prior_log_loss=prior)


def _not_judged(later: Rows) -> tuple[str, ...]:
    """Say so where the later dates are too few to tell whether the model is better than its share of yes."""
    dates = len(later.dates)
    return (
        (f"{NOT_JUDGED}: {dates} later dates, {LEAST_DATES_JUDGED} are needed",) if dates < LEAST_DATES_JUDGED else ()
    )


def _calibrated(
    fitted: FittedElasticnet, later: Rows, recipe: ElasticnetRecipe
) -> tuple[Calibrator | None, tuple[str, ...]]:
    """Return the calibrator of the later dates, or none and why: they settled alike, or it loses on dates left out.

    The rule on rows chooses the method; the guard decides whether the model's own numbers are kept.
    """
    rows, dates = len(later.came), len(later.dates)
    if later.came.mean() in (0.0, 1.0):
        return None, (f"not calibrated: all {rows} rows of {dates} later dates settled alike",)
    p, rule = fitted.predict(later.built), recipe.calibration
    method = rule.method_of(rows)
    if rule.guard and not (judged := left_out(method, p, later.came, later.days)).helps:
        why = f"{method} of {rows} rows of {dates} later dates"
        losses = f"log loss {judged.mended:.4f} on dates left out, {judged.own:.4f} without"
        return None, (
            f"not calibrated: {why}: "
            + (losses if dates > 1 else "one date cannot tell what it is worth, two are needed"),
        )
    return fit_calibrator(method, p, later.came), ()


def predictions_of(fitted: FittedElasticnet, calibrator: Calibrator | None, rows: Rows) -> pl.DataFrame:
    """Return what the model says of rows; uncalibrated where there is no calibrator."""
    p = fitted.predict(rows.built)
    calibrated = pl.Series(calibrator.apply(p)) if calibrator and len(p) else pl.lit(None)
    return rows.said.with_columns(p_model=pl.Series(p), p_calibrated=calibrated).select(
        pl.col(name).cast(dtype) for name, dtype in PREDICTED.items()
    )


def _penalty_named(l1_ratio: float) -> str:
    """Return the word for a mixture of both penalties."""
    return {0.0: "l2", 1.0: "l1"}.get(l1_ratio, "elasticnet")


def _params(found: Found, recipe: ElasticnetRecipe) -> dict[str, Any]:
    return {
        "penalty": _penalty_named(found.penalty.l1_ratio),
        "C": found.penalty.c,
        "l1_ratio": found.penalty.l1_ratio,
        "class_weight": found.class_weight,
        "trials": found.trials,
        "pruned": found.pruned,
        "cv_log_loss": found.log_loss,
    }


def _metrics(
    fitted: FittedElasticnet, predictions: pl.DataFrame, test: Rows, *, earlier: Rows, later: Rows
) -> dict[str, Any]:
    """Return how good it was on the test rows that have settled, the market beside it on the same rows.

    Rows that have no market price are left out and counted, unless none has one. Scores are of p_calibrated, or of
    p_model where there is no calibrator; those of p_model stand beside them.
    """
    told = predictions.with_columns(test.said["market"], p=pl.coalesce("p_calibrated", "p_model"))
    settled = told.filter(pl.col("outcome").is_not_null())
    priced = settled.filter(pl.col("market").is_not_null())
    judged = priced if priced.height else settled
    return {
        "rows": judged.height,
        "dates": judged["event_date"].n_unique(),
        "rows_without_market": settled.height - priced.height,
        "rows_not_settled": told.height - settled.height,
        **_scores(judged["p"], judged["outcome"]),
        **{f"model_{name}": value for name, value in _scores(judged["p_model"], judged["outcome"]).items()},
        **{f"market_{name}": value for name, value in _scores(priced["market"], priced["outcome"]).items()},
        "nonzero": fitted.nonzero,
        "features": len(fitted.features),
        "fit_rows": len(earlier.came),
        "fit_dates": len(earlier.dates),
        "calibration_rows": len(later.came),
        "calibration_dates": len(later.dates),
    }


def _scores(p: pl.Series, came: pl.Series) -> dict[str, float | None]:
    """Return log loss, Brier score and calibration error of rows; nothing of no rows."""
    if p.is_empty():
        return dict.fromkeys(("log_loss", "brier", "ece"))
    chances, hits = p.to_numpy(), came.to_numpy()
    forecasts = sort_forecasts(chances)
    return {
        "log_loss": float(log_loss(chances, hit=hits).mean()),
        "brier": float(brier(chances, hit=hits).mean()),
        "ece": calibration_error(forecasts, forecasts.hits(hits)),
    }
