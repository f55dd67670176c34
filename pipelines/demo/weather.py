"""The air of one city over the whole world: season, front of the day, turbulence of the minute, all on the lattice.

T = top + anomaly - depth + wobble, and in the hours after the opening midnight what is left of yesterday's. The anomaly
is one number per climate day: its pattern is known three days before, the rest is revealed little by little over the
last two. The wobble is a Markov chain that runs through every midnight.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from itertools import accumulate

import numpy as np

from pipelines.demo.climate import (
    PEAK_EXCESS_F,
    PERSISTENCE_PER_MINUTE,
    REACH_L,
    STEPS_PER_F,
    Floats,
    Ints,
    depth_l,
    fronts_l,
    season,
    shock_l,
    top_l,
)
from pipelines.demo.world import World, draws
from warehouse.market.cities import City, city
from warehouse.market.climate_day import MINUTES_PER_DAY, ClimateDay

FRONT_PERSISTENCE = 0.5
_EARLY_SD_L = 10.5
_LATE_SD_L = 9.0
REVEAL_MINUTES = 2 * MINUTES_PER_DAY
HANDOVER_MINUTES = 240
"""How long yesterday's air takes to give way to today's, from the opening midnight on."""
OPENING_UTC = time(14, tzinfo=UTC)
_JUMPS_UTC = (time(19), time(1))
_SHARE_OF_JUMP = 0.12
_BURN_IN_DAYS = 20
_MINUTES = np.arange(1, MINUTES_PER_DAY + 1)


def opening_utc(event_date: date) -> datetime:
    """Return when the markets of an event open: 14:00Z on the day before."""
    return datetime.combine(event_date - timedelta(days=1), OPENING_UTC)


def eve_minutes(here: City) -> int:
    """Return how many minutes lie between the opening of a city's markets and the opening midnight of their day."""
    day = date(2026, 1, 2)
    return round((ClimateDay(here, day).start_utc - opening_utc(day)) / timedelta(minutes=1))


@lru_cache(maxsize=32)
def reveal_variance_l2(here: City) -> Floats:
    """Return how much of an anomaly's variance becomes known in each minute of the two days before its own."""
    eve = eve_minutes(here)
    variance = np.empty(REVEAL_MINUTES)
    variance[:-eve] = _EARLY_SD_L**2 / (REVEAL_MINUTES - eve)
    variance[-eve:] = (1 - _SHARE_OF_JUMP * len(_JUMPS_UTC)) * _LATE_SD_L**2 / eve
    for jump in _JUMPS_UTC:
        after_opening = (jump.hour - OPENING_UTC.hour) % 24 * 60
        variance[REVEAL_MINUTES - eve + after_opening] += _SHARE_OF_JUMP * _LATE_SD_L**2
    return variance


def lingering_l(gap_l: Ints, minute: Ints) -> Ints:
    """Return how much of the gap between yesterday's air and today's is left at the end of each minute of the day.

    It closes in a straight line, rounded to the lattice.
    """
    left = np.maximum(HANDOVER_MINUTES - minute, 0)
    lingering: Ints = (2 * gap_l * left + HANDOVER_MINUTES) // (2 * HANDOVER_MINUTES)
    return lingering


@dataclass(frozen=True, kw_only=True, eq=False)
class Sky:
    """The weather of one city; `revealed_l[i, m]` is what is known of day i's shock, m minutes into its unveiling."""

    city: City
    days: tuple[date, ...]
    revealed_l: Floats
    anomaly_l: Ints
    wobble_l: Ints

    @cached_property
    def tops_l(self) -> Ints:
        """The top of each day's baseline without its anomaly."""
        return np.array([top_l(self.city.key, day) for day in self.days])

    @cached_property
    def inherited_l(self) -> Ints:
        """The top that each day would have, were its baseline to begin where yesterday's ends and change no more."""
        tops_l = self.tops_l + self.anomaly_l
        closing_l = np.array([self.depth_of(place)[-1] for place in range(len(self.days))])
        return np.concatenate([tops_l[:1], (tops_l - closing_l)[:-1] + closing_l[1:]])

    def place(self, day: date) -> int:
        """Return the index of a day."""
        return (day - self.days[0]).days

    def depth_of(self, place: int) -> Ints:
        """Return how far the baseline of a day lies below its top, minute by minute."""
        return depth_l(self.city.key, season(self.days[place]))

    def wobble_of(self, place: int) -> Ints:
        """Return the turbulence of a day, from its opening midnight to its closing one."""
        return self.wobble_l[place * MINUTES_PER_DAY : (place + 1) * MINUTES_PER_DAY + 1]

    def baseline_of(self, place: int) -> Ints:
        """Return the noiseless temperature at the end of each minute of a day."""
        top: np.int64 = self.tops_l[place] + self.anomaly_l[place]
        return top - self.depth_of(place) + lingering_l(self.inherited_l[place] - top, _MINUTES)

    def expected_baseline_l(self, place: int, minute: int) -> Floats:
        """Return the baseline of a day as it is expected `minute` minutes into it, negative before it."""
        before, depth = self.depth_of(place - 1), self.depth_of(place)
        top_l = self.tops_l[place] + self.expected_anomaly_l(place, minute)
        yesterday_l = self.tops_l[place - 1] + self.expected_anomaly_l(place - 1, minute + MINUTES_PER_DAY)
        gap_l = yesterday_l - before[-1] + depth[-1] - top_l
        share_left = np.maximum(1 - _MINUTES / HANDOVER_MINUTES, 0)
        expected: Floats = top_l - depth + gap_l * share_left
        return expected

    def temperature_of(self, place: int) -> Ints:
        """Return the true temperature at the end of each minute of a day."""
        return self.baseline_of(place) + self.wobble_of(place)[1:]

    def expected_anomaly_l(self, place: int, minute: int) -> float:
        """Return what is known of a day's anomaly `minute` minutes into it, negative before it, at most two days."""
        if minute >= 0:
            return float(self.anomaly_l[place])
        if minute < -MINUTES_PER_DAY:
            before = self.expected_anomaly_l(place - 1, minute + MINUTES_PER_DAY)
        else:
            before = float(self.anomaly_l[place - 1])
        return FRONT_PERSISTENCE * before + float(self.revealed_l[place, REVEAL_MINUTES + minute])

    def eve_anomaly_l(self, place: int) -> Floats:
        """Return what is known of a day's anomaly at each minute from the opening of its markets to its midnight."""
        revealed = self.revealed_l[place, REVEAL_MINUTES - eve_minutes(self.city) :]
        return FRONT_PERSISTENCE * float(self.anomaly_l[place - 1]) + revealed


