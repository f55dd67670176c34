"""Numbers with intervals by event date: rows are summed by date, and whole blocks of dates are drawn anew."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.scoring.inputs import Floats
from kwx.scoring.resampling import Draws, Estimate, draw
from warehouse.errors import Refused


@dataclass(frozen=True, kw_only=True, eq=False)
class ByDate:
    """The settled event dates of a run, in order, and draws of them; dates without a fill count as all others."""

    dates: pl.Series
    draws: Draws

    @classmethod
    def of(cls, days: pl.DataFrame, *, block_days: int, level: float, seed: int) -> ByDate:
        """Draw the dates of day rows on which an event is settled; refuse a run without any."""
        dates = days.filter("is_settled")["event_date"].unique().sort()
        if dates.is_empty():
            raise Refused(
                "no event of the run is settled, so nothing can be said of what it gained",
                hint="ask for earlier --until, or ingest settlements first",
            )
        draws = draw(dates.to_numpy(), rows=len(dates), block_days=block_days, level=level, seed=seed)
        return cls(dates=dates, draws=draws)

    def sums(self, rows: pl.DataFrame, values: NDArray[np.generic] | pl.Series) -> Floats:
        """Return the sum of values of rows, which lie on these dates, for each date."""
        date = self.dates.search_sorted(rows["event_date"])
        return np.bincount(date, weights=np.asarray(values), minlength=len(self.dates)).astype(np.float64)

    def total(self, of_date: Floats) -> Estimate:
        """Return the sum over all dates."""
        return self.draws.percentile(float(of_date.sum()), self.draws.totals(of_date))

    def mean(self, of_date: Floats) -> Estimate:
        """Return the mean of a date."""
        return self.draws.percentile(float(of_date.mean()), self.draws.totals(of_date) / self.draws.rows_drawn)

    def ratio(self, of_date: Floats, base: Floats) -> Estimate:
        """Return one sum over another; NaN where the other is nothing. Draws in which it is nothing are left out."""
        sums, bases = self.draws.totals(of_date), self.draws.totals(base)
        is_there = bases > 0
        value = float(of_date.sum() / base.sum()) if base.sum() > 0 else float("nan")
        estimate = self.draws.percentile(value, sums[is_there] / bases[is_there])
        return estimate if is_there.any() else replace(estimate, low=float("nan"), high=float("nan"))
