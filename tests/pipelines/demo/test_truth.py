"""The exact worth of brackets: against the laws of probability, against outcomes, against brute force."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from pipelines.demo.climate import PERSISTENCE_PER_MINUTE, REACH_L, season, shock_l, transition
from pipelines.demo.normal import normal_cdf
from pipelines.demo.truth import Worth, worth
from pipelines.demo.weather import (
    FRONT_PERSISTENCE,
    REVEAL_MINUTES,
    Sky,
    eve_minutes,
    lingering_l,
    official_f,
    reveal_variance_l2,
    sky,
)
from pipelines.demo.world import World

MANY = World(days=240, seed=11, until=date(2026, 10, 20))
DENVER_EVE = 1020


@pytest.fixture(scope="module")
def value() -> Worth:
    return worth(MANY, "denver")


@pytest.fixture(scope="module")
def air() -> Sky:
    return sky(MANY, "denver")


@pytest.fixture(scope="module")
def brackets(value: Worth) -> np.ndarray:
    """Event by bracket by minute."""
    return np.stack([value.brackets_of(day) for day in MANY.event_dates])


@pytest.fixture(scope="module")
def outcomes(value: Worth, air: Sky) -> np.ndarray:
    """Event by bracket: one where it paid."""
    highs = np.array([official_f(air.temperature_of(air.place(day)).max()) for day in MANY.event_dates])
    return np.eye(6)[(highs[:, None] > value.edges_f).sum(axis=1)]


def brute_force(air: Sky, day: date, minute: int, *, paths: int = 6000) -> np.ndarray:
    """Draw the official high of a day from the state of the world `minute` minutes into it; negative is before it."""
    chance, place = np.random.default_rng(5), air.place(day)
    steps = np.arange(minute + 1, 1441)
    state = np.full(paths, air.wobble_l[place * 1440 + minute], dtype=np.int64)
    anomaly = np.full(paths, air.anomaly_l[place])
    highest = np.full(paths, -(10**6))
    if minute < 0:
        left_l = math.sqrt(reveal_variance_l2(air.city)[REVEAL_MINUTES + minute :].sum())
        anomaly = np.floor(air.expected_anomaly_l(place, minute) + left_l * chance.standard_normal(paths) + 0.5)
    elif minute > 0:
        highest[:] = air.temperature_of(place)[:minute].max()
    top = air.tops_l[place] + anomaly.astype(np.int64)
    for step in steps:
        shock = shock_l((step - 1) % 1440 + 1) * chance.standard_normal(paths)
        state = np.clip(np.floor(PERSISTENCE_PER_MINUTE * state + shock + 0.5), -REACH_L, REACH_L)
        if step > 0:
            left = lingering_l(air.inherited_l[place] - top, np.array(step))
            highest = np.maximum(highest, top - air.depth_of(place)[step - 1] + left + state)
    return official_f(highest)


def plain_recursion(air: Sky, place: int, edge_f: int, tops_l: np.ndarray) -> np.ndarray:
    """Return P(high ≤ edge | the wobble that was, a top) by minute since the open and top: nothing shared or banded."""
    left = lingering_l(air.inherited_l[place] - tops_l[:, None], np.arange(1, 1441))
    baseline = tops_l[:, None] - air.depth_of(place) + left
    states = np.arange(-REACH_L, REACH_L + 1)
    below = np.ones((len(states), len(tops_l)))
    rows = [below[air.wobble_of(place)[-1] + REACH_L]]
    for minute in range(1440, -DENVER_EVE, -1):
        if minute > 0:
            below = np.where(states[:, None] + baseline[:, minute - 1] <= 5 * edge_f + 2, below, 0)
        below = transition(shock_l((minute - 1) % 1440 + 1)) @ below
        below[below < 1e-40] = 0
        rows.append(below[air.wobble_l[place * 1440 + minute - 1] + REACH_L])
    return np.array(rows[::-1])


@pytest.fixture(scope="module")
def by_gap(air: Sky) -> list[date]:
    """The events from the coldest front to the warmest, by how far the air has to come from yesterday's."""
    gap_l = air.inherited_l - air.tops_l - air.anomaly_l
    return sorted(MANY.event_dates, key=lambda day: -int(gap_l[air.place(day)]))


def test_probabilities_of_an_event_sum_to_one_every_minute(brackets: np.ndarray) -> None:
    """Brackets tile the degrees, so one of them pays."""
    assert np.abs(brackets.sum(axis=1) - 1).max() < 1e-9
    assert 0 <= brackets.min()
    assert brackets.max() <= 1


