"""p_mkt: the prices of an event as one distribution, by written rules, with what was done told for every row.

all priced       the overround is taken out, if the prices sum to 0.7 … 1.3
some unpriced    at least three brackets are priced, and these sum to 0.5 … 1.3: the unpriced share what is left to one
silent           no bracket was told again for three hours: the feed is dead, there is no p_mkt
else             there is no p_mkt, for no bracket of the event

No bracket is worth less than one tick: what is quoted moves in ticks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.fuse.market.minutes import ABSENT, EventMinutes, Floats, Ints, put, those
from kwx.fuse.market.overround import METHODS, plain
from kwx.fuse.market.quotes import OLD_MINUTES, RULE_WORDS, Priced, Sizes, priced
from kwx.fuse.market.recipe import MarketRecipe
from warehouse.market.money import TICKS_PER_DOLLAR

LEAST_SUM, MOST_SUM = 0.7, 1.3
LEAST_SUM_OF_SOME = 0.5
LEAST_PRICED = 3
SILENT_MINUTES = 180
LEAST_P = 1 / TICKS_PER_DOLLAR


class Verdict(IntEnum):
    """What became of the event's prices at a minute."""

    WHOLE = 0
    FILLED = 1
    FEW = 2
    LOW = 3
    HIGH = 4
    SILENT = 5


_WORDS = {
    Verdict.WHOLE: "",
    Verdict.FILLED: "brackets without a price share the rest",
    Verdict.FEW: f"no p_mkt: fewer than {LEAST_PRICED} brackets have a price",
    Verdict.LOW: "no p_mkt: the prices sum to too little",
    Verdict.HIGH: "no p_mkt: the prices sum to too much",
    Verdict.SILENT: f"no p_mkt: no quote moved for {SILENT_MINUTES} minutes",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Market:
    """[T, B] p_mkt, NaN at minutes without one; how each bracket was priced; [T] what became of the event's prices."""

    p: Floats
    prices: Priced
    verdict: Ints

    @property
    def codes(self) -> Ints:
        """[T, B] the places in WORDS of what was done."""
        codes: Ints = (self.prices.rule.astype(np.int64) * 2 + self.prices.old) * len(Verdict) + self.verdict[:, None]
        return codes


def market_of(minutes: EventMinutes, recipe: MarketRecipe, sizes: Sizes | None = None) -> Market:
    """Return what the market says of an event at each of its minutes."""
    prices = priced(minutes, sizes)
    verdict = _verdict(minutes, prices)
    usable = verdict <= Verdict.FILLED
    p = np.full(prices.price.shape, np.nan, order="F")
    if usable.any():
        put(p, usable, _without_zeros(METHODS[recipe.overround](_filled(those(prices.price, usable)))))
    return Market(p=p, prices=prices, verdict=verdict)


def _verdict(minutes: EventMinutes, prices: Priced) -> Ints:
    there = ~np.isnan(prices.price)
    whole = there.all(axis=1)
    few = ~whole & (there.sum(axis=1) < LEAST_PRICED)
    total = np.where(there, prices.price, 0.0).sum(axis=1)
    too_low = total < np.where(whole, LEAST_SUM, LEAST_SUM_OF_SOME)
    verdict: Ints = np.select(
        [few, _is_silent(minutes), total > MOST_SUM, too_low],
        [Verdict.FEW, Verdict.SILENT, Verdict.HIGH, Verdict.LOW],
        np.where(whole, Verdict.WHOLE, Verdict.FILLED),
    )
    return verdict


def _is_silent(minutes: EventMinutes) -> NDArray[np.bool_]:
    """Tell at which minutes even the youngest quote of the event is too old; of what was never quoted nobody knows."""
    told = minutes.age_minutes != ABSENT
    age = np.where(told, minutes.age_minutes, np.iinfo(np.int64).max)
    silent: NDArray[np.bool_] = told.any(axis=1) & (age.min(axis=1) > SILENT_MINUTES)
    return silent


def _filled(price: Floats) -> Floats:
    """Give brackets without a price an equal share of what the others leave to one, a tick at the least."""
    none = np.isnan(price)
    if not none.any():
        return price
    left = np.maximum(1 - np.where(none, 0.0, price).sum(axis=1, keepdims=True), 0.0)
    share = np.maximum(left / np.maximum(none.sum(axis=1, keepdims=True), 1), LEAST_P)
    return np.where(none, share, price)


def _without_zeros(p: Floats) -> Floats:
    return plain(np.maximum(p, LEAST_P))


def _sentence(rule: str, verdict: str, *, old: bool) -> str:
    age = f"older than {OLD_MINUTES} minutes" if old else ""
    return "; ".join(part for part in (rule, age, verdict) if part)


WORDS = pl.Series(
    [
        _sentence(rule, verdict, old=old)
        for rule in RULE_WORDS.values()
        for old in (False, True)
        for verdict in _WORDS.values()
    ]
)
