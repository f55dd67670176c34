"""Minutes drawn at random: quotes that jump, vanish and cross, prints on both sides, probabilities that come and go."""

from __future__ import annotations

import numpy as np

from kwx.exec.minute import NO_PRINT_HIGH_TICKS, NO_PRINT_LOW_TICKS, Minute
from tests.kwx.exec.made import made_minutes


def wild_minutes(
    seed: int, minutes: int, *, brackets: int = 3, cities: int = 2, dates: int = 2, settles: bool = True
) -> Minute:
    """Return minutes of a market that does what it wants; the last row settles."""
    draw = np.random.default_rng(seed)
    shape, event = (minutes, brackets, cities, dates), (minutes, cities, dates)
    mid = np.clip(50 + np.cumsum(draw.integers(-2, 3, size=shape), axis=0), 2, 98)
    bid = 100 * np.clip(mid - draw.integers(1, 3, size=shape), 0, 99)
    ask = 100 * np.clip(mid + draw.integers(1, 3, size=shape), 1, 100)
    low = np.clip(bid - 100 * draw.integers(0, 3, size=shape), 100, 9_900)
    high = np.clip(ask + 100 * draw.integers(0, 3, size=shape), 100, 9_900)
    trades = draw.random(shape) < 0.4
    sold, bought = (np.where(trades, draw.integers(0, 9_000, size=shape), 0) for _ in range(2))
    fair = np.clip(mid / 100 + draw.normal(0, 0.06, size=shape), 0.01, 0.99)
    fair[draw.random(shape) < 0.05] = np.nan
    opened = draw.random(shape) < 0.97
    winner = np.full(event, -1)
    if settles:
        opened[-1], trades[-1] = False, False
        winner[-1] = draw.integers(0, brackets, size=event[1:])
        sold[-1], bought[-1] = 0, 0
    laid = made_minutes(
        minutes, brackets=brackets, cities=cities, dates=dates, open=opened, bid_ticks=bid, ask_ticks=ask,
        bid_size_centi=draw.integers(-1, 9_000, size=shape), ask_size_centi=draw.integers(-1, 9_000, size=shape),
        low_ticks=np.where(trades, low, NO_PRINT_LOW_TICKS), high_ticks=np.where(trades, high, NO_PRINT_HIGH_TICKS),
        close_ticks=np.where(trades, bid, 0), volume_centi=sold + bought, fresh=draw.random(shape) < 0.95,
        p_fair=fair, score=draw.normal(size=shape), urgent=draw.random(shape) < 0.05,
        minutes_to_close=np.broadcast_to(np.arange(minutes)[::-1, None, None], event),
        release=draw.random(event) < 0.03, maker_fee_num=7_000, winner=winner,
    )  # fmt: skip
    laid.sells.ticks[:, 0], laid.sells.centi[:, 0] = np.where(trades, low, 0), sold
    laid.buys.ticks[:, 0], laid.buys.centi[:, 0] = np.where(trades, high, 0), bought
    return laid
