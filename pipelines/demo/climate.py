"""What each demo city is like: the level of its afternoons, the shape of its days, how restless its air is.

Temperatures live on a lattice of 0.2 °F (`_l` counts its steps), so that the world is a finite Markov chain and every
probability in it is an exact sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipelines.demo.normal import normal_cdf
from warehouse.market.climate_day import MINUTES_PER_DAY

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

STEPS_PER_F = 5
REACH_L = 55
"""How far the turbulence strays from the baseline, at most: 11 °F either way."""
STATES = 2 * REACH_L + 1

PERSISTENCE_PER_MINUTE = 0.98 ** (1 / 5)
BUCKET_MINUTES = 180
# Innovations below 0.7 of a step would stick to the lattice; above, rounding only adds its own variance of 1/12 step².
_SHOCK_L = (0.70, 0.70, 0.72, 0.80, 0.90, 0.88, 0.78, 0.72)

PEAK_EXCESS_F = 1.5
"""How far the mean of a day's high lies above the top of its baseline: the maximum of restless air."""

_WARMEST_DAY_OF_YEAR = 203
_COOLEST_MINUTE = 360
_WARMEST_MINUTE = 840


@dataclass(frozen=True, kw_only=True)
class Climate:
    """One city's climate: the top of the baseline over the year, how far nights fall below it and fronts move it."""

    top_f: float
    season_f: float
    night_f: float
    dryness_f: float
    wind_mph: float
    fronts_f: float


CLIMATES = {
    "austin": Climate(top_f=78, season_f=17, night_f=20, dryness_f=20, wind_mph=8, fronts_f=6.5),
    "chicago": Climate(top_f=57, season_f=26, night_f=15, dryness_f=16, wind_mph=10, fronts_f=5.0),
    "denver": Climate(top_f=63, season_f=22, night_f=25, dryness_f=32, wind_mph=9, fronts_f=8.5),
    "los_angeles": Climate(top_f=71, season_f=6, night_f=12, dryness_f=16, wind_mph=6, fronts_f=3.0),
    "miami": Climate(top_f=82, season_f=7, night_f=12, dryness_f=12, wind_mph=8, fronts_f=3.0),
    "nyc": Climate(top_f=61, season_f=23, night_f=13, dryness_f=18, wind_mph=6, fronts_f=4.5),
    "philadelphia": Climate(top_f=63, season_f=23, night_f=17, dryness_f=18, wind_mph=9, fronts_f=5.5),
}
# A city that joins the registry trades in the demo at once, with a middling climate, until it gets a line above.
_MIDDLING = Climate(top_f=65, season_f=18, night_f=17, dryness_f=18, wind_mph=8, fronts_f=4.0)

_SEASONS = ("winter", "spring", "summer", "autumn")
_NIGHT_FACTOR = {"winter": 0.85, "spring": 1.05, "summer": 1.0, "autumn": 0.95}
_FRONTS_FACTOR = {"winter": 1.2, "spring": 1.0, "summer": 0.4, "autumn": 1.0}


def climate(city_key: str) -> Climate:
    """Return the climate of a city."""
    return CLIMATES.get(city_key, _MIDDLING)


def season(day: date) -> str:
    """Return the meteorological season of a day; days of one season share the shape of their baseline."""
    return _SEASONS[day.month % 12 // 3]


def top_l(city_key: str, day: date) -> int:
    """Return the top of the baseline on a day without anomaly, in lattice steps."""
    here = climate(city_key)
    phase = 2 * np.pi * (day.timetuple().tm_yday - _WARMEST_DAY_OF_YEAR) / 365.25
    return round(STEPS_PER_F * (here.top_f + here.season_f * float(np.cos(phase))))


def fronts_l(city_key: str, day: date) -> float:
    """Return the spread of what the large weather pattern, which everybody sees coming, does to a day's anomaly."""
    return STEPS_PER_F * climate(city_key).fronts_f * _FRONTS_FACTOR[season(day)]


@lru_cache(maxsize=64)
def depth_l(city_key: str, season_name: str) -> Ints:
    """Return how far the baseline lies below its top at the end of each minute of the climate day."""
    minute = np.arange(1, MINUTES_PER_DAY + 1)
    since_coolest = (minute - _COOLEST_MINUTE) % MINUTES_PER_DAY
    warming = _WARMEST_MINUTE - _COOLEST_MINUTE
    rise = (1 - np.cos(np.pi * since_coolest / warming)) / 2
    cooled = (since_coolest - warming) / (MINUTES_PER_DAY - warming)
    fall = (1 + np.cos(np.pi * np.clip(cooled, 0, 1) ** 0.8)) / 2
    warmth = np.where(since_coolest <= warming, rise, fall)
    night_l = STEPS_PER_F * climate(city_key).night_f * _NIGHT_FACTOR[season_name]
    return np.rint(night_l * (1 - warmth)).astype(np.int64)


def shock_l(minute: int) -> float:
    """Return the spread of the turbulence's innovation in the minute that ends `minute` minutes into the day."""
    return _SHOCK_L[(minute - 1) // BUCKET_MINUTES]


@lru_cache(maxsize=16)
def transition(spread_l: float) -> Floats:
    """Return P(next state | state) of the turbulence: a rounded AR(1) step, held inside its reach."""
    states = np.arange(-REACH_L, REACH_L + 1)
    edges = states[:-1] + 0.5
    below = normal_cdf((edges[None, :] - PERSISTENCE_PER_MINUTE * states[:, None]) / spread_l)
    bounded = np.hstack([np.zeros((STATES, 1)), below, np.ones((STATES, 1))])
    step = np.diff(bounded, axis=1)
    step[step < 1e-15] = 0.0  # denormal products would slow every later matrix product tenfold
    normalised: Floats = step / step.sum(axis=1, keepdims=True)
    return normalised
