"""How much of the cash is spoken for: what every resting order could cost if all of them were filled.

What closes a position needs no cash, so of the orders against a position those that would close it are free, the
costliest first. Orders of both sides count in full: no fill of one is known to come before a fill of the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pipelines.demo.venue.words import Side
from warehouse.market.fees import FeeRule, trade_fee_micros
from warehouse.market.money import TICKS_PER_DOLLAR

_DEAREST_TICKS = TICKS_PER_DOLLAR // 2


class Claim(NamedTuple):
    """What an order may still buy, and at which price of yes."""

    side: Side
    ticks: int
    centi: int


def spoken_for_micros(position_centi: int, claims: Iterable[Claim]) -> int:
    """Return what the orders of one market could cost beside a position, without fees."""
    claims = list(claims)
    return sum(_one_side(side, max(0, -side * position_centi), claims) for side in Side)


def most_fee_micros(rule: FeeRule, claim: Claim, *, step_micros: int, is_taker: bool) -> int:
    """Return the most that an order can be charged: a taker pays at the price it finds, the dearest being half."""
    num = rule.taker_num if is_taker else rule.maker_num
    if num == 0:
        return 0
    within = min if claim.side is Side.BID else max
    ticks = within(claim.ticks, _DEAREST_TICKS) if is_taker else claim.ticks
    return trade_fee_micros(num, ticks=ticks, centi=claim.centi) + step_micros


def _one_side(side: Side, free_centi: int, claims: Iterable[Claim]) -> int:
    costs = sorted(
        ((claim.ticks if side is Side.BID else TICKS_PER_DOLLAR - claim.ticks), claim.centi)
        for claim in claims
        if claim.side is side
    )
    total = 0
    for cost_ticks, centi in reversed(costs):
        closing = min(free_centi, centi)
        free_centi -= closing
        total += (centi - closing) * cost_ticks
    return total