def expected_high_l(expected_l: Floats, *, since: int = 0) -> float:
    """Return the high that an expected curve of the day promises from a minute on.

    Restless air adds to a peak; it adds little to a night that only cools.
    """
    excess_l = STEPS_PER_F * PEAK_EXCESS_F * (_MINUTES > HANDOVER_MINUTES)
    return float((expected_l + excess_l)[since:].max())


def official_f(temperature_l: Ints) -> Ints:
    """Round lattice temperatures to the official whole degree; a half goes up."""
    return (2 * temperature_l + STEPS_PER_F) // (2 * STEPS_PER_F)


@lru_cache(maxsize=8)
def sky(world: World, city_key: str) -> Sky:
    """Draw the weather of one city, from a run-up before the eve to the last event date."""
    count = _BURN_IN_DAYS + 1 + world.days
    days = tuple(world.until - timedelta(days=back) for back in reversed(range(count)))
    revealed_l = _revealed(world, city_key, days)
    shocks_l = revealed_l[:, -1].tolist()
    anomalies = accumulate(
        shocks_l, lambda before, shock: int(np.floor(FRONT_PERSISTENCE * before + shock + 0.5)), initial=0
    )
    return Sky(
        city=city(city_key),
        days=days,
        revealed_l=revealed_l,
        anomaly_l=np.array(list(anomalies)[1:], dtype=np.int64),
        wobble_l=_wobble(world, city_key, days),
    )


def _revealed(world: World, city_key: str, days: tuple[date, ...]) -> Floats:
    spread_l = np.sqrt(reveal_variance_l2(city(city_key)))
    known = np.zeros((len(days), REVEAL_MINUTES + 1))
    for place, day in enumerate(days):
        pattern = draws(world, city_key, "pattern", event_date=day, falls_on=day - timedelta(days=3))
        known[place, 0] = fronts_l(city_key, day) * pattern.standard_normal()
        falls_on = (day - timedelta(days=2), day - timedelta(days=1))
        news = [
            draws(world, city_key, "front", event_date=day, falls_on=when).standard_normal(MINUTES_PER_DAY)
            for when in falls_on
        ]
        known[place, 1:] = known[place, 0] + np.cumsum(spread_l * np.concatenate(news))
    return known


def _wobble(world: World, city_key: str, days: tuple[date, ...]) -> Ints:
    spread_l = np.array([shock_l(minute) for minute in range(1, MINUTES_PER_DAY + 1)])
    shocks = [
        spread_l * draws(world, city_key, "wobble", event_date=day, falls_on=day).standard_normal(MINUTES_PER_DAY)
        for day in days
    ]
    lifted = (np.concatenate(shocks) + 0.5 + REACH_L).tolist()
    # Shifted by the reach, so that truncation is the floor; state and shock are both counted from the lowest state.
    offset = REACH_L * (1 - PERSISTENCE_PER_MINUTE) - REACH_L
    top = 2 * REACH_L

    def step(state: int, shock: float) -> int:
        moved = PERSISTENCE_PER_MINUTE * state + shock + offset
        return 0 if moved < 0 else min(int(moved), top)

    return np.fromiter(accumulate(lifted, step, initial=REACH_L), np.int64, len(lifted) + 1) - REACH_L
