"""Trailing windows against the definition worked out row by row."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwx.signals.trailing import moments, percentile, scaled

STEPS = 20_000
values = st.lists(st.lists(st.none() | st.integers(-50, 50), min_size=1, max_size=25), min_size=1, max_size=3)


def panel(markets):
    """Return the rows of some markets, each a list of whole numbers of steps."""
    return pl.DataFrame(
        {
            "market": [number for number, rows in enumerate(markets) for _ in rows],
            "move": [None if one is None else one / STEPS for rows in markets for one in rows],
        },
        schema={"market": pl.UInt32, "move": pl.Float64},
    )


def windows(markets, minutes):
    """Yield each row's value and the known values of its window."""
    for rows in markets:
        for end in range(1, len(rows) + 1):
            yield rows[end - 1], [one for one in rows[max(end - minutes, 0) : end] if one is not None]


def scaled_of(markets, *, minutes, least, limit):
    """Return the scaled moves."""
    windows = moments("one", pl.col("move"), steps_per_one=STEPS, minutes=minutes)
    return panel(markets).with_columns(**windows).select(scaled("one", least=least, limit=limit)).to_series()


@given(values, st.integers(2, 8), st.integers(2, 4))
def test_a_scaled_move_is_over_the_deviation_of_its_window(markets, minutes, least):
    """The sample deviation of the known values of the last minutes; 0 where nothing varied, null on too few."""
    expected = []
    for value, seen in windows(markets, minutes):
        deviation = np.std(seen, ddof=1) if len(seen) >= least else 0
        known = value is not None and len(seen) >= least
        expected.append((float(np.clip(value / deviation, -3, 3)) if deviation > 0 else 0.0) if known else None)

    got = scaled_of(markets, minutes=minutes, least=least, limit=3)

    assert expected == [None if one is None else pytest.approx(one, abs=1e-9) for one in got]


@given(values, st.integers(2, 8), st.integers(2, 4))
def test_a_percentile_is_the_share_below_and_half_of_the_equals(markets, minutes, least):
    """Among the known values of the window, itself included."""
    expected = [
        None if value is None or len(seen) < least
        else (sum(one < value for one in seen) + sum(one == value for one in seen) / 2) / len(seen)
        for value, seen in windows(markets, minutes)
    ]  # fmt: skip

    got = panel(markets).select(percentile(pl.col("move"), minutes=minutes, least=least)).to_series()

    assert expected == [None if one is None else pytest.approx(one, abs=1e-12) for one in got]


def test_what_left_a_window_leaves_no_trace():
    """After a wild hour a flat one says exactly 0, and so it does whatever came before."""
    rng = np.random.default_rng(1)
    wild, flat = rng.integers(-9_999, 9_999, 500).tolist(), [0] * 30 + [1, 0, 2]

    after = scaled_of([wild + flat], minutes=20, least=5, limit=10)[-33:]
    alone = scaled_of([flat], minutes=20, least=5, limit=10)

    assert [0.0] * 10 == after[20:30].to_list()
    assert after[20:].equals(alone[20:])
