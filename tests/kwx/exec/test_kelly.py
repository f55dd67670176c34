"""Kelly stakes against an optimiser that knows nothing of them, against closed forms, and at the edges of sense."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from numpy.typing import NDArray
from scipy.optimize import minimize

from kwx.exec.kelly import RECEIPTS_SHARE, ladder_kelly, single_kelly
from tests.kwx.exec.odds import Floats, Odds, drawn, mean_log, wealth_after

LADDERS = 32
SEEDS = st.integers(0, 2**32 - 1)
_ladder_kelly = jax.jit(ladder_kelly)
_mapped = jax.jit(jax.vmap(ladder_kelly, in_axes=-1, out_axes=-1))
_scanned = jax.jit(lambda odds: lax.scan(lambda carry, ladder: (carry, ladder_kelly(*ladder)), 0, odds)[1])


def kelly(odds: Odds, dtype: Any = np.float64) -> Floats:
    """Return the trades that Kelly wants, computed in a precision."""
    with jax.enable_x64(True):
        trades = _ladder_kelly(*(np.asarray(each, dtype) for each in odds))
        assert dtype == trades.dtype
        return np.asarray(trades, np.float64)


def one(p, buy_cost, sell_net, wealth=100.0) -> Odds:
    """Return a single ladder."""
    columns = (p, buy_cost, sell_net, np.broadcast_to(wealth, len(p)))
    return Odds(*(np.asarray(column, float)[:, None] for column in columns))


def by_slsqp(odds: Odds, at: int) -> Floats:
    """Return the trades that scipy's SLSQP finds for one ladder: purchases, then sales, of the sides that are open."""
    p, buy, sell, wealth = (column[:, at] for column in odds)
    count, scale = len(p), wealth.max()
    price = np.concatenate([np.where(np.isfinite(buy), buy, 0), -sell])
    lift = np.hstack([np.eye(count), -np.eye(count)]) - price

    def loss(sizes):
        after = wealth / scale + lift @ sizes
        return -p @ np.log(np.maximum(after, 1e-12)), -(p / np.maximum(after, 1e-12)) @ lift

    limits = [
        {"type": "ineq", "fun": lambda sizes: wealth / scale + lift @ sizes - 1e-9, "jac": lambda _: lift},
        {"type": "ineq", "fun": lambda sizes: RECEIPTS_SHARE + price @ sizes, "jac": lambda _: price},
    ]
    open_sides = [(0, None if is_open else 0) for is_open in (*np.isfinite(buy), *(sell > 0))]
    found = minimize(
        loss, np.zeros(2 * count), jac=True, bounds=open_sides, constraints=limits, method="SLSQP",
        options={"ftol": 1e-13, "maxiter": 500},
    )  # fmt: skip
    sizes = np.where([high is None for _, high in open_sides], np.maximum(found.x, 0), 0) * scale
    return sizes[:count] - sizes[count:]


