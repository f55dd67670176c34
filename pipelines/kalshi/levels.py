"""Prices, counts and whole books as the exchange writes them, in any era's form, as exact values in yes prices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import msgspec

from pipelines.kalshi.wire import Level
from warehouse.errors import Unparsable
from warehouse.market.money import TICKS_PER_DOLLAR, count_centi, price_ticks, price_ticks_from_cents

Side = Literal["yes", "no"]
"""The side of a book in yes prices: bids are yes, offers are no."""


class Levels(msgspec.Struct, frozen=True, gc=False):
    """A whole book in yes prices: each side worst level first, so that the last is the best; empty sides are empty."""

    bid_prices_ticks: tuple[int, ...] = ()
    bid_sizes_centi: tuple[int, ...] = ()
    ask_prices_ticks: tuple[int, ...] = ()
    ask_sizes_centi: tuple[int, ...] = ()


def finest(*forms: Sequence[Level] | None) -> Sequence[Level] | None:
    """Return the first form that is there; a side that is in none is empty."""
    return next((form for form in forms if form is not None), None)


def levels_of(*, yes: Sequence[Level] | None, no: Sequence[Level] | None, no_mirrors: bool = True) -> Levels:
    """Return a book from both sides as the exchange says them: prices as dollar text, or as legacy whole cents."""
    bids, asks = _side(yes, mirrored=False), _side(no, mirrored=no_mirrors)[::-1]
    return Levels(
        tuple(price for price, _ in bids),
        tuple(size for _, size in bids),
        tuple(price for price, _ in asks),
        tuple(size for _, size in asks),
    )


def _side(levels: Sequence[Level] | None, *, mirrored: bool) -> list[tuple[int, int]]:
    """Return the levels of one side in rising order; one of no size is none."""
    held = []
    for price, count in levels or ():
        ticks = order_ticks(price, None) if isinstance(price, str) else order_ticks(None, price)
        size = centi(count, None) if isinstance(count, str) else centi(None, count)
        if size < 0:
            raise Unparsable(f"a level of {count!r} contracts is no level")
        if size:
            held.append((TICKS_PER_DOLLAR - ticks if mirrored else ticks, size))
    held.sort()
    if len({price for price, _ in held}) < len(held):
        raise Unparsable("one price is there twice on one side")
    return held


def is_crossed_otherwise(levels: Levels) -> bool:
    """Tell whether the book would be crossed had the no side been meant at the other leg's prices."""
    if not levels.bid_prices_ticks or not levels.ask_prices_ticks:
        return False
    return max(levels.bid_prices_ticks) >= TICKS_PER_DOLLAR - max(levels.ask_prices_ticks)


def order_ticks(dollars: str | None, cents: int | None) -> int:
    """Read a price at which an order can rest: above $0 and below $1."""
    ticks = ticks_of(dollars, cents)
    if not 0 < ticks < TICKS_PER_DOLLAR:
        raise Unparsable(f"price {dollars if dollars is not None else cents!r} is none at which an order rests")
    return ticks


def ticks_of(dollars: str | None, cents: int | None) -> int:
    """Read a price from dollar text, else from legacy cents."""
    if dollars is not None:
        return _known_ticks(dollars)
    if cents is None:
        raise Unparsable("the price is missing")
    return price_ticks_from_cents(cents)


def centi(fixed: str | None, whole: int | None) -> int:
    """Read a count from fixed-point text, else from a legacy whole number."""
    if fixed is not None:
        return _known_centi(fixed)
    if whole is None:
        raise Unparsable("the count is missing")
    return count_centi(whole)


# A stream says the same few prices and sizes again and again.
_known_ticks = lru_cache(maxsize=1 << 15)(price_ticks)
_known_centi = lru_cache(maxsize=1 << 15)(count_centi)
