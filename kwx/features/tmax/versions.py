"""Which of several versions of a forecast was in force when: the newest issued among those known by then.

A version that becomes known after a newer one already is never comes into force; of those issued and known at the same
instants the last source of the alphabet stands, as in the view forecast_in_force.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_APART_US = 1_000_000 * 86_400 * 400
"""Wider than any forecast reaches: it keeps the places apart in one sorted list."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Versions:
    """V versions as they came into force, place after place: a place is what is forecast, such as the high of a day.

    row: [V] their rows in the frame that they are made of. place: [V]. known_us: [V].
    """

    row: Ints
    place: Ints
    known_us: Ints

    def __len__(self) -> int:
        return len(self.row)

    def at(self, place: Ints, ts_us: Ints, *, back: int = 0) -> tuple[Ints, Ints]:
        """Return the version in force at each instant, or one that was so many before it, and its known_us; or -1."""
        if not len(self):
            return np.full(place.shape, -1), np.full(place.shape, -1)
        ours = self.place * _APART_US + self.known_us
        number = np.searchsorted(ours, place * _APART_US + ts_us, side="right") - 1 - back
        held = np.maximum(number, 0)
        known = (number >= 0) & (self.place[held] == place)
        return np.where(known, held, -1), np.where(known, self.known_us[held], -1)


def versions_of(told: pl.DataFrame) -> Versions:
    """Return the versions that came into force, of rows with place, source, issued_utc and known_utc."""
    newest = (
        told.select("place", "source", "issued_utc", "known_utc")
        .with_row_index("row")
        .sort("place", "issued_utc", "known_utc", "source", "row")
        .with_columns(newness=pl.int_range(pl.len()).over("place"))
        .sort("place", "known_utc", "newness")
        .filter(pl.col("newness") == pl.col("newness").cum_max().over("place"))
        # Of what became known at one instant only the newest came into force.
        .unique(["place", "known_utc"], keep="last", maintain_order=True)
    )
    return Versions(
        row=newest["row"].to_numpy().astype(np.int64),
        place=newest["place"].to_numpy().astype(np.int64),
        known_us=newest["known_utc"].to_physical().to_numpy(),
    )
