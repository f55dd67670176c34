"""What positions were worth minute by minute, and what they put at risk: from quotes and fills, in whole numbers."""

from __future__ import annotations

import numpy as np

from kwx.exec.bars.bars import Bars
from kwx.exec.ledger.equity import settled
from kwx.exec.ledger.places import Ints
from kwx.exec.minute import Minute
from warehouse.market.money import TICKS_PER_DOLLAR

_FAR_MICROS = 2**62


def worth_micros(bars: Bars, positions_centi: Ints) -> Ints:
    """Return [T, C, D] the worth of positions [T, B, C, D] at the mids of each minute; what is settled is paid out."""
    worth: Ints = (_held(bars, positions_centi) * marks_half_ticks(bars.minutes)).sum(axis=1) // 2
    return worth


def at_risk_micros(bars: Bars, positions_centi: Ints, cash_micros: Ints) -> Ints:
    """Return [T, C, D] how much each event can lose in all: what is left if the worst of its brackets wins."""
    paid = np.where(bars.minutes.exists, TICKS_PER_DOLLAR * _held(bars, positions_centi), _FAR_MICROS).min(axis=1)
    left = np.where(paid == _FAR_MICROS, 0, cash_micros + paid)
    return np.maximum(-left, 0)


def marks_half_ticks(minutes: Minute) -> Ints:
    """Return [T, B, C, D] what positions are marked at, twice the price: the last mid, held inside what quotes remain.

    A book of one side that was never seen with two is marked between that side and the end of the scale.
    """
    marks = np.zeros(minutes.open.shape, np.int64)
    last = np.zeros(minutes.open.shape[1:], np.int64)
    is_open = minutes.open & (minutes.winner[:, None] < 0)
    for minute in range(len(marks)):
        bid, ask = minutes.bid_ticks[minute], minutes.ask_ticks[minute]
        has_bid, has_ask = bid > 0, ask < TICKS_PER_DOLLAR
        held = np.clip(last, np.where(has_bid, 2 * bid, 0), np.where(has_ask, 2 * ask, 2 * TICKS_PER_DOLLAR))
        is_mid = (has_bid & has_ask) | ((has_bid | has_ask) & (last == 0))
        last = np.where(is_open[minute], np.where(is_mid, bid + ask, held), last)
        marks[minute] = last
    return marks


def _held(bars: Bars, positions_centi: Ints) -> Ints:
    """Return positions with nothing held of what was settled in the last row."""
    held = positions_centi.copy()
    held[-1] = np.where(settled(bars), 0, held[-1])
    return held
