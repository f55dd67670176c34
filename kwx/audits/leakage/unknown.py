"""What was not known of each table at an instant: by its stamps, by the days that a fit has seen, or ever."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

import polars as pl

OUTCOME = ("status", "result", "expiration_value_f", "settled_utc", "volume_centi")
"""What of a market is known only when it has settled."""


class How(Enum):
    """What becomes of a row that is not known: other numbers, other outcomes alone, or no row at all."""

    GARBLE = "garble"
    OUTCOME = "outcome"
    REMOVE = "remove"


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """Which rows of a table are not known, and what becomes of them.

    stamp: the instant from which on a row is known. until: the last event date that a fit has seen; it says nothing of
    that date or an earlier one. Neither: the rows are never known.
    """

    how: How
    stamp: str | None = None
    until: str | None = None

    def rows(self, at_utc: datetime, event_date: date) -> pl.Expr:
        """Return what is true of the rows that what is said of an event date at an instant may not depend on."""
        if self.stamp is not None:
            return pl.col(self.stamp).is_null() | (pl.col(self.stamp) > at_utc)
        return pl.lit(value=True) if self.until is None else pl.col(self.until) >= event_date


def _stamped(stamp: str, *names: str, how: How = How.GARBLE) -> dict[str, Unknown]:
    return {name: Unknown(how=how, stamp=stamp) for name in names}


UNKNOWN: dict[str, Unknown] = {
    **_stamped("settled_utc", "markets", how=How.OUTCOME),
    **_stamped("known_utc", "candles_1m", "trades", "books", "obs", "forecasts", "settlements"),
    **_stamped("ts_utc", "candles_dense", "obs_1m", "obs_5m", "pmf_degrees", "pmf_minute", "predictions"),
    **_stamped("ts_utc", "signals", "decisions", "orders", "fills", "equity"),
    # Numbers of these are text, or laws that a reader refuses when they are garbled.
    **_stamped("known_utc", "fee_changes", how=How.REMOVE),
    **_stamped("since_utc", "promotions", how=How.REMOVE),
    **_stamped("made_utc", "runs", how=How.REMOVE),
    **{
        name: Unknown(how=How.REMOVE, until="until_date")
        for name in ("mc_params", "model_runs", "calibrators", "fusion_params")
    },
    **{name: Unknown(how=How.GARBLE) for name in ("truth_minutes", "truth_days", "truth_probabilities")},
}
"""Every table of the lake."""
