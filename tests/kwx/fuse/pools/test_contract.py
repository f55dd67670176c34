"""The laws that every pool keeps, one suite for all; a new pool is one more line in the list."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kwx.fuse.pools import POOLS, Beta, Linear, LogLinear, fuse, pool_of
from kwx.fuse.pools.contract import LEAST_P, sound
from warehouse.errors import Refused, Usage

EVERY = pytest.mark.parametrize("pool", [LogLinear(), Linear(), Beta(), Beta(a=1.4, b=1.2)], ids=str)
BRACKETS = 5

distributions = arrays.arrays(np.float64, (1, BRACKETS), elements=st.floats(0.001, 1)).map(lambda p: p / p.sum())
weights = st.floats(0, 1).map(lambda weight: np.array([weight]))
ALIVE = np.zeros((1, BRACKETS), dtype=bool)


@EVERY
@given(p_mkt=distributions, p_wx=distributions, weight=weights)
def test_a_pool_is_a_distribution(pool, p_mkt, p_wx, weight):
    """It sums to one over the event, and what can still happen keeps a chance."""
    _, p = fuse(pool, p_mkt, p_wx, weight, ALIVE)

    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert (p > 0).all()


@EVERY
@given(p_mkt=distributions, p_wx=distributions, weight=weights, order=st.permutations(range(BRACKETS)))
def test_the_order_of_brackets_means_nothing(pool, p_mkt, p_wx, weight, order):
    """Permuted inputs give the permuted pool."""
    moved = list(order)
    dead = np.array([[True, False, False, False, False]])
    _, p = fuse(pool, p_mkt, p_wx, weight, dead)
    _, of_moved = fuse(pool, p_mkt[:, moved], p_wx[:, moved], weight, dead[:, moved])

    np.testing.assert_allclose(of_moved, p[:, moved], atol=1e-9)


@EVERY
@given(p_mkt=distributions, p_wx=distributions)
def test_all_the_weight_returns_the_input(pool, p_mkt, p_wx):
    """Weight 1 is the market to the last digit, weight 0 the weather made sound."""
    raw, p = fuse(pool, p_mkt, p_wx, np.ones(1), ALIVE)
    _, of_weather = fuse(pool, p_mkt, p_wx, np.zeros(1), ALIVE)

    np.testing.assert_array_equal(raw, p_mkt)
    np.testing.assert_allclose(p, p_mkt, rtol=1e-15)
    np.testing.assert_allclose(of_weather, sound(p_wx, ALIVE), atol=1e-9)


@EVERY
@given(p=distributions, weight=weights)
def test_opinions_that_agree_are_not_changed_by_their_weight(pool, p, weight):
    """Of one and the same distribution a geometric or arithmetic mean is itself; the beta pool bends it on purpose."""
    _, pooled = fuse(pool, p, p, weight, ALIVE)

    if not isinstance(pool, Beta) or (pool.a, pool.b) == (1, 1):
        np.testing.assert_allclose(pooled, sound(p, ALIVE), atol=1e-6)
    else:
        assert np.argmax(pooled) == np.argmax(p)


@EVERY
@given(p_mkt=distributions, p_wx=distributions, weight=st.floats(0, 0.999))
def test_the_certainty_of_a_dead_bracket_survives(pool, p_mkt, p_wx, weight):
    """What the running maximum has passed gets nothing, whatever the market still says of it."""
    dead = np.array([[True, True, False, False, False]])

    raw, p = fuse(pool, p_mkt, p_wx, np.array([weight]), dead)

    assert [0.0, 0.0] == p[0, :2].tolist() == raw[0, :2].tolist()
    assert (p[0, 2:] > 0).all()


@EVERY
def test_one_side_cannot_rule_out_what_may_still_happen(pool):
    """A weather that says zero of a live bracket leaves it a chance: a model may be wrong."""
    p_mkt, p_wx = np.full((1, BRACKETS), 0.2), np.array([[0.0, 1, 0, 0, 0]])

    _, p = fuse(pool, p_mkt, p_wx, np.array([0.5]), ALIVE)

    assert p.min() >= LEAST_P / 2


@EVERY
@pytest.mark.parametrize(
    "wrong",
    [[np.nan, 0.25, 0.25, 0.25, 0.25], [-0.25, 0.5, 0.25, 0.25, 0.25], [0.9] * 5, [0.0] * 5],
    ids=["NaN", "negative", "sums to 4.5", "sums to 0"],
)
def test_what_is_no_distribution_is_refused(pool, wrong):
    """The error shows the row, whichever side it is on."""
    good, weight = np.full((1, BRACKETS), 0.2), np.array([0.5])

    for sides in ((np.array([wrong]), good), (good, np.array([wrong]))):
        with pytest.raises(Refused, match="row 0 is no distribution"):
            fuse(pool, *sides, weight, ALIVE)


@EVERY
@pytest.mark.parametrize("weight", [np.nan, 1.7, -0.2])
def test_a_weight_that_is_no_share_is_refused(pool, weight):
    """It lies between nothing and all."""
    good = np.full((1, BRACKETS), 0.2)

    with pytest.raises(Refused, match="a weight is no share"):
        fuse(pool, good, good, np.array([weight]), ALIVE)


@EVERY
def test_an_event_without_brackets_is_refused(pool):
    """Of no brackets there is no distribution."""
    with pytest.raises(Refused, match="no distribution"):
        fuse(pool, np.zeros((1, 0)), np.zeros((1, 0)), np.array([0.5]), np.zeros((1, 0), dtype=bool))


def test_the_log_linear_pool_is_the_softmax_of_weighed_logs():
    """P ∝ exp(w log p_mkt + (1−w) log p_wx), by hand."""
    p_mkt, p_wx = np.array([[0.5, 0.3, 0.2]]), np.array([[0.2, 0.2, 0.6]])
    scores = np.exp(0.7 * np.log(p_mkt) + 0.3 * np.log(p_wx))

    raw, p = fuse(LogLinear(), p_mkt, p_wx, np.array([0.7]), np.zeros((1, 3), dtype=bool))

    np.testing.assert_allclose(raw, scores)
    np.testing.assert_allclose(p, scores / scores.sum())


@given(a=st.floats(0.6, 3), b=st.floats(0.6, 3), p_mkt=distributions, p_wx=distributions)
def test_the_beta_pool_reads_its_transform_off_a_table_right_to_a_millionth(a, b, p_mkt, p_wx):
    """Against scipy's incomplete beta function itself."""
    from scipy.special import betainc

    mixed = 0.5 * p_mkt + 0.5 * p_wx

    np.testing.assert_allclose(Beta(a=a, b=b).pooled(p_mkt, p_wx, np.array([0.5])), betainc(a, b, mixed), atol=2e-6)


def test_larger_exponents_make_a_mixture_surer():
    """That is what the transform is for: linear pools of calibrated opinions are too unsure."""
    p_mkt, p_wx = np.array([[0.6, 0.3, 0.1]]), np.array([[0.7, 0.2, 0.1]])
    alive, weight = np.zeros((1, 3), dtype=bool), np.array([0.5])

    plain, bent = (fuse(pool, p_mkt, p_wx, weight, alive)[1] for pool in (Linear(), Beta(a=1.5, b=1.5)))

    assert bent[0, 0] > plain[0, 0]


def test_pools_are_known_by_their_names():
    """Each name gives its pool; another one is refused."""
    assert POOLS == tuple(pool_of(name).name for name in POOLS)
    with pytest.raises(Usage, match="no pool 'average'"):
        pool_of("average")
