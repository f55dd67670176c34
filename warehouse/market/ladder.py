"""The ladder of an event: brackets that tile the degrees, coldest first, and distributions cut into them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from warehouse.market.brackets import Bracket, require_tiling

Floats = NDArray[np.float64]

WIDTH_F = 2
"""How many degrees a bracket of the exchange holds."""


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """Brackets that tile the whole degrees, from the coldest to the warmest, each with the name it is known by."""

    names: tuple[str, ...]
    brackets: tuple[Bracket, ...]

    @classmethod
    def of(cls, named: Iterable[tuple[str, Bracket]], *, event: str) -> Ladder:
        """Order the brackets of an event; refuse them where they do not tile the degrees."""
        ordered = sorted(named, key=lambda one: one[1].order_key)
        require_tiling([bracket for _, bracket in ordered], event=event)
        return cls(names=tuple(name for name, _ in ordered), brackets=tuple(bracket for _, bracket in ordered))

    @classmethod
    def of_event(cls, markets: pl.DataFrame) -> Ladder:
        """Return the ladder of one event's markets, by their tickers; refuse it where it does not tile the degrees."""
        rows = markets.select("market_ticker", "low_f", "high_f").rows()
        return cls.of(((name, Bracket(*bounds)) for name, *bounds in rows), event=markets["event_ticker"][0])

    @classmethod
    def even(cls, lowest_f: int, highest_f: int) -> Ladder:
        """Return brackets of two degrees, each from an even one, that cover a range; the outermost are open."""
        first, last = lowest_f // WIDTH_F * WIDTH_F, highest_f // WIDTH_F * WIDTH_F
        middles = [Bracket(low, low + 1) for low in range(first, last + 1, WIDTH_F)]
        brackets = [Bracket(None, first - 1), *middles, Bracket(last + WIDTH_F, None)]
        return cls.of(((str(bracket), bracket) for bracket in brackets), event="assumed")

    def masses(self, p: Floats, first_f: int) -> Floats:
        """Return [..., B] the chance of each bracket under distributions that begin at first_f."""
        lows = [0 if bracket.low_f is None else bracket.low_f - first_f for bracket in self.brackets]
        edges = np.clip([*lows, p.shape[-1]], 0, p.shape[-1])
        so_far = np.concatenate([np.zeros((*p.shape[:-1], 1)), np.cumsum(p, axis=-1)], axis=-1)
        masses: Floats = np.clip(np.diff(so_far[..., edges], axis=-1), 0.0, 1.0)
        return masses

    def winner(self, settled_f: int) -> int:
        """Return the place of the bracket that pays."""
        return next(place for place, bracket in enumerate(self.brackets) if settled_f in bracket)
