"""What each bracket's quote is worth, by written rules, and which rule it was.

An empty side of a book is $0 or $1: nobody pays less or asks more. So every quote is an interval, and the price lies in
its middle, provided that the interval says enough:

two-sided   the middle (or the microprice), if bid and offer are at most 50 ¢ apart
one-sided   the middle up to the empty side's $0 or $1, if that is at most 10 ¢ away
crossed     a bid above the offer: the middle of the two, under the bound of two-sided quotes
last trade  a wider interval says too little: the last trade, held within it; also where no quote was ever told, as in
            candles made from the tape
none        both sides empty, or nothing told and nothing traded: no price, and the event's rule decides

A quote is told again only when it moves, so age alone does not make it wrong: one older than an hour is used, and told.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from kwx.fuse.market.minutes import ABSENT, EventMinutes, Floats
from warehouse.market.money import TICKS_PER_DOLLAR

WIDEST_TICKS = 5_000
WIDEST_ONE_SIDED_TICKS = 1_000
OLD_MINUTES = 60


class Rule(IntEnum):
    """How a bracket came to its price."""

    TWO_SIDED = 0
    MICRO = 1
    BID_ONLY = 2
    OFFER_ONLY = 3
    CROSSED = 4
    LAST_TRADE = 5
    TAPE = 6
    EMPTY = 7
    NEVER = 8
    WIDE = 9


RULE_WORDS = {
    Rule.TWO_SIDED: "two-sided",
    Rule.MICRO: "two-sided, by sizes",
    Rule.BID_ONLY: "bid only",
    Rule.OFFER_ONLY: "offer only",
    Rule.CROSSED: "crossed",
    Rule.LAST_TRADE: "wide, last trade",
    Rule.TAPE: "no quote, last trade",
    Rule.EMPTY: "empty book",
    Rule.NEVER: "never quoted nor traded",
    Rule.WIDE: "too wide, no trade",
}

Codes = NDArray[np.int8]


@dataclass(frozen=True, kw_only=True, eq=False)
class Priced:
    """[T, B] the price of each bracket in dollars, NaN where there is none; the rule; whether the quote is old."""

    price: Floats
    rule: Codes
    old: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sizes:
    """[T, B] contracts at the best bid and offer; NaN where they are not known."""

    bid: Floats
    ask: Floats


def priced(minutes: EventMinutes, sizes: Sizes | None = None) -> Priced:
    """Return what each bracket is worth at each minute."""
    bid, ask = minutes.bid_ticks, minutes.ask_ticks
    never = (bid == ABSENT) | (ask == ABSENT)
    no_bid, no_ask = bid <= 0, ask >= TICKS_PER_DOLLAR
    empty = ~never & no_bid & no_ask
    crossed = ~never & ~no_bid & ~no_ask & (bid > ask)
    width = np.abs(ask - bid)
    widest = np.where(no_bid | no_ask, WIDEST_ONE_SIDED_TICKS, WIDEST_TICKS)
    wide = ~never & ~empty & (width > widest)
    price, by_size = _within(bid, ask, sizes)
    traded = minutes.last_ticks != ABSENT
    price = np.where(never | wide, _last_trade(minutes, quoted=~never), price)
    rule = np.select(
        [never & traded, never, empty, wide & traded, wide, crossed, no_ask, no_bid, by_size],
        [
            *(Rule.TAPE, Rule.NEVER, Rule.EMPTY, Rule.LAST_TRADE, Rule.WIDE),
            *(Rule.CROSSED, Rule.BID_ONLY, Rule.OFFER_ONLY, Rule.MICRO),
        ],
        Rule.TWO_SIDED,
    ).astype(np.int8)
    return Priced(price=np.where(rule >= Rule.EMPTY, np.nan, price), rule=rule, old=minutes.age_minutes > OLD_MINUTES)


def _last_trade(minutes: EventMinutes, *, quoted: NDArray[np.bool_]) -> Floats:
    """Return the last trade of each bracket in dollars, held within its quote where there is one."""
    bid, ask, last = minutes.bid_ticks, minutes.ask_ticks, minutes.last_ticks
    held = np.clip(last, np.minimum(bid, ask), np.maximum(bid, ask))
    return np.where(quoted, held, last) / TICKS_PER_DOLLAR


def _within(bid: NDArray[np.int64], ask: NDArray[np.int64], sizes: Sizes | None) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the middle of each quote, or its microprice where sizes are known on both sides, and where they are."""
    middle = (bid + ask) / (2 * TICKS_PER_DOLLAR)
    if sizes is None:
        return middle, np.zeros(bid.shape, dtype=np.bool_)
    known = (sizes.bid > 0) & (sizes.ask > 0) & (bid > 0) & (ask < TICKS_PER_DOLLAR) & (bid <= ask)
    both = np.where(known, sizes.bid + sizes.ask, 1.0)
    micro = (bid * np.where(known, sizes.ask, 0.0) + ask * np.where(known, sizes.bid, 0.0)) / both / TICKS_PER_DOLLAR
    return np.where(known, micro, middle), known