def test_the_last_probability_is_the_outcome(brackets: np.ndarray, outcomes: np.ndarray) -> None:
    """At the close nothing is left to chance."""
    assert np.array_equal(outcomes, brackets[:, :, -1])


def test_a_bracket_below_the_running_maximum_is_worth_nothing(value: Worth, air: Sky, brackets: np.ndarray) -> None:
    """What has been exceeded cannot come back."""
    for place, day in enumerate(MANY.event_dates[:40]):
        so_far = official_f(np.maximum.accumulate(air.temperature_of(air.place(day))))
        dead = value.edges_of(day)[:, None] < so_far
        assert not brackets[place, :5, DENVER_EVE + 1 :][dead].any()


@pytest.mark.parametrize("minute", [0, 240, 600, 1019, 1020, 1021, 1080, 1200, 1260, 1620, 1860, 1980, 2200])
def test_outcomes_agree_with_probabilities_on_average(minute: int, brackets: np.ndarray, outcomes: np.ndarray) -> None:
    """Outcome minus probability has mean zero at every minute: within four standard errors."""
    surprise = outcomes - brackets[:, :, minute]

    error = np.sqrt((brackets[:, :, minute] * (1 - brackets[:, :, minute])).sum(axis=0)) / len(surprise)

    assert np.all(np.abs(surprise.mean(axis=0)) <= 4 * error + 1e-9)


def test_probabilities_are_martingales(brackets: np.ndarray) -> None:
    """Increments over an hour have mean zero in every bracket, on the eve and on the day."""
    moves = np.diff(brackets[:, :, ::60], axis=2)

    error = moves.std(axis=0) / math.sqrt(len(moves))

    # An hour in which a bracket moved on one day in a hundred has no normal mean to speak of.
    tested = (np.abs(moves) > 0.01).mean(axis=0) > 0.1
    assert tested.sum() > 60
    assert np.abs(moves.mean(axis=0) / np.where(tested, error, 1))[tested].max() < 4.2


@pytest.mark.parametrize(
    ("minute", "later"),
    [(0, 600), (600, 1019), (1019, 1020), (1019, 1080), (1020, 1260), (1020, 1500), (1500, 1800), (1800, 2200)],
)
def test_probabilities_are_as_sharp_as_they_claim(minute: int, later: int, brackets: np.ndarray) -> None:
    """Cheap brackets do not rise and dear ones do not fall: moves weighed by 1 - 2p have mean zero."""
    now, then = brackets[:, :, minute], brackets[:, :, later]

    excess = ((then - now) * (1 - 2 * now)).sum(axis=1)

    assert abs(excess.mean()) < 4 * excess.std() / math.sqrt(len(excess))


def test_moves_do_not_follow_from_the_price(brackets: np.ndarray) -> None:
    """Whether a bracket is dear or cheap says nothing about where it goes next."""
    before, after = brackets[:, :, 600:2300:100], brackets[:, :, 700:2400:100]
    for low in np.arange(0.05, 0.95, 0.1):
        moves = (after - before)[(before >= low) & (before < low + 0.1)]
        assert abs(moves.mean()) < 4 * moves.std() / math.sqrt(len(moves))


@pytest.mark.parametrize("rank", [0, 2, 120, -1])
@pytest.mark.parametrize("minute", [-1000, -300, -1, 0, 1, 60, 180, 239, 240, 500, 800])
def test_probabilities_agree_with_brute_force(minute: int, rank: int, value: Worth, air: Sky, by_gap: list) -> None:
    """The exact sum lies within four standard errors of thousands of drawn days, behind any front and before it."""
    day = by_gap[rank]
    highs = brute_force(air, day, minute, paths=3000)

    drawn = (highs[:, None] <= value.edges_of(day)).mean(axis=0)

    exact = value.below[MANY.event_dates.index(day), DENVER_EVE + minute]
    # A drawn share near 0 or 1 has no normal error to speak of: two paths of grace.
    assert np.all(np.abs(drawn - exact) <= 4 * np.sqrt(exact * (1 - exact) / len(highs)) + 2 / len(highs))


