"""What is tried: a logistic regression for each C, trees for each depth, number, rate; later dates choose and judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from kwx.models.contract import Floats
from kwx.models.direction.fitted import About, LogisticDirection, TreeDirection, matrix_of
from kwx.models.direction.recipe import LOGISTIC, DirectionRecipe
from kwx.models.held import HeldOut, held_out
from kwx.models.scaling import Scaling
from kwx.scoring.contracts import log_loss
from kwx.scoring.inputs import Bools

_MOST_STEPS = 2000


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Rows of features that have an outcome."""

    frame: pl.DataFrame
    up: Bools


@dataclass(frozen=True, kw_only=True, eq=False)
class Chosen:
    """The candidate of the least log loss on the dates that choose, and what every candidate lost there."""

    fitted: LogisticDirection | TreeDirection
    params: Mapping[str, Any]
    tried: tuple[Mapping[str, Any], ...]


def choose(fitted: Rows, choosing: Rows, about: About, recipe: DirectionRecipe) -> Chosen:
    """Fit every candidate and return the best; of equal ones the simplest, which comes first."""
    about = replace(about, validation_prior_log_loss=_mean_loss(np.full(len(choosing.up), about.prior), choosing))
    if recipe.kind == LOGISTIC:
        return _chosen_logistic(fitted, choosing, about, recipe)
    return _chosen_trees(fitted, choosing, about, recipe)


def _chosen_logistic(fitted: Rows, choosing: Rows, about: About, recipe: DirectionRecipe) -> Chosen:
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import ThreadpoolController

    matrix = matrix_of(fitted.frame, about.features)
    scaling = Scaling.of(matrix)
    # A column that never moved is its mean, so that it is zero over anything but zero.
    center, scale = scaling.mean, np.where(scaling.sd > 0, scaling.sd, 1.0)
    scaled = (matrix - center) / scale
    scaled[~np.isfinite(scaled)] = 0.0
    models: list[LogisticDirection] = []
    tried: list[dict[str, Any]] = []
    with ThreadpoolController().limit(limits=1):
        for c in sorted(recipe.cs):
            solved = LogisticRegression(C=c, solver="lbfgs", max_iter=_MOST_STEPS, tol=1e-8).fit(scaled, fitted.up)
            model = LogisticDirection(
                about=about, center=tuple(center.tolist()), scale=tuple(scale.tolist()),
                weights=tuple(solved.coef_[0].tolist()), intercept=float(solved.intercept_[0]),
            )  # fmt: skip
            models.append(model)
            tried.append({"c": c, "log_loss": _mean_loss(model.predict(choosing.frame), choosing)})
    best = _least(tried)
    about = replace(about, validation_log_loss=tried[best]["log_loss"])
    return Chosen(fitted=replace(models[best], about=about), params={"c": tried[best]["c"]}, tried=tuple(tried))


def _chosen_trees(fitted: Rows, choosing: Rows, about: About, recipe: DirectionRecipe) -> Chosen:
    import lightgbm

    matrix, later = (matrix_of(rows.frame, about.features) for rows in (fitted, choosing))
    boosters: dict[tuple[int, float], lightgbm.Booster] = {}
    tried: list[dict[str, Any]] = []
    for depth, rate in recipe.growths:
        fixed = {
            "objective": "binary", "max_depth": depth, "num_leaves": 2**depth, "learning_rate": rate,
            "min_data_in_leaf": recipe.least_leaf_rows, "seed": recipe.seed, "num_threads": 1, "deterministic": True,
            "force_row_wise": True, "verbosity": -1,
        }  # fmt: skip
        data = lightgbm.Dataset(matrix, label=fitted.up, feature_name=list(about.features), params=fixed)
        boosters[depth, rate] = booster = lightgbm.train(fixed, data, num_boost_round=max(recipe.trees))
        for count in recipe.trees:
            p = np.asarray(booster.predict(later, num_iteration=count, num_threads=1))
            loss = _mean_loss(p, choosing)
            tried.append({"depth": depth, "trees": count, "rate": rate, "log_loss": loss})
    best = tried[_least(tried)]
    text = boosters[best["depth"], best["rate"]].model_to_string(num_iteration=best["trees"])
    about = replace(about, validation_log_loss=float(best["log_loss"]))
    # What is judged is what is stored: the trees are read back from their text.
    model = TreeDirection(about=about, text=text).checked()
    return Chosen(fitted=model, params={name: best[name] for name in ("depth", "trees", "rate")}, tried=tuple(tried))


def judged_on(
    model: LogisticDirection | TreeDirection, rows: Rows
) -> tuple[LogisticDirection | TreeDirection, HeldOut]:
    """Return a chosen model with how it did on later dates, which had no part in the choice, and that by itself."""
    prior = np.full(len(rows.up), model.about.prior)
    losses, priors = (log_loss(p, hit=rows.up) for p in (model.predict(rows.frame), prior))
    held = held_out(losses, priors, rows.frame["event_date"].to_numpy())
    return replace(model, about=replace(model.about, held=held)), held


def _mean_loss(p: Floats, rows: Rows) -> float:
    return float(log_loss(p, hit=rows.up).mean())


def _least(tried: list[dict[str, Any]]) -> int:
    return int(np.argmin([float(one["log_loss"]) for one in tried]))
