"""The guard: a calibrator is kept where it loses less on dates that it has not seen, however many rows there are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from kwx.models.calibration import METHODS, fit_calibrator
from kwx.models.calibration.guard import left_out
from kwx.scoring.contracts import log_loss


def days_of(days, *, sharpness, seed, rows=1_900):
    """Return what is said, too surely by a factor, of days with one winner of six each; all rows know alike."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), rows)
    honest = rng.dirichlet(np.full(6, 0.7), days)
    won = (honest.cumsum(axis=1) > rng.random((days, 1))).argmax(axis=1)
    market = np.tile(np.arange(rows) % 6, days)
    p = expit(sharpness * logit(np.clip(honest[day, market], 1e-4, 1 - 1e-4)) + rng.normal(0, 0.05, len(day)))
    return p, won[day] == market, day


def test_thousands_of_rows_of_four_dates_teach_an_isotonic_curve_nothing():
    """The rule on rows takes it each time; on days that neither saw it loses more, and the guard mostly says so."""
    kept, taken, guarded = [], [], 0
    for seed in range(30):
        p, hit, day = days_of(4, sharpness=1.0, seed=seed)
        later, came, _ = days_of(20, sharpness=1.0, seed=1000 + seed)
        mended = fit_calibrator("isotonic", p, hit).apply(later)
        helps = left_out("isotonic", p, hit, day).helps
        own, other = (log_loss(one, hit=came).mean() for one in (later, mended))
        kept.append(own)
        taken.append(other)
        guarded += not helps

    assert np.mean(taken) > np.mean(kept) + 0.02
    assert guarded >= 24


@pytest.mark.parametrize("method", METHODS)
def test_what_is_said_too_surely_is_mended_where_dates_are_many(method):
    """Then what is learnt holds on the dates left out."""
    p, hit, day = days_of(60, sharpness=3.0, seed=5, rows=120)

    judged = left_out(method, p, hit, day)

    assert judged.helps
    assert (judged.dates, judged.own) == (60, pytest.approx(log_loss(p, hit=hit).mean()))
    assert judged.mended < judged.own - 0.05


def test_of_one_date_or_of_others_that_came_out_alike_nothing_is_known():
    """The model's own numbers are kept."""
    p = np.array([0.2, 0.7, 0.4, 0.9])
    for hit, day in (([True, False, True, False], [1, 1, 1, 1]), ([True, False, True, True], [1, 1, 2, 2])):
        judged = left_out("platt", p, np.array(hit), np.array(day))
        assert judged.own >= judged.mended or not judged.helps
    assert not left_out("platt", p, np.array([True, False, True, False]), np.ones(4)).helps


def test_no_date_is_mended_by_its_own_outcomes_and_their_order_means_nothing():
    """Each loss is that of a fit to the other dates, by hand."""
    p, hit, day = days_of(5, sharpness=2.0, seed=3, rows=60)
    order = np.random.default_rng(0).permutation(len(p))

    judged, turned = left_out("beta", p, hit, day), left_out("beta", p[order], hit[order], day[order])

    by_hand = [
        log_loss(
            fit_calibrator("beta", p[day != one], hit[day != one]).apply(p[day == one]), hit=hit[day == one]
        ).mean()
        for one in range(5)
    ]
    assert judged.mended == pytest.approx(np.mean(by_hand), abs=1e-12)
    assert turned.mended == pytest.approx(judged.mended, abs=1e-9)