@pytest.mark.parametrize("rank", [0, 1, 120, -1])
def test_the_day_agrees_with_the_plain_recursion(rank: int, value: Worth, air: Sky, by_gap: list) -> None:
    """From midnight to midnight every edge is worth what a recursion for this day alone says."""
    day = by_gap[rank]
    place = air.place(day)
    so_far = np.concatenate([[-(10**6)], np.maximum.accumulate(air.temperature_of(place))])

    for edge_f, below in zip(value.edges_of(day), value.below[MANY.event_dates.index(day)].T, strict=True):
        plain = plain_recursion(air, place, edge_f, air.tops_l[[place]] + air.anomaly_l[place])[DENVER_EVE:, 0]
        expected = np.where(so_far <= 5 * edge_f + 2, plain, 0)
        assert np.abs(expected - below[DENVER_EVE:]).max() < 2e-12


@pytest.mark.parametrize(("rank", "edge"), [(0, 1), (120, 2), (-1, 0)])
def test_the_eve_agrees_with_the_plain_recursion(rank: int, edge: int, value: Worth, air: Sky, by_gap: list) -> None:
    """Before midnight an edge is worth the sum over every anomaly that may come, each with a recursion of its own."""
    day = by_gap[rank]
    place, known_l = air.place(day), air.eve_anomaly_l(air.place(day))
    anomalies = np.floor(known_l[0]).astype(np.int64) + np.arange(-80, 80)
    # A few tops at a time, lest the products be spread over threads that wait for each other.
    lots = np.split(air.tops_l[place] + anomalies, 8)
    worth_then = np.hstack([plain_recursion(air, place, value.edges_of(day)[edge], lot) for lot in lots])

    for minute in (-DENVER_EVE, -600, -240, -61, -60, -20, -2, -1):
        left_l = math.sqrt(reveal_variance_l2(air.city)[REVEAL_MINUTES + minute :].sum())
        below = normal_cdf((anomalies[:-1] + 0.5 - known_l[DENVER_EVE + minute]) / left_l)
        expected = np.diff(below, prepend=0, append=1) @ worth_then[DENVER_EVE + minute]
        exact = value.below[MANY.event_dates.index(day), DENVER_EVE + minute, edge]
        assert abs(expected - exact) < 2e-12


def test_a_transition_is_the_step_that_is_drawn() -> None:
    """P(next | state) is the normal mass that the rounding of one step collects."""
    step = transition(0.8)[REACH_L + 20]

    mean = PERSISTENCE_PER_MINUTE * 20
    mass = [math.erf((edge - mean) / (0.8 * math.sqrt(2))) / 2 for edge in (18.5, 19.5)]
    assert mass[1] - mass[0] == pytest.approx(step[REACH_L + 19], abs=1e-14)
    assert step.sum() == pytest.approx(1, abs=1e-14)


def test_the_normal_distribution_is_right_to_the_last_digits() -> None:
    """The table with its four terms agrees with the error function."""
    z = np.random.default_rng(3).uniform(-8.9, 8.9, 2000)

    expected = np.array([math.erfc(-point / math.sqrt(2)) / 2 for point in z])

    assert np.abs(expected - normal_cdf(z)).max() < 5e-16


def test_anomalies_follow_from_what_was_revealed(air: Sky) -> None:
    """A day's anomaly is the one before, faded, plus its pattern and all of its own news, rounded to the lattice."""
    expected = np.floor(FRONT_PERSISTENCE * air.anomaly_l[:-1] + air.revealed_l[1:, -1] + 0.5)

    assert np.array_equal(expected, air.anomaly_l[1:])
    assert air.anomaly_l[5] == math.floor(air.eve_anomaly_l(5)[-1] + 0.5)
    assert eve_minutes(air.city) == DENVER_EVE


def test_weather_is_neither_tame_nor_wild(air: Sky) -> None:
    """Turbulence has a spread of about 1.8 °F; fronts are wilder in Denver than by the ocean."""
    by_the_ocean = sky(MANY, "los_angeles")

    assert 1.2 < air.wobble_l.std() / 5 < 2.2
    assert 6 < air.anomaly_l.std() / 5 < 11
    assert 3 < by_the_ocean.anomaly_l.std() / 5 < 6


@pytest.mark.parametrize(
    ("lattice", "degrees"), [(352, 70), (353, 71), (350, 70), (357, 71), (358, 72), (-3, -1), (-2, 0)]
)
def test_official_degrees_round_half_up(lattice: int, degrees: int) -> None:
    """70.4 °F is 70, 70.6 °F is 71: no lattice point is a tie."""
    assert degrees == official_f(np.array(lattice))


def test_seasons_are_meteorological() -> None:
    """December opens the winter."""
    months = [season(date(2026, month, 1)) for month in (12, 2, 3, 8, 11)]

    assert ["winter", "winter", "spring", "summer", "autumn"] == months
