"""What an audit looks at, and how findings of days that follow each other become one."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwx.audits.scope import Scope, spans
from warehouse.errors import BadDateRange, Refused
from warehouse.lake.store import Lake

FIRST = date(2026, 10, 31)


@given(st.sets(st.integers(0, 60)))
def test_stretches_hold_each_day_once_and_have_a_hole_between_them(numbers):
    """They are the days, and no two of them could be one."""
    days = {FIRST + timedelta(days=number) for number in numbers}

    found = list(spans(days))

    held = [since + timedelta(days=more) for since, until in found for more in range((until - since).days + 1)]
    assert sorted(days) == held
    assert all(later[0] - earlier[1] > timedelta(days=1) for earlier, later in pairwise(found))


def test_a_scope_has_the_days_of_any_table(demo_lake):
    """The eve of the first event has weather alone."""
    scope = Scope(snapshot=Lake(demo_lake).snapshot(), cities=("nyc",), until=date(2026, 11, 1))

    assert {"nyc": [FIRST - timedelta(days=1), FIRST, date(2026, 11, 1)]} == dict(scope.days)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"cities": ("denver",)}, Refused),
        ({"since": date(2027, 1, 1)}, Refused),
        ({"since": date(2026, 11, 2), "until": date(2026, 11, 1)}, BadDateRange),
    ],
)
def test_what_the_lake_does_not_have_is_refused(demo_lake, asked, error):
    """A city or dates without any row, and a range that runs backwards."""
    with pytest.raises(error):
        _ = Scope(snapshot=Lake(demo_lake).snapshot(), **asked).days
