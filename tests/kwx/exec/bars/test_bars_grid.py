"""Where minutes lie in the arrays."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tests.kwx.exec.bars.made_day import COLD, DAY, MINUTES, OPENS, WARM, a_grid, an_event, at


def test_a_grid_holds_its_minutes_and_a_row_for_the_settlement() -> None:
    """Ten minutes of two brackets, one city and one date are eleven rows."""
    grid = a_grid()

    assert grid.shape == (MINUTES + 1, 2, 1, 1)
    assert grid.tickers[:, 0, 0].tolist() == [COLD, WARM]
    assert grid.starts_utc.tolist() == [OPENS.replace(tzinfo=None)]


@given(microseconds=st.integers(-120_000_000, (MINUTES + 2) * 60_000_000))
def test_an_instant_lies_in_the_first_minute_that_ends_at_it_or_later(microseconds: int) -> None:
    """Row t is (start + t, start + t + 1] minutes; before the first and after the last minute there is nothing."""
    grid = a_grid()
    instant = OPENS + timedelta(microseconds=microseconds)

    cells = grid.cells(pl.Series([WARM]), pl.Series([instant], dtype=pl.Datetime("us", "UTC")))

    expected = [t for t in range(MINUTES) if at(t) < instant <= at(t + 1)]
    assert cells.kept.tolist() == [bool(expected)]
    assert cells.at.tolist() == [t * 2 + 1 for t in expected]


def test_markets_that_the_grid_has_not_lie_nowhere() -> None:
    """Rows of another event, even between those of ours, are left out."""
    cells = a_grid().cells(pl.Series([COLD, "KXHIGHCHI-26NOV03-T60", WARM]), pl.Series([at(1)] * 3))

    assert cells.kept.tolist() == [True, False, True]
    assert cells.at.tolist() == [0, 1]


def test_every_date_has_the_same_minutes_counted_from_its_own_start() -> None:
    """A city that opens later, or a date an hour later, begins in a later row of the same length."""
    eve = DAY - timedelta(days=1)
    early = an_event(event_date=eve, opens_utc=at(-24 * 60 - 60), closes_utc=at(-24 * 60))
    late = an_event(city="denver", closes_utc=at(MINUTES))
    grid = a_grid(early, late, cities=("chicago", "denver"), dates=(eve, DAY))

    assert grid.shape == (60 + MINUTES + 1, 2, 2, 2)
    assert np.diff(grid.starts_utc).tolist() == [timedelta(days=1)]
    assert grid.tickers[0].tolist() == [[COLD, ""], ["", COLD]]
