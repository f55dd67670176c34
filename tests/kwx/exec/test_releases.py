"""When reports are due: days computed by hand, on both sides of a change of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwx.exec.releases import Clock, Release, release_minutes, releases_of
from warehouse.market.cities import CITIES

MINUTE = timedelta(minutes=1)


def spans(city, start_utc, minutes=1_440, guard=2):
    """Return the first and last end of each run of flagged minutes, as HH:MM of UTC."""
    near = np.flatnonzero(np.diff(release_minutes(city, start_utc, minutes, guard), prepend=False, append=False))
    ends = [start_utc + (int(place) + 1) * MINUTE for place in near]
    return [f"{a:%H:%M}-{b - MINUTE:%H:%M}" for a, b in zip(ends[::2], ends[1::2], strict=True)]


def test_a_day_of_chicago_by_hand():
    """KMDW reports at :53; the first of November 2026 ends summer time, so its afternoon is on standard time.

    Bulletins last until :58, the usual reports for two minutes, and the guard is two minutes on both sides. The day's
    24-hour group stands in the bulletin of 05:53, with the six-hour group.
    """
    told = spans("chicago", datetime(2026, 11, 1, tzinfo=UTC))

    assert [
        "05:51-06:00", "06:14-06:20", "06:44-06:50", "11:51-12:00", "17:51-18:00", "22:21-22:47", "23:51-00:00",
    ] == told  # fmt: skip


def test_the_afternoon_report_follows_the_wall_clock_and_nothing_else_does():
    """On the last day of summer time it comes an hour earlier in UTC."""
    summer = spans("chicago", datetime(2026, 10, 31, tzinfo=UTC))
    winter = spans("chicago", datetime(2026, 11, 1, tzinfo=UTC))

    assert {"21:21-21:47"} == set(summer) - set(winter)
    assert {"22:21-22:47"} == set(winter) - set(summer)


@pytest.mark.parametrize(
    ("city", "utc"),
    [
        ("nyc", "04:51"), ("chicago", "05:53"), ("miami", "04:53"), ("austin", "05:53"), ("denver", "06:53"),
        ("los_angeles", "07:53"), ("philadelphia", "04:54"),
    ],
)  # fmt: skip
def test_the_group_of_the_whole_day_comes_before_standard_midnight(city, utc):
    """The hours of the table of the seven stations, in winter and in summer; a minute before it is not near."""
    hour, minute = map(int, utc.split(":"))
    for month in (1, 7):
        stamp = datetime(2026, month, 15, hour, minute, tzinfo=UTC)
        near = release_minutes(city, stamp - 4 * MINUTE, 3, 1)

        assert [False, False, True] == near.tolist()


def test_every_report_of_a_city():
    """Their names, clocks and minutes: Denver's by hand."""
    told = releases_of(CITIES["denver"])

    def at(report, clock, first, last):
        return Release(report=report, clock=clock, first_minute=first, last_minute=last)

    assert (
        at("metar_6h", Clock.UTC, 353, 358), at("metar_6h", Clock.UTC, 713, 718), at("metar_6h", Clock.UTC, 1073, 1078),
        at("metar_6h", Clock.UTC, 1433, 1438), at("metar_24h", Clock.STANDARD, 1433, 1438),
        at("dsm", Clock.STANDARD, 16, 18), at("preliminary", Clock.CIVIL, 983, 1005), at("final", Clock.UTC, 451, 453),
    ) == told  # fmt: skip


def test_no_guard_is_no_minute():
    """Zero turns it off."""
    assert not release_minutes("chicago", datetime(2026, 11, 1, tzinfo=UTC), 1_440, 0).any()


@given(
    city=st.sampled_from(tuple(CITIES)), shift=st.integers(0, 3 * 1_440), guard=st.integers(1, 60),
)  # fmt: skip
def test_a_minute_is_near_wherever_one_begins_to_count(city, shift, guard):
    """The same instants, from any start, over days, midnights and the change of the clocks."""
    start = datetime(2026, 10, 30, 3, 17, tzinfo=UTC)
    whole = release_minutes(city, start, 4 * 1_440, guard)

    later = release_minutes(city, start + shift * MINUTE, 1_000, guard)

    assert np.array_equal(whole[shift : shift + 1_000], later)


@given(city=st.sampled_from(tuple(CITIES)), guard=st.integers(1, 59))
def test_a_wider_guard_takes_a_minute_more_on_each_side(city, guard):
    """And leaves out none."""
    start = datetime(2026, 10, 31, tzinfo=UTC)
    narrow, wide = (release_minutes(city, start, 2_880, minutes) for minutes in (guard, guard + 1))

    grown = narrow.copy()
    grown[:-1] |= narrow[1:]
    grown[1:] |= narrow[:-1]
    assert np.array_equal(grown[1:-1], wide[1:-1])
