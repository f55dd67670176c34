"""Recalibration splits scores exactly, and the band holds calibrated forecasts as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwx.scoring import contracts
from kwx.scoring.corp import brier_miscalibration, brier_parts, log_loss_parts, recalibrate, sort_forecasts
from kwx.scoring.reliability import reliability
from warehouse.errors import Refused, Usage

rows = st.lists(st.tuples(st.integers(0, 20).map(lambda n: n / 20), st.booleans()), min_size=1, max_size=60)


def pooled_by_hand(p, hit):
    """Return the isotonic fit at each row as the largest of all least means that end in it."""
    mean = lambda low, high: hit[(p >= low) & (p <= high)].mean()  # noqa: E731
    values = np.unique(p)
    fit = {v: max(min(mean(low, high) for high in values[values >= v]) for low in values[values <= v]) for v in values}
    return np.array([fit[value] for value in p])


@given(rows=rows)
def test_the_recalibrated_curve_is_the_isotonic_fit(rows):
    """Pools are the max-min of the means between two forecasts; equal forecasts share one value."""
    p, hit = np.array([p for p, _ in rows]), np.array([hit for _, hit in rows])
    forecasts = sort_forecasts(p)

    curve = recalibrate(forecasts, forecasts.hits(hit))

    assert pytest.approx(pooled_by_hand(p, hit)) == curve[forecasts.of_row]


@given(rows=rows)
def test_the_parts_of_a_score_add_up_and_none_is_negative(rows):
    """Mean score = MCB − DSC + UNC, for the Brier score and for the log loss."""
    p, hit = np.array([p for p, _ in rows]), np.array([hit for _, hit in rows])

    for split, score in ((brier_parts, contracts.brier), (log_loss_parts, contracts.log_loss)):
        parts = split(p, hit=hit)
        assert pytest.approx(score(p, hit=hit).mean()) == parts.score
        assert pytest.approx(parts.score) == parts.miscalibration - parts.discrimination + parts.uncertainty
        assert min(parts.miscalibration, parts.discrimination, parts.uncertainty) >= -1e-12


@given(rows=rows)
def test_miscalibration_from_counts_is_that_of_the_rows(rows):
    """The resamples need no row: counts of hits say the miscalibration of the Brier score."""
    p, hit = np.array([p for p, _ in rows]), np.array([hit for _, hit in rows])
    forecasts = sort_forecasts(p)
    hits = forecasts.hits(hit)

    found = brier_miscalibration(forecasts, hits, recalibrate(forecasts, hits))

    assert pytest.approx(brier_parts(p, hit=hit).miscalibration, abs=1e-12) == found


def test_calibrated_forecasts_leave_the_band_as_often_as_stated(world):
    """A band of level 90 % is left somewhere by about 10 of 100 calibrated worlds, and so is its p value small."""
    found = []
    for seed in range(200):
        made = world(dates=120, seed=seed)
        verdict = reliability(
            made.p, hit=made.hit, dates=made.date, below=made.below, level=0.9, resamples=200, seed=seed
        )
        found.append((not verdict.inside, verdict.p_value <= 0.1))

    left, alarmed = np.mean(found, axis=0)
    assert 0.035 <= left <= 0.165  # three standard errors around 10 %
    assert 0.035 <= alarmed <= 0.165


@pytest.mark.parametrize("doubt", [0.6, 1.7])
def test_forecasts_too_sure_or_too_doubtful_leave_the_band(world, doubt):
    """Where the curve leaves the band is told, and the miscalibration is no chance."""
    made = world(dates=365, seed=9, doubt=doubt)

    verdict = reliability(made.p, hit=made.hit, dates=made.date, below=made.below)

    assert not verdict.inside
    assert verdict.p_value <= 0.01
    assert verdict.outside.any()
    assert ((verdict.observed > verdict.forecast)[verdict.outside & (verdict.forecast > 0.6)] == (doubt > 1)).all()


def test_rows_of_one_date_do_not_narrow_the_band(world):
    """Ten repetitions of every row leave curve and band as they were."""
    made = world(dates=100, seed=3)

    once, often = (
        reliability(made.p[rows], hit=made.hit[rows], dates=made.date[rows], below=made.below[rows])
        for rows in (np.arange(600), np.repeat(np.arange(600), 10))
    )

    assert np.allclose(once.observed, often.observed)
    assert np.allclose(once.high - once.low, often.high - often.low)
    assert once.p_value == often.p_value


def test_the_same_seed_gives_the_same_band(world):
    """A verdict can be made again."""
    made = world(dates=50, seed=1)

    first, again = (reliability(made.p, hit=made.hit, dates=made.date, seed=4) for _ in range(2))

    assert np.array_equal(first.low, again.low)
    assert first.p_value == again.p_value


def test_something_impossible_that_came_leaves_the_band():
    """A hit at a forecast of 0 is outside whatever the resamples do: none of them can have it."""
    p = np.concatenate([np.zeros(50), np.full(50, 0.5)])
    hit = np.concatenate([[True], np.zeros(49, bool), np.arange(50) % 2 == 0])

    verdict = reliability(p, hit=hit, dates=np.arange(100))

    assert verdict.outside[0]


def test_forecasts_that_never_differ_have_one_point():
    """One constant forecast is recalibrated to the share of hits and discriminates nothing."""
    verdict = reliability(np.full(40, 0.25), hit=np.arange(40) % 4 == 0, dates=np.arange(40))

    assert [0.25] == verdict.forecast.tolist() == verdict.observed.tolist()
    assert verdict.inside
    assert pytest.approx(0) == verdict.brier.discrimination


@pytest.mark.parametrize(
    ("p", "hit", "error"),
    [([np.nan], [1], Refused), ([0.5], [np.nan], Refused), ([], [], Refused), ([0.5, 0.5], [1], Usage)],
)
def test_rows_that_cannot_be_are_refused(p, hit, error):
    """A missing forecast or outcome is not left out in silence."""
    with pytest.raises(error):
        reliability(p, hit=hit, dates=np.arange(len(p)))


@pytest.mark.parametrize(("level", "resamples"), [(1.0, 500), (0.99, 100), (0.0, 500)])
def test_a_band_that_the_resamples_cannot_tell_cannot_be_meant(level, resamples):
    """A level needs resamples beyond it."""
    with pytest.raises(Usage):
        reliability([0.5], hit=[1], dates=[0], level=level, resamples=resamples)
