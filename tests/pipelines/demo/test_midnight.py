"""The air passes midnight without a jump, and now and then the first hours of a day keep its high."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from pipelines.demo.weather import HANDOVER_MINUTES, Sky, lingering_l, sky
from pipelines.demo.world import World

YEAR = World(days=365)


@pytest.fixture(scope="module", params=YEAR.cities)
def air(request: pytest.FixtureRequest) -> Sky:
    return sky(YEAR, request.param)


@pytest.fixture(scope="module")
def temperatures_f(air: Sky) -> np.ndarray:
    """Day by minute over a year of seasons."""
    return np.stack([air.temperature_of(air.place(day)) for day in YEAR.event_dates]) / 5


def test_minutes_around_midnight_are_like_other_minutes(temperatures_f: np.ndarray) -> None:
    """From half an hour before midnight to an hour after it, steps spread and reach at most a third wider than ever."""
    steps = np.diff(temperatures_f.ravel(), prepend=temperatures_f[0, 0]).reshape(temperatures_f.shape)
    around, elsewhere = np.hstack([steps[1:, :60], steps[:-1, -30:]]), steps[:, HANDOVER_MINUTES:-30]

    assert 0.75 < around.std() / elsewhere.std() < 1.33
    assert 0.75 < steps[1:, 0].std() / elsewhere.std() < 1.33
    assert np.abs(around).max() < 1.33 * np.abs(elsewhere).max()


def test_the_baseline_never_jumps(air: Sky) -> None:
    """Within a day and over every midnight, also that of a new season, the noiseless part moves by 0.4 °F at most."""
    baseline_l = np.concatenate([air.baseline_of(air.place(day)) for day in YEAR.event_dates])

    assert np.abs(np.diff(baseline_l)).max() <= 2


def test_a_few_days_have_their_high_in_the_first_hours(air: Sky, temperatures_f: np.ndarray) -> None:
    """Behind a cold front the warmest air of a day is what yesterday left: on one to twelve days of a hundred."""
    early = temperatures_f.argmax(axis=1) + 1 <= 360
    front_f = np.array([air.inherited_l - air.tops_l - air.anomaly_l])[0, [air.place(d) for d in YEAR.event_dates]] / 5

    assert 0.01 < early.mean() < 0.12
    assert front_f[early].min() > 3


def test_what_lingers_fades_steadily_to_nothing() -> None:
    """The hand-over begins where yesterday ended, only closes the gap, and is over in its time."""
    minute = np.arange(1441)
    for gap_l in (-87, -1, 0, 1, 40, 111):
        left = lingering_l(np.array(gap_l), minute)
        assert gap_l == left[0]
        assert (np.diff(np.abs(left)) <= 0).all()
        assert np.abs(np.diff(left)).max() <= 1
        assert not left[HANDOVER_MINUTES:].any()


def test_yesterday_hands_over_at_its_own_level(air: Sky) -> None:
    """Without turbulence the first minute of a day continues the last one of the day before."""
    for day in YEAR.event_dates[1:]:
        place, before = air.place(day), air.place(day - timedelta(days=1))
        assert abs(air.baseline_of(place)[0] - air.baseline_of(before)[-1]) <= 2


def test_an_expected_baseline_is_the_one_that_comes_once_the_day_has_begun(air: Sky) -> None:
    """At midnight nothing is open but the rounding to the lattice."""
    place = air.place(YEAR.event_dates[100])

    assert np.abs(air.expected_baseline_l(place, 0) - air.baseline_of(place)).max() <= 0.5
