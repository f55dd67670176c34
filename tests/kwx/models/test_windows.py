"""Walk-forward windows: what is fitted, what is judged, and the date between them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwx.models.windows import PURGED_DAYS, Window, walk, window_dates
from warehouse.errors import Refused, Unparsable, Usage

SINCE = date(2026, 1, 1)
days = st.integers(1, 40)


@given(length=st.integers(3, 200), train_days=days, test_days=days, step_days=days)
def test_no_window_is_judged_on_a_date_that_it_knows(length, train_days, test_days, step_days):
    """Between the last fitted date and the first judged one lies a whole date, in every window of every walk."""
    until = SINCE + timedelta(days=length - 1)
    if length < train_days + PURGED_DAYS + 1:
        with pytest.raises(Refused, match="are needed"):
            list(walk(SINCE, until, train_days=train_days, test_days=test_days, step_days=step_days))
        return

    windows = list(walk(SINCE, until, train_days=train_days, test_days=test_days, step_days=step_days))

    assert SINCE == windows[0].train_since
    for one in windows:
        assert train_days == len(one.train_dates)
        assert timedelta(days=PURGED_DAYS + 1) == one.test_since - one.train_until
        assert one.test_until <= until
        assert all(one.serves(day) for day in one.test_dates)
        assert not any(one.serves(day) for day in one.train_dates)
        assert not one.serves(one.train_until + timedelta(days=PURGED_DAYS))
        assert (one.test_since, one.test_until) == window_dates(one.name)
    if step_days <= test_days:  # then every date after the first window's fit is judged
        judged = {day for one in windows for day in one.test_dates}
        assert judged == {windows[0].test_since + timedelta(days=ahead) for ahead in range(len(judged))}
        assert until in judged


def test_a_window_that_would_know_its_test_is_refused():
    """The eve of the first judged date is the day after the last fitted one, which has not settled by then."""
    with pytest.raises(Usage, match="would be tested on 2026-01-06, fitted to 2026-01-05"):
        Window(
            train_since=SINCE, train_until=date(2026, 1, 5), test_since=date(2026, 1, 6), test_until=date(2026, 1, 9)
        )


@pytest.mark.parametrize("name", ["win_20260101", "win_20260105_20260101", "w_20260101_20260105", "win_a_b", ""])
def test_what_names_no_window_is_refused(name):
    """A name that was mistyped is told how names look."""
    with pytest.raises(Unparsable, match="names no window"):
        window_dates(name)
