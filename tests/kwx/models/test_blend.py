"""The pool of model and market: laws of the pools, weights that are found again, and rows read from a lake."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from scipy.special import expit, logit

from kwx.cli.blended import blend_rows, tell_blends
from kwx.models.blend import GRID, POOLS, BlendRows, blended, fit_blend, fit_blends, renormalised
from kwx.models.blend_rows import read_blend_rows
from kwx.models.calibration.parametric import Platt
from kwx.models.calibration.stored import StoredCalibrator
from warehouse.errors import Refused, Usage
from warehouse.lake.store import Lake
from warehouse.lake.tables import CALIBRATORS, MODEL_RUNS, PREDICTIONS, TRUTH_PROBABILITIES, Partition
from warehouse.lake.writer import write

EVERY = pytest.mark.parametrize("pool", POOLS)


def rows_of(weight: float, *, pool: str = "log_odds", days: int = 120, per_day: int = 60, seed: int = 1) -> BlendRows:
    """Return rows whose truth is the pool of model and market at a weight."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(-1, 1.5, days * per_day)
    p_model, p_market = (expit(shared + rng.normal(0, 1.2, days * per_day)) for _ in range(2))
    truth = blended(p_model, p_market, weight, pool=pool)
    day = np.datetime64(date(2026, 3, 1)) + np.repeat(np.arange(days), per_day)
    return BlendRows(p_model=p_model, p_market=p_market, hit=rng.random(len(truth)) < truth, day=day)


@EVERY
def test_a_pool_lies_between_the_two_and_is_one_of_them_at_the_ends(pool):
    """Also where they agree, and where one is sure."""
    ours, theirs = np.array([0.1, 0.5, 0.9, 0.3]), np.array([0.4, 0.5, 0.2, 0.3])

    for weight in (0.0, 0.3, 0.7, 1.0):
        p = blended(ours, theirs, weight, pool=pool)
        assert (p >= np.minimum(ours, theirs) - 1e-12).all()
        assert (p <= np.maximum(ours, theirs) + 1e-12).all()
    assert np.allclose(blended(ours, theirs, 1.0, pool=pool), ours, rtol=0, atol=1e-15)
    assert np.allclose(blended(ours, theirs, 0.0, pool=pool), theirs, rtol=0, atol=1e-15)
    assert np.isfinite(blended([0.0, 1.0], [1.0, 0.0], 0.5, pool=pool)).all()


def test_the_pools_are_what_they_are_called():
    """Means of the probabilities, and of their log-odds."""
    assert blended([0.9], [0.5], 0.75, pool="linear").tolist() == pytest.approx([0.8])
    assert blended([0.9], [0.5], 0.75, pool="log_odds").tolist() == pytest.approx([expit(0.75 * logit(0.9))])


@EVERY
def test_a_ladder_sums_to_one_whatever_its_order(pool):
    """Each ladder for itself, rows in any order."""
    rng = np.random.default_rng(2)
    rows = replace(rows_of(0.5, days=10, per_day=6), ladder=np.repeat(np.arange(10), 6))
    order = rng.permutation(60)

    p = rows.blended(pool, 0.7)

    assert np.allclose(np.bincount(rows.ladder, weights=p), 1.0, rtol=0, atol=1e-12)
    turned = renormalised(blended(rows.p_model, rows.p_market, 0.7, pool=pool)[order], rows.ladder[order])
    assert np.allclose(turned, p[order], rtol=0, atol=1e-15)


@EVERY
@pytest.mark.parametrize("weight", [0.2, 0.7])
def test_the_weight_that_made_the_truth_is_found(pool, weight):
    """By log loss freely, near it as the interval says, and the grid takes its nearest neighbour or one beside it."""
    fit = fit_blend(rows_of(weight, pool=pool), pool=pool)

    assert abs(fit.fitted.value - weight) < fit.fitted.high - fit.fitted.low < 0.25
    assert fit.best.low <= fit.best.value <= fit.best.high
    assert abs(fit.best.value - np.clip(weight, 0.5, 0.8)) <= 0.1
    assert fit.at_best.brier.value == min(one.brier.value for one in fit.grid)
    assert [one.weight for one in fit.grid] == list(GRID)


@EVERY
def test_the_two_ends_stand_beside_the_grid_and_are_never_its_best(pool):
    """Where the model is all that counts, its end is better than every weight tried, and the best is the last."""
    fit = fit_blend(rows_of(1.0, pool=pool), pool=pool)

    market, model = fit.ends
    assert (market.weight, model.weight, fit.best.value) == (0.0, 1.0, 0.8)
    assert (market.on_market.value, model.on_model.value) == (0.0, 0.0)
    assert model.brier.value < fit.at_best.brier.value < market.brier.value


