"""Climatology as a forecast: the highs of past years around the same day of the year, smoothed, never impossible."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from kwx.scoring.inputs import Floats, Ints, whole_numbers
from warehouse.errors import Refused, Usage

HALF_WIDTH_DAYS = 30
"""How far around the day past highs count; fewer days made a weaker forecast of Miami from one year."""
LEAST_HIGHS = 15
FLOOR = 0.01
"""The share of the mass that lies evenly over all degrees of the range."""
MARGIN_F = 15
"""How far beyond the past extremes the range reaches, where none is given."""
_YEAR_DAYS = 365.25
_LEAST_BANDWIDTH_F = 0.7


def climatology_pmf(
    highs_f: ArrayLike,
    days_of_year: ArrayLike,
    for_day_of_year: ArrayLike,
    *,
    half_width_days: int = HALF_WIDTH_DAYS,
    range_f: tuple[int, int] | None = None,
    floor: float = FLOOR,
) -> tuple[int, Floats]:
    """Return the first degree and p [M, J], one distribution for each day of the year asked for.

    Highs count the more the nearer their day of the year is, none beyond the half-width; each is spread by a normal
    kernel of Silverman's width; and a share `floor` lies evenly over range_f (both ends included), so that no degree
    of it is impossible. Mass outside the range is left out. The caller hands over past highs only.
    """
    wanted = np.atleast_1d(np.asarray(for_day_of_year))
    highs = whole_numbers(highs_f, name="highs_f", rows=np.size(highs_f))
    day = _days(days_of_year, name="days_of_year", rows=len(highs))
    asked = _days(wanted, name="for_day_of_year", rows=len(wanted))
    if not 0 < floor < 1 or half_width_days < 0:
        raise Usage(f"a floor of {floor} and a half-width of {half_width_days} days cannot be meant")
    if len(highs) == 0:
        raise Refused("there are no past highs", hint=f"at least {LEAST_HIGHS} around each day are needed")
    weights = _nearness(asked, day, half_width_days)
    first, last = range_f or (int(highs.min()) - MARGIN_F, int(highs.max()) + MARGIN_F)
    if not first <= highs.min() <= highs.max() <= last:
        raise Refused(f"past highs of {highs.min()} … {highs.max()} °F lie outside the range {first} … {last} °F")
    degrees = np.arange(first, last + 1)
    smooth = np.stack([_smoothed(one, highs, degrees) for one in weights])
    return first, (1 - floor) * smooth + floor / len(degrees)


def _days(values: ArrayLike, *, name: str, rows: int) -> Ints:
    days = whole_numbers(values, name=name, rows=rows)
    wrong = np.flatnonzero((days < 1) | (days > 366))
    if len(wrong):
        raise Refused(f"{name} holds {days[wrong[0]]}: days of the year are 1 … 366")
    return days


def _nearness(asked: Ints, day: Ints, half_width_days: int) -> Floats:
    """Return the weights [M, N] of past highs, nothing beyond the half-width, across New Year too."""
    apart = np.abs(asked[:, None] - day).astype(np.float64)
    apart = np.minimum(apart, np.abs(_YEAR_DAYS - apart))
    weights: Floats = np.maximum(1 - (apart / (half_width_days + 1)) ** 2, 0.0)
    few = np.flatnonzero((weights > 0).sum(axis=1) < LEAST_HIGHS)
    if len(few):
        held = int((weights[few[0]] > 0).sum())
        raise Refused(
            f"{held} past highs within {half_width_days} days of day {asked[few[0]]} are too few",
            hint=f"at least {LEAST_HIGHS} are needed: give more years or a larger half-width",
        )
    return weights


def _smoothed(weights: Floats, highs: Ints, degrees: Ints) -> Floats:
    """Return the distribution over degrees of weighted highs, each spread by the kernel and cut to whole degrees."""
    weights = weights / weights.sum()
    mean = weights @ highs
    spread = np.sqrt(weights @ (highs - mean) ** 2)
    bandwidth = max(0.9 * spread * float(weights @ weights) ** 0.2, _LEAST_BANDWIDTH_F)
    share = np.bincount(highs - degrees[0], weights=weights, minlength=len(degrees))
    edges = np.arange(len(degrees) + 1) - 0.5
    spread_over = np.diff(ndtr((edges[None, :] - np.arange(len(degrees))[:, None]) / bandwidth), axis=1)
    mass = share @ spread_over
    smooth: Floats = mass / mass.sum()
    return smooth
