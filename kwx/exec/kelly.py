"""Kelly stakes: for one bracket by itself, and exactly for all brackets of an event at once.

Money is in dollars and sizes are in contracts of yes, as floats: what is traded of them is whole lots, and limits come
after. Fees are part of the prices: `buy_cost` is all that a contract costs and `sell_net` all that is left of its sale;
inf and 0 close a side.

**One bracket.** Of wealth W, x contracts at cost a make W + (1 - a) x if the bracket wins and W - a x if not. The mean
log is best where p (1 - a) / (W + (1 - a) x) = (1 - p) a / (W - a x), which is x = W (p - a) / (a (1 - a)).

**The ladder.** One bracket wins. w_i is what is owned if it is bracket i and nothing more is traded. Trades z cost a_j
for each contract bought and bring b_j for each sold, and leave cash v in all (below zero where they cost):
W_i = w_i + v + z_i. Let 1 / u = Σ p_i / W_i be the worth of a dollar for sure. The mean of log W is best where the
prices of state q_i = u p_i / W_i sum to one and are

    a_i where i is bought,   b_i where it is sold,   from b_i to a_i where it is left alone,

which says that W_i is m_i = w_i + v, held between u p_i / a_i and u p_i / b_i. Two unknowns decide everything.

Given v, trades leave just v in cash where u + v = Σ p_i clip(u, b_i m_i / p_i, a_i m_i / p_i): in u straight pieces
that meet at 2 B known points, so that u is found without steps. With it the best mean log is a concave function of v,
and its slope has the sign of Σ q_i - 1. The root of that is kept between bounds; a step towards it solves the piece at
hand, the harmonic mean of what idle brackets are worth taken for a line: exact where they are all worth the same.

What exact Kelly does, beside what one expects: it may buy a bracket above its fair price, or sell it below, to hedge
what is held or traded beside it. Having traded, it wants nothing more: a share of the bankroll is staked in full, never
again a share of the stake; except of what the bounds below have kept from it.

Bounds, for prices that promise more than there is: trades spend no more than the wealth of the best outcome and take in
no more than RECEIPTS_SHARE times that; no price is below a tick; of a bracket whose sale brings more than it costs (as
with two limits of one's own inside a spread) only the side with the larger edge is open; p = 0 is read as one in a
billion, so that what is thought impossible cannot ruin; an outcome that has ruined already counts as a millionth of the
best one, and its repair is wanted minute by minute. In float32 the mean log of wealth is within 1e-6 of the best.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from kwx.exec.minute import Array
from kwx.exec.once import once
from kwx.exec.over import every, least, total
from warehouse.market.money import TICKS_PER_DOLLAR

RECEIPTS_SHARE = 4.0
_MOST_STEPS = 28
_CLOSED = 1e6
"""What a contract costs that may not be bought."""
_LEAST_P, _LEAST_WEALTH = 1e-9, 1e-6
_INSIDE = 1 - 1e-6
"""How near to nothing the cash may bring an outcome that no purchase lifts."""
_FAR = 1e9
_STILL = 1e-11
"""A step that can gain no more mean log wealth than this is not taken and ends the walk."""
_NEAR = 1e-5
"""A step so small is taken even beyond the bounds, which rounding may have drawn too narrow."""
_SLACK = 1e-5
"""By this share a price may be better than fair before it is traded: who holds the best position wants just nothing."""
_SHRINKS = 0.7
"""A step must be shorter than the last one by this much, else the bounds are halved."""


class _Market(NamedTuple):
    """Per bracket, as lanes that XLA can fuse: probability, prices, prices over p, wealth as a share of the best."""

    p: list[Array]
    buy: list[Array]
    sell: list[Array]
    buy_over_p: list[Array]
    sell_over_p: list[Array]
    wealth: list[Array]


class _Walk(NamedTuple):
    """The cash that trades leave and what it lies between; what the last step was, and what it could gain."""

    cash: Array
    low: Array
    high: Array
    may_be_high: Array  # the upper bound has not been tried
    step: Array
    gain: Array


class _Stand(NamedTuple):
    """What a cash makes of a market: u, the bounds of u inside which each bracket is idle, and sums over brackets."""

    u: Array
    sold_below: list[Array]
    bought_above: list[Array]
    left: Array  # one less the prices of what is traded
    traded_p: Array
    idle_p_per_dollar: Array
    idle_p_per_square: Array


def single_kelly(p: Array, buy_cost: Array, sell_net: Array, stake: Array) -> Array:
    """Return the best position in a bracket by itself, in contracts, when `stake` dollars are all there is to lose.

    Zero between the two prices, and where there is no probability.
    """
    buys = (p > buy_cost) & (buy_cost > 0) & (buy_cost < 1)
    sells = (p < sell_net) & (sell_net > 0) & (sell_net < 1)
    price = jnp.where(buys, buy_cost, jnp.where(sells, sell_net, 0.5))
    return jnp.where(buys | sells, stake * (p - price) / (price * (1 - price)), 0)


def ladder_kelly(p: Array, buy_cost: Array, sell_net: Array, wealth: Array) -> Array:
    """Return how many contracts to trade of each bracket [B, …], bought above zero and sold below.

    wealth: the dollars that each outcome leaves if nothing more is traded; a stake and what present positions pay and
        have cost. p need not sum to one. A bracket of probability 0 that cannot be traded is no outcome. Nothing is
        wanted where a probability is missing or no outcome leaves any wealth.
    """
    can_buy, can_sell = buy_cost < _CLOSED, sell_net > 0
    counts = (p > 0) | can_buy | can_sell
    rich, mass = _most(jnp.where(counts, wealth, -jnp.inf)), total(jnp.maximum(p, 0))
    is_asked = (rich > 0) & (mass > 0) & jnp.isfinite(rich)
    scale = jnp.where(is_asked, rich, 1).astype(p.dtype)
    share = jnp.clip(jnp.where(counts, wealth, scale).astype(p.dtype) / scale, _LEAST_WEALTH, 1)
    market = _market(p / mass, jnp.where(can_buy, buy_cost, _CLOSED), jnp.where(can_sell, sell_net, 0), share)
    walk, is_idle = once(_start(market), wealth)
    is_idle |= ~is_asked
    walk = _walked(market, walk._replace(gain=jnp.where(is_idle, 0, walk.gain)))
    trades = jnp.stack(_trades(market, walk.cash))
    trades = jnp.where(can_buy, trades, jnp.minimum(trades, 0))
    return jnp.where(is_idle, 0, trades * scale)


def _market(p: Array, buy: Array, sell: Array, wealth: Array) -> _Market:
    """Return the market without prices that cross and probabilities of zero."""
    p = jnp.maximum(p, _LEAST_P)
    buy, sell = jnp.maximum(buy, 1 / TICKS_PER_DOLLAR).astype(p.dtype), sell.astype(p.dtype)
    crosses, prefers_buying = sell > buy, 2 * p > buy + sell
    buy = jnp.where(crosses & ~prefers_buying, _CLOSED, buy)
    sell = jnp.where(crosses & prefers_buying, 0, sell)
    # A product with 1 / p is cheap to repeat inside a fused loop; a division is not.
    columns = (p, buy, sell, buy / p, sell / p, wealth)
    return _Market(*([column[place] for place in range(p.shape[0])] for column in columns))


def _start(market: _Market) -> tuple[_Walk, Array]:
    """Return bounds of the cash and a first guess, and where no trade at all is best."""
    p, wealth = jnp.stack(market.p), jnp.stack(market.wealth)
    buy, sell = jnp.stack(market.buy), jnp.stack(market.sell)
    price = p / wealth / total(p / wealth)
    is_idle = every((sell <= price * (1 + _SLACK)) & (price <= buy * (1 + _SLACK)))
    # With no cash left or spent, u may lie anywhere between the dearest sale and the cheapest purchase.
    first_sold, first_bought = _most(sell * wealth / p), least(buy * wealth / p)
    is_flat, u = first_sold <= first_bought, 1 / total(p / wealth)
    takes, spends = is_flat & (first_sold > u), is_flat & (first_bought < u)
    sales, purchases = total(sell), total(buy)
    raised = total(sell * wealth) / jnp.maximum(1 - sales, 1 / TICKS_PER_DOLLAR)
    most = jnp.where(sales < 1, jnp.minimum(raised, RECEIPTS_SHARE), RECEIPTS_SHARE)
    spent = jnp.minimum(least(jnp.where(buy < _CLOSED, 2, wealth)) * _INSIDE, 1)
    low = jnp.where(sales >= 1, most, jnp.where(takes, 0, -spent))
    high = jnp.where(purchases <= 1, -spent, jnp.where(spends, 0, most))
    cash = jnp.where(takes, jnp.minimum(1e-3, high / 2), jnp.where(spends, jnp.maximum(-1e-3, low / 2), 0))
    far = jnp.full_like(low, _FAR)
    return _Walk(jnp.clip(cash, low, high), low, high, high > 0, step=far, gain=far), is_idle


def _walked(market: _Market, walk: _Walk) -> _Walk:
    """Walk until every ladder stands still; one that does is left alone, so that none depends on its neighbours."""

    def is_moving(counted: tuple[Array, _Walk]) -> Array:
        count, walk = counted
        return (count < _MOST_STEPS) & jnp.any(walk.gain > _STILL)

    def further(counted: tuple[Array, _Walk]) -> tuple[Array, _Walk]:
        count, walk = counted
        nearer = _nearer(market, walk)
        gain = jnp.where(walk.gain > _STILL, nearer.gain, walk.gain)
        cash = jnp.where(gain > _STILL, nearer.cash, walk.cash)
        return count + 1, nearer._replace(cash=cash, gain=gain)

    start = (jnp.int32(0), walk)
    walked: _Walk = lax.while_loop(is_moving, further, start)[1]
    return walked


def _nearer(market: _Market, walk: _Walk) -> _Walk:
    """Return a cash nearer to where the prices of state sum to one."""
    stand = once(_stand(market, walk.cash), walk.cash)
    idle, left, traded_p = stand.idle_p_per_dollar, stand.left, stand.traded_p
    above_one = stand.u * idle - left
    low = jnp.where(above_one > 0, walk.cash, walk.low)
    high = jnp.where(above_one > 0, walk.high, walk.cash)
    step = traded_p * idle * above_one / (left * (traded_p * stand.idle_p_per_square + idle * idle))
    aim = walk.cash + step
    falls_inside = (low < aim) & (aim < high) & (jnp.abs(step) <= _SHRINKS * walk.step)
    is_good = (left > 0) & (idle > 0) & (traded_p > 0) & (falls_inside | (jnp.abs(step) < _NEAR))
    may_be_high = walk.may_be_high & (above_one > 0)
    elsewhere = jnp.where(may_be_high & (aim >= high), high, (low + high) / 2)
    cash = jnp.where(is_good, jnp.clip(aim, low, high), elsewhere)
    step = jnp.abs(cash - walk.cash)
    # The slope of the best mean log at the old cash, over the way to the new one.
    gain = step * jnp.abs(above_one) / jnp.maximum(stand.u, _LEAST_P)
    return _Walk(cash, low, high, may_be_high, step, gain)


def _stand(market: _Market, cash: Array) -> _Stand:
    """Return the u whose trades leave just this cash, and what is traded with it."""
    worth = [wealth + cash for wealth in market.wealth]
    below = [rate * jnp.maximum(own, 0) for rate, own in zip(market.sell_over_p, worth, strict=True)]
    above = [rate * own for rate, own in zip(market.buy_over_p, worth, strict=True)]
    corner = once(_corner(market, cash, below, above), cash)
    left, traded_p, paid, idle, square = cash * 0 + 1, cash * 0, cash * 0, cash * 0, cash * 0
    for place, own in enumerate(worth):
        buys, sells = corner >= above[place], corner < below[place]
        trades, p = buys | sells, market.p[place]
        price = jnp.where(buys, market.buy[place], jnp.where(sells, market.sell[place], 0))
        per_dollar = 1 / jnp.where(own > 0, own, 1)
        p_per_dollar = jnp.where(trades, 0, p * per_dollar)
        left, paid = left - price, paid + price * market.wealth[place]
        traded_p = traded_p + jnp.where(trades, p, 0)
        idle, square = idle + p_per_dollar, square + p_per_dollar * per_dollar
    u = jnp.where(traded_p > 0, jnp.maximum((paid - cash * left) / traded_p, corner), corner)
    return _Stand(u, below, above, left, traded_p, idle, square)


def _corner(market: _Market, cash: Array, below: list[Array], above: list[Array]) -> Array:
    """Return the last of the points at which a bracket comes to be traded, or no longer is, that lies not above u."""
    corner = cash * 0
    for point in (*below, *above):
        excess = cash
        for p, sold, bought in zip(market.p, below, above, strict=True):
            excess = excess + p * (point - jnp.clip(point, sold, bought))
        corner = jnp.where(excess <= 0, jnp.maximum(corner, point), corner)
    return corner


def _trades(market: _Market, cash: Array) -> list[Array]:
    """Return the contracts of each bracket, per dollar of the best outcome's wealth."""
    stand, trades = once(_stand(market, cash), cash), list[Array]()
    for place, (sold, bought) in enumerate(zip(stand.sold_below, stand.bought_above, strict=True)):
        sale = jnp.minimum(stand.u - sold, 0) / jnp.where(sold > 0, market.sell_over_p[place], 1)
        purchase = jnp.maximum(stand.u - bought, 0) / market.buy_over_p[place]
        trades.append(jnp.where(stand.u > bought, purchase, sale))
    return trades


def _most(values: Array) -> Array:
    """Return the largest of the leading axis."""
    return functools.reduce(jnp.maximum, [values[place] for place in range(values.shape[0])])
