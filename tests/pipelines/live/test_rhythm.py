"""Turns lie on a fixed grid: neither delays nor failures shift them, and what was missed is not made up for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipelines.live.rhythm import Rhythm, Turn, spread

BEGAN = datetime(2026, 10, 31, 14, 0, 7, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def after(seconds: float) -> datetime:
    """Return an instant so many seconds after the beginning."""
    return BEGAN + timedelta(seconds=seconds)


@given(
    every_s=st.integers(1, 900),
    shift_s=st.integers(0, 900),
    steps_s=st.lists(st.floats(0.01, 400), min_size=1, max_size=60),
)
def test_there_is_one_turn_in_each_period_however_late_it_is_asked(every_s, shift_s, steps_s):
    """The periods are those of the grid, whenever it is looked."""
    rhythm, now_utc, taken = Rhythm(every_s, after_s=shift_s), BEGAN, []
    for step_s in steps_s:
        now_utc += timedelta(seconds=step_s)
        period = (now_utc - EPOCH - timedelta(seconds=shift_s)) // timedelta(seconds=every_s)
        if rhythm.take(now_utc) is Turn.REGULAR:
            taken.append(period)
        assert [period] == taken[-1:]

    assert sorted(set(taken)) == taken


def test_what_failed_is_tried_again_soon_and_the_next_turn_comes_in_time():
    """A failure of an hourly question does not cost an hour."""
    rhythm = Rhythm(3_600, retry_s=60)

    turns = [rhythm.take(after(0))]
    rhythm.failed(after(0))
    turns += [rhythm.take(after(seconds)) for seconds in (30, 60, 61, 120)]
    turns.append(rhythm.take(after(3_600)))

    assert [Turn.REGULAR, Turn.NONE, Turn.AGAIN, Turn.NONE, Turn.NONE, Turn.REGULAR] == turns


def test_a_regular_turn_takes_the_place_of_another_try():
    """Where both fall together everything is asked, not only what failed."""
    rhythm = Rhythm(60, retry_s=60)
    rhythm.take(after(0))
    rhythm.failed(after(0))

    assert [Turn.REGULAR, Turn.NONE] == [rhythm.take(after(60)), rhythm.take(after(61))]


@given(questions=st.integers(1, 20), minutes=st.integers(1, 30))
def test_several_questions_are_spread_over_their_period_and_none_falls_where_a_minute_is_decided(questions, minutes):
    """Each within twelve seconds of its even share, in the order of the questions, none in a minute's beginning."""
    every_s = 60 * minutes
    shifts_s = [spread(place, questions, every_s) for place in range(questions)]

    assert shifts_s == sorted(shifts_s)
    for place, shift_s in enumerate(shifts_s):
        assert 0 <= shift_s - place * every_s / questions <= 12
        assert shift_s % 60 >= 11.999
