"""Dates for fitting and dates for judging: the later ones are held out, and one date between them is left out.

Events overlap, for a market trades on the eve of its day: without the gap the first held-out event would be judged at
minutes at which the last fitted one had not settled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np

from kwx.fuse.fit.loss import parameters_of
from kwx.fuse.fit.sample import Sample
from kwx.scoring.resampling import LEAST_BLOCKS
from warehouse.errors import Refused

GAP_DATES = 1


@dataclass(frozen=True, kw_only=True)
class Split:
    """One tuning: the span that it may see, the last date that is fitted, and the first that is held out."""

    since: date
    until: date
    fitted_until: date
    held_since: date

    def parts(self, sample: Sample) -> tuple[Sample, Sample]:
        """Return the minutes to fit and those to judge by."""
        return (
            sample.where(sample.day <= np.datetime64(self.fitted_until)),
            sample.where((sample.day >= np.datetime64(self.held_since)) & (sample.day <= np.datetime64(self.until))),
        )

    def whole(self, sample: Sample) -> Sample:
        """Return the minutes of the whole span."""
        return sample.where(sample.day <= np.datetime64(self.until))

    def fitted_on(self, *, whole: bool) -> str:
        """Say which dates the numbers were fitted on."""
        return f"{self.since} … {self.until if whole else self.fitted_until}"


def least_dates(pools: tuple[str, ...], *, held_out: float) -> int:
    """Return how many dates a span needs: as many to fit as there are numbers, one between, the others to judge by."""
    numbers = max(map(parameters_of, pools))
    return max(LEAST_BLOCKS + GAP_DATES + numbers, math.ceil((GAP_DATES + numbers) / (1 - held_out)))


def require_dates(sample: Sample, pools: tuple[str, ...], *, held_out: float, span: tuple[date, date]) -> None:
    """Refuse a span with fewer earlier dates than numbers to be fitted, or with later ones that show no interval."""
    dates, numbers = len(sample.days), max(map(parameters_of, pools))
    held, least = max(LEAST_BLOCKS, math.ceil(held_out * dates)), least_dates(pools, held_out=held_out)
    if dates - held - GAP_DATES < numbers:
        raise Refused(
            f"{span[0]} … {span[1]}: {dates} settled dates have both market and weather, {least} are needed:"
            f" {numbers} to fit {numbers} numbers, {GAP_DATES} between, {LEAST_BLOCKS} or more to judge by",
            hint="more days with kwx ingest all and kwx hazard backfill; until then kwx fuse run --weight 0.7 fuses",
        )


def split_dates(sample: Sample, *, held_out: float, span: tuple[date, date]) -> Split:
    """Hold the last dates out: the share said, at least as many as an interval needs."""
    dates = sample.days
    held = max(LEAST_BLOCKS, math.ceil(held_out * len(dates)))
    first_held = len(dates) - held
    return Split(
        since=dates[0].astype(date), until=dates[-1].astype(date),
        fitted_until=dates[first_held - GAP_DATES - 1].astype(date), held_since=dates[first_held].astype(date),
    )  # fmt: skip
