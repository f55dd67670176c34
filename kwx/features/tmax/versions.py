"""Which of several versions of a forecast was in force when: the newest issued among those known by then.

A version that becomes known after a newer one already is never comes into force; of those issued and known at the same
instants the last source of the alphabet stands, as in the view forecast_in_force.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_APART_US = 1_000_000 * 86_400 * 400
"""Wider than any forecast reaches: it keeps the days apart in one sorted list."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Versions:
    """V versions as they came into force, day after day.

    row: [V] their rows in the frame that they are made of. day: [V] the place of their day. known_us: [V].
    """

    row: Ints
    day: Ints
    known_us: Ints

    def __len__(self) -> int:
        return len(self.row)

    def at(self, day: Ints, ts_us: Ints, *, back: int = 0) -> tuple[Ints, Ints]:
        """Return the version in force at each instant, or one that was so many before it, and its known_us; or -1."""
        place = np.searchsorted(self.day * _APART_US + self.known_us, day * _APART_US + ts_us, side="right") - 1 - back
        if not len(self):
            return np.full(len(day), -1), np.full(len(day), -1)
        held = np.maximum(place, 0)
        known = (place >= 0) & (self.day[held] == day)
        return np.where(known, held, -1), np.where(known, self.known_us[held], -1)


def versions_of(told: pl.DataFrame, dates: Sequence[date]) -> Versions:
    """Return the versions that came into force, of rows with event_date, source, issued_utc and known_utc."""
    newest = (
        told.select("event_date", "source", "issued_utc", "known_utc")
        .with_row_index("row")
        .sort("event_date", "issued_utc", "known_utc", "source", "row")
        .with_columns(newness=pl.int_range(pl.len()).over("event_date"))
        .sort("event_date", "known_utc", "newness")
        .filter(pl.col("newness") == pl.col("newness").cum_max().over("event_date"))
        # Of what became known at one instant only the newest came into force.
        .unique(["event_date", "known_utc"], keep="last", maintain_order=True)
    )
    first = np.datetime64(dates[0], "D")
    return Versions(
        row=newest["row"].to_numpy().astype(np.int64),
        day=(newest["event_date"].to_numpy().astype("datetime64[D]") - first).astype(np.int64),
        known_us=newest["known_utc"].to_physical().to_numpy(),
    )
