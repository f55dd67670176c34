"""What sets of settings gained, date by date: sums over the settled events of a date, in whole micros."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from kwx.backtest.sweep.tries import Try
from kwx.exec.engine import Tally

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Gains:
    """Sums [P, N] of the sets at some places, on the dates of which any event is settled; days: all that were read."""

    days: tuple[date, ...]
    dates: tuple[date, ...]
    places: tuple[int, ...]
    net_micros: Ints
    fees_micros: Ints
    at_risk_micros: Ints
    maker_fills: Ints
    taker_fills: Ints

    @classmethod
    def of_tally(cls, tries: Sequence[Try], tally: Tally, days: Sequence[date], *, paid: NDArray[np.bool_]) -> Gains:
        """Return the sums of a tally's first sets; `paid` [C, D] says which events are settled."""
        told = np.asarray(paid.any(axis=0))

        def summed(values: NDArray[np.generic]) -> Ints:
            sums: Ints = np.where(paid, values[: len(tries)], 0).sum(axis=1, dtype=np.int64)[:, told]
            return sums

        return cls(
            days=tuple(days), dates=tuple(day for day, is_told in zip(days, told.tolist(), strict=True) if is_told),
            places=tuple(one.place for one in tries),
            net_micros=summed(tally.cash_micros), fees_micros=summed(tally.fees_micros),
            at_risk_micros=summed(tally.at_risk_micros), maker_fills=summed(tally.made_fills),
            taker_fills=summed(tally.took_fills),
        )  # fmt: skip

    def on(self, chosen: slice) -> Gains:
        """Return the same sets on some of the dates."""
        sums = {name: getattr(self, name)[:, chosen] for name in _SUMS}
        return replace(self, dates=self.dates[chosen], **sums)

    @classmethod
    def of_pieces(cls, pieces: Sequence[Gains]) -> Gains:
        """Return the same sets over pieces of dates, one after the other."""
        days, dates = (tuple(day for one in pieces for day in getattr(one, name)) for name in ("days", "dates"))
        sums = {name: np.concatenate([getattr(one, name) for one in pieces], axis=1) for name in _SUMS}
        return cls(days=days, dates=dates, places=pieces[0].places, **sums)

    @classmethod
    def of_passes(cls, passes: Sequence[Gains]) -> Gains:
        """Return all sets over the same dates, by their place."""
        places = [place for one in passes for place in one.places]
        order = np.argsort(places, kind="stable")
        sums = {name: np.concatenate([getattr(one, name) for one in passes])[order] for name in _SUMS}
        return cls(days=passes[0].days, dates=passes[0].dates, places=tuple(sorted(places)), **sums)


_SUMS = tuple(field.name for field in fields(Gains) if field.name not in {"days", "dates", "places"})
