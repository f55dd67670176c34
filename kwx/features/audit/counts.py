"""What is known of features over rows: how much, from when to when, and between which bounds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from kwx.features.feature import Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Counts:
    """What is known of each feature: [F] each, over rows. low and high are NaN, dates null, where nothing is."""

    rows: int
    known: Floats
    infinite: Floats
    low: Floats
    high: Floats
    first: list[date | None]
    last: list[date | None]

    def and_later(self, later: Counts) -> Counts:
        """Return the counts of both, of which the other ones are of later dates."""
        return Counts(
            rows=self.rows + later.rows, known=self.known + later.known, infinite=self.infinite + later.infinite,
            low=np.fmin(self.low, later.low), high=np.fmax(self.high, later.high),
            first=[one or other for one, other in zip(self.first, later.first, strict=True)],
            last=[other or one for one, other in zip(self.last, later.last, strict=True)],
        )  # fmt: skip


def count(matrix: Floats, day: Any) -> Counts:
    """Count features [N, F] of rows whose dates [N] are in order."""
    known = ~np.isnan(matrix)
    places = [np.flatnonzero(column) for column in known.T]
    first = [day[place[0]].item() if len(place) else None for place in places]
    last = [day[place[-1]].item() if len(place) else None for place in places]
    return Counts(
        rows=len(matrix), known=known.sum(axis=0).astype(float), infinite=np.isinf(matrix).sum(axis=0).astype(float),
        low=np.fmin.reduce(matrix, axis=0, initial=np.nan), high=np.fmax.reduce(matrix, axis=0, initial=np.nan),
        first=first, last=last,
    )  # fmt: skip