@pytest.mark.slow
@EVERY
def test_the_interval_of_the_weight_holds_the_truth_as_often_as_it_says(pool):
    """Forty times a level of 95 %: fewer than 34 are seen once in a thousand such tests."""
    fits = [fit_blend(rows_of(0.7, pool=pool, days=60, seed=seed), pool=pool).fitted for seed in range(40)]

    assert sum(fit.low < 0.7 < fit.high for fit in fits) >= 34


def test_the_fitted_weight_has_the_least_log_loss_of_all():
    """No weight of a fine grid does better."""
    rows = rows_of(0.33, days=30)
    fit = fit_blend(rows, pool="log_odds", grid=np.linspace(0, 1, 201))

    assert fit.at_fitted.log_loss.value <= min(one.log_loss.value for one in fit.grid) + 1e-12


def test_a_model_that_knows_nothing_gets_nothing():
    """The market alone is best: the fitted weight is at its end, and every weight of the grid is worse than it."""
    rows = rows_of(0.0)
    noise = replace(rows, p_model=np.random.default_rng(3).random(len(rows)))

    for fit in fit_blends(noise):
        assert fit.fitted.value < 0.05
        assert all(one.on_market.low > 0 for one in fit.grid)
        assert fit.at_best.on_model.high < 0


@pytest.mark.slow
def test_an_interval_covers_what_a_bootstrap_of_dates_by_hand_covers():
    """The fitted weight of draws, each fitted anew, has the same spread."""
    rows = rows_of(0.6, days=40, per_day=30)
    fit, rng = fit_blend(rows), np.random.default_rng(5)
    days, by_hand = np.unique(rows.day), []
    for _ in range(60):
        drawn = np.concatenate([np.flatnonzero(rows.day == day) for day in rng.choice(days, len(days))])
        part = BlendRows(
            p_model=rows.p_model[drawn], p_market=rows.p_market[drawn], hit=rows.hit[drawn],
            day=np.full(len(drawn), days[0]),
        )  # fmt: skip
        by_hand.append(fit_blend(part).fitted.value)

    width = fit.fitted.high - fit.fitted.low
    assert width == pytest.approx(np.quantile(by_hand, 0.975) - np.quantile(by_hand, 0.025), rel=0.4)


def test_on_few_dates_there_is_a_value_without_an_interval():
    """Five dates say nothing of how far dates lie apart."""
    fit = fit_blend(rows_of(0.7, days=5))

    assert 0 <= fit.fitted.value <= 1
    assert np.isnan([fit.fitted.low, fit.best.low, fit.at_best.brier.low]).all()


def test_later_rows_change_nothing_at_an_earlier_one():
    """A pool is of one row, or of one ladder."""
    rows = replace(rows_of(0.5, days=4, per_day=6), ladder=np.repeat(np.arange(4), 6))
    poisoned = replace(rows, p_model=np.where(np.arange(24) < 12, rows.p_model, 0.99))

    assert rows.blended("linear", 0.7)[:12].tobytes() == poisoned.blended("linear", 0.7)[:12].tobytes()


def test_what_cannot_be_pooled_is_refused():
    """A weight that is no share, an unknown pool, missing numbers, a ladder of nothing, no rows."""
    with pytest.raises(Usage, match="no share"):
        blended([0.1], [0.2], 1.2)
    with pytest.raises(Usage, match="no pool"):
        blended([0.1], [0.2], 0.5, pool="beta")
    with pytest.raises(Refused, match="not numbers"):
        blended([np.nan], [0.2], 0.5)
    with pytest.raises(Usage, match="2 rows"):
        blended([0.1, 0.2], [0.2], 0.5)
    with pytest.raises(Refused, match="no probability on any bracket"):
        renormalised([0.0, 0.0, 0.3], [1, 1, 2])
    with pytest.raises(Refused, match="no row"):
        fit_blend(rows_of(0.5, days=0))


def test_the_order_of_the_rows_means_nothing():
    """The same weight of the grid, and the same fitted one but for the last bits."""
    rows = rows_of(0.6, days=20)
    order = np.random.default_rng(0).permutation(len(rows))
    turned = BlendRows(
        p_model=rows.p_model[order], p_market=rows.p_market[order], hit=rows.hit[order], day=rows.day[order]
    )

    one, other = fit_blend(rows), fit_blend(turned)

    assert one.best == other.best
    assert one.fitted.value == pytest.approx(other.fitted.value, abs=1e-6)


