"""How good a direction model was: each number with the interval that drawing whole event dates anew gives it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import polars as pl

from kwx.scoring.calibration import calibration_error_of
from kwx.scoring.contracts import brier, log_loss
from kwx.scoring.inputs import Bools, Floats
from kwx.scoring.resampling import Draws, Estimate, draw, mean_of

EVEN = 0.5
"""What a market says of the next move, were its mid a coin's: a mid that bounces between quotes is beaten honestly."""
SUREST = {"tenth": 0.1, "hundredth": 0.01}
"""The shares of rows on which a model is surest."""


def metrics_of(p: Floats, *, up: Bools, dates: pl.Series, prior: float, resamples: int, seed: int) -> dict[str, Any]:
    """Return the scores of probabilities [N] of a move up; `prior` is the share of ups in the dates that were fitted.

    market_log_loss is that of one half for every row, prior_log_loss that of the prior.
    """
    rows = len(p)
    if not rows:
        return {"rows": 0}
    draws = draw(dates.to_numpy(), rows=rows, resamples=resamples, seed=seed)
    estimates = {
        "log_loss": mean_of(log_loss(p, hit=up), draws=draws),
        "market_log_loss": mean_of(log_loss(np.full(rows, EVEN), hit=up), draws=draws),
        "prior_log_loss": mean_of(log_loss(np.full(rows, prior), hit=up), draws=draws),
        "brier": mean_of(brier(p, hit=up), draws=draws),
        "ece": calibration_error_of(p, hit=up, draws=draws),
        "accuracy": mean_of(((p > EVEN) == up).astype(np.float64), draws=draws),
        "auc": area_of(p, up=up, draws=draws),
        "class_balance": mean_of(up.astype(np.float64), draws=draws),
    }
    return {"rows": rows, "dates": draws.dates} | {name: dataclasses.asdict(one) for name, one in estimates.items()}


def crossed_of(
    p: Floats, *, move_prob: Floats, half_spread_prob: Floats, dates: pl.Series, resamples: int, seed: int
) -> dict[str, Any]:
    """Return what it earns to follow the surest probabilities [N] across the spread, per contract, before fees.

    A contract is bought at the offer, or sold at the bid, and is worth the mid when the horizon is over. In a market
    that knows everything nobody earns that way, whereas the direction of the next move may well be told: quotes bounce,
    and a price near zero falls more often than it rises. So this is what a leak would show in.
    """
    gain = np.where(p > EVEN, move_prob, -move_prob) - half_spread_prob
    sureness = np.abs(p - EVEN)
    found: dict[str, Any] = {}
    for name, share in SUREST.items() if len(p) else ():
        surest = sureness >= np.quantile(sureness, 1 - share)
        draws = draw(dates.to_numpy()[surest], rows=int(surest.sum()), resamples=resamples, seed=seed)
        found[f"crossed_{name}"] = dataclasses.asdict(mean_of(gain[surest], draws=draws))
    return {"crossed_rows": len(p)} | found


def area_of(p: Floats, *, up: Bools, draws: Draws) -> Estimate:
    """Return the area under the ROC curve with its interval; NaN of rows of a single class.

    It is the share of pairs of an up and a down that p puts in the right order, ties half. Of each two blocks the pairs
    are counted once; what a draw holds of them is a sum.
    """
    of_row, number = draws.blocks.of_row, draws.blocks.number
    ordered, pairs = np.zeros((number, number)), np.zeros((number, number))
    ups = np.bincount(of_row[up], minlength=number).astype(np.float64)
    for block in range(number):
        downs = np.sort(p[~up & (of_row == block)])
        below = np.searchsorted(downs, p[up], side="left") + np.searchsorted(downs, p[up], side="right")
        ordered[:, block] = np.bincount(of_row[up], weights=below / 2, minlength=number)
        pairs[:, block] = ups * len(downs)
    if not pairs.sum():
        return draws.percentile(float("nan"), np.empty(0))
    right = ((draws.times @ ordered) * draws.times).sum(axis=1)
    every = ((draws.times @ pairs) * draws.times).sum(axis=1)
    return draws.percentile(float(ordered.sum() / pairs.sum()), (right / np.where(every > 0, every, 1))[every > 0])
