"""What orders were charged, fill by fill: the law of fees over whole columns, in plain whole numbers.

The law is that of warehouse.market.fees, where each part of it has its reason. What rounding leaves of a fill goes on
to the next of its order, so that the first fills of all orders are charged at once, then the second ones, and so on.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from warehouse.errors import Refused
from warehouse.market.fees import (
    FEE_DENOMINATOR,
    FEE_STEP_MICROS,
    ONCE_PER_ORDER_MICROS,
    ORDER_UNITS_PER_CENT,
)
from warehouse.market.money import TICKS_PER_DOLLAR

Ints = NDArray[np.int64]

MOST_CENTI = 1_000_000
"""10,000 contracts: at ten times the usual fee the product of the formula stays below 2⁶³."""
_MICROS_PER_CENT = FEE_STEP_MICROS["cent"]
_DENOMINATOR_BY_UNIT = FEE_DENOMINATOR * _MICROS_PER_CENT // ORDER_UNITS_PER_CENT


def fees_of_fills(order: Ints, num: Ints, ticks: Ints, signed_centi: Ints, step_micros: Ints) -> Ints:
    """Return what each fill pays in the end; those of an order follow each other, the oldest first.

    `order` is any number of a fill's order. The others are those of `fill_fee`, which says the same of one fill.
    """
    if (ticks < 0).any() or (ticks > TICKS_PER_DOLLAR).any() or (np.abs(signed_centi) > MOST_CENTI).any():
        raise Refused(
            "some of these are no fills, or too large for the arithmetic of columns",
            hint=f"prices are 0 … 10,000 ticks of yes, and a fill has {MOST_CENTI:,} hundredths of a contract at most",
        )
    net, carry = np.zeros(len(order), np.int64), np.zeros(len(order), np.int64)
    for rank, rows in enumerate(_by_rank(order)):
        carried = carry[rows - 1] if rank else carry[rows]
        net[rows], carry[rows] = _charged(num[rows], ticks[rows], signed_centi[rows], step_micros[rows], carried)
    return net


def _by_rank(order: Ints) -> Iterator[Ints]:
    """Yield the first fill of every order, then the second of those that have one, and so on."""
    place = np.arange(len(order))
    begins = np.concatenate([[True], order[1:] != order[:-1]]) if len(order) else np.zeros(0, np.bool_)
    rank = place - np.maximum.accumulate(np.where(begins, place, 0))
    counts = np.bincount(rank) if len(rank) else rank
    yield from np.split(np.argsort(rank, kind="stable"), np.cumsum(counts)[:-1])


def _charged(num: Ints, ticks: Ints, signed_centi: Ints, step_micros: Ints, carried: Ints) -> tuple[Ints, Ints]:
    """Return what fills pay, and what rounding leaves for the next of their orders."""
    product = num * np.abs(signed_centi) * (ticks * (TICKS_PER_DOLLAR - ticks))
    trade = _up(product, FEE_DENOMINATOR)
    rounding = (-signed_centi * ticks - trade) % step_micros
    gathered = carried + rounding
    rebate = np.where((gathered >= step_micros) & (trade + rounding >= step_micros), step_micros, 0)
    due = _up(product, _DENOMINATOR_BY_UNIT) - carried
    cents = _up(due, ORDER_UNITS_PER_CENT)
    once = step_micros == ONCE_PER_ORDER_MICROS
    net = np.where(once, cents * _MICROS_PER_CENT, trade + rounding - rebate)
    return net, np.where(once, cents * ORDER_UNITS_PER_CENT - due, gathered - rebate)


def _up(whole: Ints, parts: int) -> Ints:
    return -(-whole // parts)
