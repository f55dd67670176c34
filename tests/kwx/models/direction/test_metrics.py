"""Scores against scikit-learn's, and intervals against draws done one by one."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score

from kwx.models.direction.metrics import area_of, crossed_of, metrics_of
from kwx.scoring.resampling import draw

DATES = pl.Series(np.repeat(np.arange("2026-01-01", "2026-01-11", dtype="datetime64[D]"), 40))


def sample(seed: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = np.round(rng.uniform(0.02, 0.98, len(DATES)), 2)  # rounded, so that many are equal
    return p, rng.random(len(DATES)) < p


def test_scores_are_those_of_scikit_learn():
    p, up = sample()
    told = metrics_of(p, up=up, dates=DATES, prior=0.4, resamples=200, seed=1)

    assert told["rows"] == len(p)
    assert told["dates"] == 10
    assert told["auc"]["value"] == pytest.approx(roc_auc_score(up, p))
    assert told["brier"]["value"] == pytest.approx(brier_score_loss(up, p))
    assert told["log_loss"]["value"] == pytest.approx(log_loss(up, p))
    assert told["prior_log_loss"]["value"] == pytest.approx(log_loss(up, np.full(len(p), 0.4)))
    assert told["market_log_loss"]["value"] == pytest.approx(np.log(2))
    assert told["accuracy"]["value"] == pytest.approx(accuracy_score(up, p > 0.5))
    assert told["class_balance"]["value"] == pytest.approx(up.mean())
    for name in ("auc", "brier", "log_loss", "accuracy", "class_balance", "ece"):
        assert told[name]["low"] <= told[name]["value"] <= told[name]["high"]


def test_the_area_of_each_draw_is_that_of_its_rows():
    """Repeat the rows of the dates as a draw holds them: scikit-learn's area of these lies behind the interval."""
    p, up = sample()
    draws = draw(DATES.to_numpy(), rows=len(p), resamples=25, seed=3)
    found = [
        roc_auc_score(up[rows], p[rows])
        for times in draws.times
        for rows in [np.repeat(np.arange(len(p)), times[draws.blocks.of_row].astype(int))]
    ]
    wanted = draws.percentile(roc_auc_score(up, p), np.array(found))
    area = area_of(p, up=up, draws=draws)
    assert (area.low, area.high) == pytest.approx((wanted.low, wanted.high))


def test_a_single_class_has_no_area():
    p, _ = sample()
    told = metrics_of(p, up=np.ones(len(p), dtype=bool), dates=DATES, prior=0.5, resamples=50, seed=1)
    assert np.isnan(told["auc"]["value"])
    assert told["class_balance"]["value"] == 1


def test_no_rows_say_how_many_they_are():
    nothing = np.empty(0)
    told = metrics_of(nothing, up=nothing.astype(bool), dates=DATES.head(0), prior=0.5, resamples=50, seed=1)
    assert told == {"rows": 0}


def test_crossing_earns_the_move_less_half_the_spread_on_the_surest_rows():
    """The surest tenth is always right and gains three cents less one; all the others lose."""
    p = np.full(400, 0.55)
    p[::10] = 0.1
    move = np.where(p < 0.5, -0.03, -0.02)
    said = {"move_prob": move, "half_spread_prob": np.full(400, 0.01), "dates": DATES, "resamples": 200, "seed": 1}
    told = crossed_of(p, **said)

    assert told["crossed_rows"] == 400
    for share in ("tenth", "hundredth"):
        assert told[f"crossed_{share}"]["value"] == pytest.approx(0.02)
    assert crossed_of(1 - p, **said)["crossed_tenth"]["value"] == pytest.approx(-0.04)
    assert crossed_of(p[:0], **said | {"move_prob": move[:0], "half_spread_prob": move[:0]}) == {"crossed_rows": 0}
