"""Features on one scale, whatever is missing."""

from __future__ import annotations

import numpy as np

from kwx.models.scaling import FARTHEST_SD, Scaling


def test_training_rows_have_mean_zero_and_deviation_one():
    """Of what is there: a missing value counts in neither and is 0."""
    features = np.random.default_rng(0).normal(50, 7, size=(200, 3))
    features[::5, 1] = np.nan

    scaled = Scaling.of(features).columns(features)

    there = np.isfinite(features.T)
    for column, known in zip(scaled, there, strict=True):
        np.testing.assert_allclose([column[known].mean(), column[known].std()], [0, 1], atol=1e-12)
        assert not column[~known].any()


def test_a_feature_that_never_moved_stays_zero():
    """Neither a constant nor one that is always missing says anything, on later rows either."""
    features = np.column_stack([np.full(9, 0.1), np.full(9, np.nan), np.arange(9.0)])

    scaling = Scaling.of(features)

    later = scaling.columns(np.array([[7.0, 3.0, 4.0]]))
    np.testing.assert_array_equal(later[:2, 0], [0, 0])
    assert [0, 0] == scaling.sd[:2].tolist()


def test_numbers_that_are_none_are_missing_and_absurd_ones_stay_finite():
    """Infinity is 0 and 1e300 is as far as anything can be."""
    scaling = Scaling.of(np.array([[0.0], [1.0], [np.inf]]))

    np.testing.assert_array_equal(scaling.columns(np.array([[-np.inf], [1e300]])), [[0.0, FARTHEST_SD]])
