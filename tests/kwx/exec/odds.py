"""Ladders drawn at random: beliefs, prices around a truth they disagree with, sides that are closed, positions held."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Odds(NamedTuple):
    """[B, N] what `ladder_kelly` is asked."""

    p: Floats
    buy_cost: Floats
    sell_net: Floats
    wealth: Floats


def drawn(seed: int, ladders: int, *, brackets: int = 6, closed: float = 0.15, holds: float = 0.4) -> Odds:
    """Return ladders whose prices promise no gain by themselves: the truth lies between them."""
    draw = np.random.default_rng(seed)
    shape = (brackets, ladders)
    truth = draw.gamma(draw.choice([0.3, 1.0, 3.0], size=ladders), size=shape) + 1e-6
    truth /= truth.sum(axis=0)
    belief = truth * np.exp(draw.choice([0.05, 0.3, 1.0], size=ladders) * draw.normal(size=shape))
    half = draw.choice([0.003, 0.01, 0.03], size=ladders) * draw.uniform(0.3, 1.3, size=shape)
    half += draw.choice([0, 0.0175, 0.07], size=ladders) * truth * (1 - truth)
    buys, sells = (draw.random(shape) >= closed for _ in range(2))
    held = np.where(draw.random(shape) < holds, draw.normal(size=shape), 0) * draw.choice([1, 10, 30], size=ladders)
    return Odds(
        p=belief / belief.sum(axis=0),
        buy_cost=np.where(buys & (truth + half < 1), truth + half, np.inf),
        sell_net=np.where(sells & (truth > half), truth - half, 0),
        wealth=np.maximum(100 + held - (held * truth).sum(axis=0), 0.5),
    )


def wealth_after(odds: Odds, trades: Floats) -> Floats:
    """Return [B, N] the wealth of each outcome after trades, by the definition."""
    cost = np.where(trades > 0, np.where(np.isfinite(odds.buy_cost), odds.buy_cost, 0), odds.sell_net)
    return odds.wealth - (cost * trades).sum(axis=0) + trades


def mean_log(odds: Odds, trades: Floats) -> Floats:
    """Return [N] what Kelly makes as large as it can."""
    return (odds.p * np.log(np.maximum(wealth_after(odds, trades), 1e-300))).sum(axis=0)
