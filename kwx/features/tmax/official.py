"""What official words say of the high of the day so far: maxima of six hours, and the climate report of the afternoon.

A five-minute report in whole °C may mean two degrees; these words mean one, so they tell which of the two it was.
Arrays are [days, 289] as those of the day so far, and a column is made of what was known by its instant alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.features.tmax.day_so_far import STEP_MINUTES, DaySoFar
from kwx.features.tmax.inputs import TmaxInputs
from kwx.features.tmax.instants import starts_us
from warehouse.market.climate_day import FIVE_MINUTE_STEPS
from warehouse.market.temperature import FAHRENHEIT_PER_CELSIUS, FREEZING_F

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MINUTE_US = 60_000_000
_GAP_MINUTES = 10.0
"""Bulletins come seven minutes before the hour; so much of the day is left out by no word."""
_TOLD_C = 0.03
"""Reports are told in tenths of °F: so near to a whole °C they mean it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Official:
    """[days, 289] each, NaN where nothing is told.

    max_f: the highest that the words known by then say of any stretch of the day. age_minutes: since the end of what
    they tell without a gap from midnight on. since_f: the highest report of the air after that end. floor_f, ceiling_f:
    the lowest and the highest whole degree that the high so far can be by all of these.
    """

    max_f: Floats
    age_minutes: Floats
    since_f: Floats
    floor_f: Floats
    ceiling_f: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class _Words:
    """Words in the order of day and end: the day, the step that knew it first, its minutes of start and end, degrees.

    place: which word of its day it is.
    """

    day: Ints
    step: Ints
    since: Floats
    until: Floats
    max_f: Floats
    place: Ints

    @classmethod
    def of(cls, inputs: TmaxInputs) -> _Words:
        """Lay out the words; one that has no start speaks from midnight on."""
        told = inputs.words.with_columns(inputs.day_of(inputs.words)).sort("day", "until_utc", "known_utc", "max_f")
        day = told["day"].to_numpy()
        since, until, known = (
            (told[name].to_physical().to_numpy() - starts_us(inputs)[day]) / _MINUTE_US
            for name in ("since_utc", "until_utc", "known_utc")
        )
        return cls(
            day=day, step=np.ceil(np.maximum(known, until) / STEP_MINUTES).astype(np.int64),
            since=np.nan_to_num(since), until=until, max_f=told["max_f"].cast(pl.Float64).to_numpy(),
            place=told.select(pl.int_range(pl.len()).over("day")).to_series().to_numpy(),
        )  # fmt: skip

    def known(self, values: Floats, which: NDArray[np.bool_], days: int) -> Floats:
        """Return [days, 289] the highest of some words' values that were known by each step."""
        ours = which & (self.step > 0) & (self.step <= FIVE_MINUTE_STEPS)
        laid_out = np.full((days, FIVE_MINUTE_STEPS + 1), -np.inf)
        np.maximum.at(laid_out, (self.day[ours], self.step[ours]), values[ours])
        highest = np.maximum.accumulate(laid_out, axis=1)
        return np.where(np.isfinite(highest), highest, np.nan)

    def covered(self, days: int) -> Floats:
        """Return the minute to which each word, with those that end before it, tells the day without a gap."""
        reached, ends = np.zeros(days), np.zeros(len(self.day))
        for place in range(self.place.max(initial=-1) + 1):
            ours = np.flatnonzero(self.place == place)
            day = self.day[ours]
            joins = self.since[ours] <= reached[day] + _GAP_MINUTES
            reached[day] = np.where(joins, np.maximum(reached[day], self.until[ours]), reached[day])
            ends[ours] = reached[day]
        return ends


def official(inputs: TmaxInputs, so_far: DaySoFar) -> Official:
    """Return what is officially known of every day at every step.

    A stretch that begins on the day before may have been warmest there: it bounds the high from above alone.
    """
    words, days = _Words.of(inputs), len(inputs.dates)
    every = np.ones(len(words.day), dtype=np.bool_)
    ends = words.covered(days)
    at_least, at_most = (words.known(words.max_f, which, days) for which in (words.since >= 0, every))
    latest = words.known(ends, ends > 0, days)
    since_f, since_hi_f = (_since(values, so_far, latest) for values in (so_far.last_f, _highest_meant(so_far)))
    floor_f = np.fmax(at_least, so_far.run_max_lo_f)
    told_f = np.fmax(np.fmax(at_most, since_hi_f), floor_f)
    return Official(
        max_f=at_least,
        age_minutes=STEP_MINUTES * np.arange(latest.shape[1]) - latest,
        since_f=since_f,
        floor_f=floor_f,
        ceiling_f=np.where(np.isnan(latest), so_far.run_max_hi_f, told_f),
    )


def _highest_meant(so_far: DaySoFar) -> Floats:
    """Return the highest whole °F that the last report at each step can mean: of a whole °C it may be two."""
    celsius = (so_far.last_f - FREEZING_F) / FAHRENHEIT_PER_CELSIUS
    whole = np.rint(celsius)
    is_whole = (np.abs(celsius - whole) < _TOLD_C) & (so_far.is_official != 1)
    meant: Floats = np.where(is_whole, FREEZING_F + (18 * whole + 9) // 10, np.floor(so_far.last_f + 0.5))
    return meant


def _since(values: Floats, so_far: DaySoFar, latest: Floats) -> Floats:
    """Return the highest value of the reports whose stamp is later than the end of what is officially told."""
    stamp = STEP_MINUTES * np.arange(latest.shape[1]) - so_far.stale_minutes
    found = np.full(latest.shape, np.nan)
    # The end moves a few times a day, so the reports after each of its places are run through once.
    for end in np.unique(latest[~np.isnan(latest)]):
        days = (latest == end).any(axis=1)
        with np.errstate(invalid="ignore"):
            later = np.where(stamp[days] > end, values[days], np.nan)
        found[days] = np.where(latest[days] == end, np.fmax.accumulate(later, axis=1), found[days])
    return found