def is_capped(odds: Odds, trades: Floats) -> NDArray[np.bool_]:
    """Return [N] whether trades take in all the cash that they may."""
    taken = (wealth_after(odds, trades) - trades - odds.wealth)[0]
    return taken > 0.99 * RECEIPTS_SHARE * odds.wealth.max(axis=0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("holds", [0.0, 0.5])
def test_the_mean_log_is_that_of_an_optimiser(dtype, holds):
    """Never more than a millionth below what SLSQP finds, with and without positions; which in turn finds as much."""
    odds = drawn(3, 24, holds=holds)
    ours = mean_log(odds, kelly(odds, dtype))

    found = np.stack([by_slsqp(odds, at) for at in range(24)], axis=1)

    lead = ours - mean_log(odds, found)
    assert lead.min() > -1e-6
    assert np.median(lead) < 1e-6


@given(seed=SEEDS)
def test_prices_of_state_are_the_prices_paid(seed):
    """The conditions of the optimum: q sums to one, inside the prices, equal to the price of what is traded."""
    odds = drawn(seed, LADDERS)
    trades = kelly(odds)
    after = wealth_after(odds, trades)
    q = odds.p / after / (odds.p / after).sum(axis=0)
    q = np.where(is_capped(odds, trades), np.nan, q)

    assert not (q > odds.buy_cost * (1 + 1e-3) + 1e-6).any()
    assert not (q < odds.sell_net * (1 - 1e-3) - 1e-6).any()
    assert not ((trades > 1e-3) & (np.abs(q - odds.buy_cost) > 1e-3 * odds.buy_cost + 1e-6)).any()
    assert not ((trades < -1e-3) & (np.abs(q - odds.sell_net) > 1e-3 * odds.sell_net + 1e-6)).any()


@given(seed=SEEDS)
def test_single_precision_loses_less_than_a_millionth(seed):
    """And no more than that is lost where prices are near to promising a gain."""
    odds = drawn(seed, LADDERS)

    lost = mean_log(odds, kelly(odds)) - mean_log(odds, kelly(odds, np.float32))

    assert lost.max() < 1e-6


@given(seed=SEEDS)
def test_what_is_closed_is_not_traded(seed):
    """Neither bought at no price nor sold for nothing."""
    odds = drawn(seed, LADDERS, closed=0.5)
    trades = kelly(odds, np.float32)

    assert not ((trades > 0) & np.isinf(odds.buy_cost)).any()
    assert not ((trades < 0) & (odds.sell_net == 0)).any()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@given(seed=SEEDS)
def test_who_holds_the_best_position_wants_nothing_more(dtype, seed):
    """Asked again with the wealth that the trades have made, the answer is next to nothing, and worth less."""
    odds = drawn(seed, LADDERS)
    trades = kelly(odds, dtype)
    free = ~is_capped(odds, trades)
    held = odds._replace(wealth=wealth_after(odds, trades))

    again = kelly(held, dtype)

    assert np.abs(mean_log(held, again) - mean_log(held, 0 * again))[free].max() < 1e-6
    assert np.abs(again[:, free]).max() < 0.05


@given(seed=SEEDS, scale=st.floats(0.01, 1e6))
def test_stakes_grow_with_wealth(seed, scale):
    """Half the bankroll stakes half as much: what a fraction of Kelly is."""
    odds = drawn(seed, LADDERS)
    trades = kelly(odds)

    scaled = kelly(odds._replace(wealth=scale * odds.wealth))

    np.testing.assert_allclose(scaled / scale, trades, rtol=1e-3, atol=1e-3)


@settings(max_examples=30)
@given(seed=SEEDS)
def test_a_ladder_does_not_depend_on_its_neighbours(seed):
    """The same bits beside others or beside itself; up to rounding the same over parameter sets and in a scan."""
    odds = Odds(*(column.astype(np.float32) for column in drawn(seed, 4)))
    whole = np.asarray(_ladder_kelly(*odds))

    np.testing.assert_allclose(_mapped(*odds), whole, rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(_scanned(tuple(column.T for column in odds)).T, whole, rtol=1e-3, atol=2e-3)
    for at in range(4):
        np.testing.assert_array_equal(whole[:, at], np.asarray(_ladder_kelly(*(c[:, [at] * 4] for c in odds)))[:, 0])


@given(p=st.floats(0.01, 0.99), buy=st.floats(0.02, 0.98), spread=st.floats(0.0, 0.2), stake=st.floats(1, 1e5))
def test_a_ladder_of_one_bracket_is_the_single_one(p, buy, spread, stake):
    """A bracket and what cannot be traded beside it: the classic stake, bought or sold."""
    sell = max(buy - spread, 0.01)
    expected = float(single_kelly(np.float64(p), np.float64(buy), np.float64(sell), np.float64(stake)))
    bounded = max(-RECEIPTS_SHARE * stake / sell, expected)

    assert kelly(one([p, 1 - p], [buy, np.inf], [sell, 0], stake))[0, 0] == pytest.approx(bounded, rel=2e-3, abs=1e-3)


@given(p=st.floats(0.01, 0.99), buy=st.floats(0.02, 0.98), spread=st.floats(0.0, 0.2))
def test_a_single_stake_cannot_be_bettered(p, buy, spread):
    """No other position has a larger mean log, on either side; inside the spread it is none."""
    sell = max(buy - spread, 0.01)
    best = float(single_kelly(p, buy, sell, 1.0))

    def gain(size):
        cost = np.where(size > 0, buy, sell) * size
        ruins = (size - cost <= -1) | (cost >= 1)
        wins, loses = np.where(ruins, 0, size - cost), np.where(ruins, 0, -cost)
        return np.where(ruins, -np.inf, p * np.log1p(wins) + (1 - p) * np.log1p(loses))

    others = np.concatenate([best * np.linspace(0, 2, 41), [-0.01, 0.01]])
    assert gain(best) >= gain(others).max() - 1e-6
    assert (best == 0) == (sell <= p <= buy)


def test_a_fair_race_is_bet_by_belief():
    """With one price for both sides that sums to one, wealth in each outcome is p over price."""
    p, price = np.array([0.5, 0.3, 0.15, 0.05]), np.array([0.4, 0.4, 0.1, 0.1])
    odds = one(p, price, price)

    after = wealth_after(odds, kelly(odds))

    np.testing.assert_allclose(after[:, 0], 100 * p / price, rtol=1e-6)


def test_a_hedge_is_bought_above_its_fair_price():
    """Who has sold a bracket far beyond his stake buys it back at more than he holds it to be worth."""
    odds = one([0.3, 0.3, 0.4], [0.35, 0.35, 0.45], [0.25, 0.25, 0.35], [10, 100, 100])

    trades = kelly(odds)[:, 0]

    assert trades[0] > 20
    assert trades[1] == pytest.approx(0, abs=1e-3)


def test_a_bracket_that_is_not_there_changes_nothing():
    """Probability 0 and no side open: as if the ladder were shorter, whatever wealth it is given."""
    odds = one([0.5, 0.3, 0.2], [0.4, 0.4, 0.3], [0.3, 0.3, 0.25])
    longer = one([0.5, 0.3, 0.2, 0], [0.4, 0.4, 0.3, np.inf], [0.3, 0.3, 0.25, 0], [100, 100, 100, -1e9])

    np.testing.assert_allclose(kelly(longer)[:3], kelly(odds), rtol=1e-6)
    assert kelly(longer)[3, 0] == 0


def test_probabilities_need_not_sum_to_one():
    """They are shares of what they sum to."""
    odds = drawn(8, LADDERS)

    np.testing.assert_allclose(kelly(odds._replace(p=0.7 * odds.p)), kelly(odds), rtol=1e-4, atol=1e-4)


def test_what_is_thought_impossible_is_sold_but_cannot_ruin():
    """A bracket of probability 0 is sold until its outcome would leave nothing, and no further."""
    odds = one([0.0, 0.6, 0.4], [0.2, 0.7, 0.45], [0.1, 0.55, 0.35])
    trades = kelly(odds)

    after = wealth_after(odds, trades)[0, 0]

    assert trades[0, 0] < -100
    assert 0 <= after < 0.01


def promises_gain(odds: Odds) -> bool:
    """Tell whether the prices of some ladder alone promise a gain whatever settles: Kelly is then only bounded."""
    dutch = (odds.buy_cost.sum(axis=0) < 1) | (odds.sell_net.sum(axis=0) > 1)
    return bool((dutch | (odds.sell_net > odds.buy_cost).any(axis=0)).any())


@pytest.mark.parametrize(
    ("buy_cost", "sell_net"),
    [
        ([0.3, 0.3, 0.3], [0, 0, 0]),
        ([0.9, 0.9, 0.9], [0.4, 0.4, 0.4]),
        ([0.3, 0.5, 0.6], [0.4, 0.2, 0.2]),
    ],
)
def test_a_promised_gain_is_taken_in_bounds(buy_cost, sell_net):
    """Buying all for less than a dollar, selling all for more, selling one above its price."""
    odds = one([0.3, 0.3, 0.4], buy_cost, sell_net)
    trades = kelly(odds)

    spent = (odds.wealth - wealth_after(odds, trades) + trades)[0, 0]

    assert promises_gain(odds)
    assert mean_log(odds, trades)[0] > np.log(100)
    assert -100 * RECEIPTS_SHARE - 1e-6 <= spent <= 100 + 1e-6
    assert (wealth_after(odds, trades) >= 0).all()


def test_honest_prices_promise_nothing():
    """The truth lies between the prices: no gain without a belief."""
    assert not promises_gain(drawn(5, 200))


def test_an_outcome_that_has_ruined_is_repaired():
    """Wealth below zero in one outcome: some of it is bought, and the answer is a number."""
    trades = kelly(one([0.3, 0.3, 0.4], [0.35, 0.35, 0.45], [0.25, 0.25, 0.35], [-20, 100, 100]), np.float32)

    assert np.isfinite(trades).all()
    assert trades[0, 0] > 10


@pytest.mark.parametrize(
    ("p", "wealth"), [([np.nan, 0.5, 0.5], 100), ([0, 0, 0], 100), ([0.2, 0.3, 0.5], -5), ([0.2, 0.3, 0.5], np.nan)]
)
def test_without_a_belief_or_wealth_nothing_is_wanted(p, wealth):
    """A missing probability, none at all, nothing left in any outcome, or no idea of wealth."""
    trades = kelly(one(p, [0.1, 0.1, 0.1], [0, 0, 0], wealth), np.float32)

    assert [0, 0, 0] == trades[:, 0].tolist()


def test_nothing_to_trade_is_nothing_to_want():
    """All sides closed, with positions as they may be."""
    odds = drawn(4, LADDERS)._replace(buy_cost=np.full((6, LADDERS), np.inf), sell_net=np.zeros((6, LADDERS)))

    assert not kelly(odds, np.float32).any()


def test_a_stake_without_a_probability_is_none():
    """Neither inf costs nor missing probabilities reach the answer of a single bracket."""
    assert [0, 0] == single_kelly(np.array([np.nan, 0.4]), np.array([0.3, np.inf]), np.array([0.2, 0.0]), 10.0).tolist()