@pytest.fixture
def spoken_lake(demo_lake, tmp_path):
    """The demo lake of three days, with a family that knows the truth and says so calibrated, every half hour."""
    root = tmp_path / "lake"
    shutil.copytree(demo_lake, root, symlinks=True)
    snapshot, run = Lake(root).snapshot(), "run-1"
    with write(Lake(root), purpose="test") as writer:
        for place in snapshot.partitions(TRUTH_PROBABILITIES.name):
            truth = snapshot.read(TRUTH_PROBABILITIES, place).filter(pl.col("ts_utc").dt.minute() % 30 == 0)
            said = truth.select(
                "market_ticker", "ts_utc", model_id=pl.lit("m"), run_id=pl.lit(run), horizon=pl.lit("day"),
                p_model=pl.lit(0.5), p_calibrated="p_true", wf_window=pl.lit("win_20261031_20261102"),
            )  # fmt: skip
            writer.put(PREDICTIONS, said.select(PREDICTIONS.schema.names()), place)
        row = {
            "run_id": run, "family": "oracle", "model_id": "m", "horizon": "day", "seed": 1, "snapshot": 1,
            "fitted_utc": datetime(2026, 10, 1, tzinfo=UTC), "since_date": date(2026, 9, 1),
            "until_date": date(2026, 9, 30), "config_sha256": "0" * 64, "parameters_json": "{}", "metrics_json": "{}",
        }  # fmt: skip
        writer.put(MODEL_RUNS, pl.DataFrame([row], schema=MODEL_RUNS.schema), Partition("chicago"))
        writer.publish()
    return Lake(root).snapshot()


def test_rows_are_what_family_and_market_said_of_settled_markets(spoken_lake):
    """Calibrated where it is stored; whole ladders have one winner at every minute and sum to one when blended."""
    rows = read_blend_rows(spoken_lake, "chicago", "oracle", every_minutes=30)
    ladders = read_blend_rows(spoken_lake, "chicago", "oracle", every_minutes=30, whole_ladders=True)

    assert rows.ladder is None
    assert 0 < len(ladders) <= len(rows)
    assert len(np.unique(rows.p_model)) > 100
    assert np.isfinite(rows.p_market).all()
    assert set(np.bincount(ladders.ladder, weights=ladders.hit)[1:]) == {1.0}
    p = ladders.blended("log_odds", 0.7)
    assert np.allclose(np.bincount(ladders.ladder, weights=p)[1:], 1.0, rtol=0, atol=1e-12)


def test_a_stored_calibrator_that_may_serve_takes_the_place_of_the_models_own(spoken_lake):
    """The model says a half of everything, what mends it another number: a bracket is served a sixth of its ladder."""
    before = read_blend_rows(spoken_lake, "chicago", "oracle", every_minutes=30).p_model
    said = {}
    for until in (date(2026, 11, 2), date(2026, 9, 30)):
        one = StoredCalibrator(
            city="chicago", model_type="oracle", fitted_utc=datetime(2026, 12, 1, tzinfo=UTC), since=date(2026, 9, 1),
            until=until, calibrator=Platt(slope=1.0, intercept=-1.0),
        )  # fmt: skip
        root = spoken_lake.paths.root
        with write(Lake(root), purpose="test") as writer:
            writer.put(CALIBRATORS, one.row(), Partition("chicago"))
            writer.publish()
        said[until] = read_blend_rows(Lake(root).snapshot(), "chicago", "oracle", every_minutes=30).p_model

    late, early = said.values()
    assert late.tolist() == before.tolist()
    assert np.allclose(early, 1 / 6, rtol=0, atol=1e-12)


def test_later_days_do_not_move_the_rows_of_earlier_ones(spoken_lake):
    """Read up to a date, what is said after it is not there."""
    first = read_blend_rows(spoken_lake, "chicago", "oracle", every_minutes=30).day.min().astype(date)

    early = read_blend_rows(spoken_lake, "chicago", "oracle", until=first, every_minutes=30)

    assert {first} == set(early.day.astype(object))
    with pytest.raises(Refused, match="other has no settled predictions"):
        read_blend_rows(spoken_lake, "chicago", "other")


def test_fits_are_told_to_people_and_to_machines(capsys):
    """Every weight, the best of the grid marked, both weights with their intervals."""
    fits = {"chicago line": fit_blends(rows_of(0.7, days=30))}

    tell_blends(fits)
    rows = blend_rows(fits)

    said = capsys.readouterr().out
    assert said.count("←") == 2
    assert "best of the grid by Brier" in said
    assert rows.height == 2 * (len(GRID) + 3)
    assert rows.filter("in_grid")["weight"].to_list() == 2 * list(GRID)
    assert (said.count("market alone"), said.count("model alone")) == (2, 2)
    assert (rows["brier_low"] < rows["brier_high"]).all()
    assert rows.filter("fitted")["weight"].is_between(0, 1).all()
